/**
 * Explains why classic-level could not be loaded, and what to do about it. Its loader reports the
 * same error when the platform has no binary, when a bundler dropped the binary, and when the
 * process must not read it. So this code looks into the folder that the loader searched.
 */
import { UnsupportedPlatformError, type UnsupportedReason } from '@babuza/wal-core';

/** The environment that the explanation depends on. Tests replace it. */
export interface LoadingWorld {
  readonly platform: string;
  readonly arch: string;
  /** Whether the permission model of Node.js lets this process read the path. */
  mayRead(path: string): boolean;
  /** The names in a directory. Empty if the directory cannot be listed. */
  namesIn(directory: string): Promise<readonly string[]>;
}

/** The binaries that classic-level 3.0.0 ships, as its folder `prebuilds` names them. */
const shippedBinaries: readonly string[] = [
  'linux-x64',
  'linux-arm64',
  'linux-arm',
  'darwin-x64+arm64',
  'win32-x64',
  'win32-ia32',
  'android-arm64',
  'android-arm',
];
const shippedFor =
  'Linux on x64 (glibc and musl), arm64 and arm, macOS on x64 and arm64, Windows on x64 and ia32, Android on arm64 and arm';
const useNative = "use the log 'babuza-wal' (@babuza/wal-native), which needs no binary";

/** The error for a failed import of classic-level. Never rejects. */
export async function whyNotLoaded(
  error: unknown,
  world: LoadingWorld,
): Promise<UnsupportedPlatformError> {
  const { reason, what } = await explain(error, world);
  return new UnsupportedPlatformError(`${what} The cause: ${messageOf(error)}`, error, reason);
}

interface Explanation {
  readonly reason: UnsupportedReason;
  readonly what: string;
}

async function explain(error: unknown, world: LoadingWorld): Promise<Explanation> {
  const code = propertyOf(error, 'code');
  const message = messageOf(error);
  if (code === 'ERR_DLOPEN_DISABLED') return addonsForbidden;
  if (code === 'ERR_ACCESS_DENIED') return readingForbidden(propertyOf(error, 'resource'));
  const searched = /No native build was found for (.*)\s+loaded from: (.*)/.exec(message);
  if (searched !== null) return noBinary(searched[1] ?? '', (searched[2] ?? '').trim(), world);
  if (bundlerMessage.test(message) || code === 'ERR_UNKNOWN_BUILTIN_MODULE') {
    return bundled('its code runs inside of a bundle, where it cannot look for its binary.');
  }
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return notInstalled;
  return {
    reason: 'not-loadable',
    what: `LevelDB cannot be loaded on ${world.platform} ${world.arch}: the binary of classic-level was found, and this system could not load it. Common causes are a C library that is too old, a file system that is mounted with noexec, and a damaged file. Install classic-level again on this system or build it from source, or ${useNative}.`,
  };
}

/** The errors of CommonJS code in a bundle of ES modules. Bundlers use different words. */
const bundlerMessage =
  /\b(?:__dirname|__filename|require) is not defined\b|\b[Dd]ynamic require of\b/;

const addonsForbidden: Explanation = {
  reason: 'forbidden',
  what: `LevelDB cannot be loaded: Node.js does not let this process load native binaries. It was started with --no-addons, or with the permission model and without --allow-addons. Start it without --no-addons or with --allow-addons, or ${useNative}.`,
};

const notInstalled: Explanation = {
  reason: 'not-installed',
  what: `LevelDB cannot be loaded: classic-level, or a package that it needs, is not installed. It is an optional dependency, which is left out by --omit=optional and where its installation fails. Run npm install classic-level, or ${useNative}.`,
};

function readingForbidden(resource: unknown): Explanation {
  const path = typeof resource === 'string' && resource !== '' ? resource : 'its files';
  return {
    reason: 'forbidden',
    what: `LevelDB cannot be loaded: the permission model of Node.js does not let this process read ${path}. Allow it with --allow-fs-read for the whole package classic-level and the packages that it needs, and binaries with --allow-addons, or ${useNative}.`,
  };
}

function bundled(problem: string): Explanation {
  return {
    reason: 'bundled',
    what: `LevelDB cannot be loaded: classic-level is there, but ${problem} Leave classic-level out of the bundle (mark it as external), and ship its whole package, with the folder prebuilds, in node_modules; or ${useNative}.`,
  };
}

/** Explains that the loader found no binary for `target` in the package in `directory`. */
async function noBinary(
  target: string,
  directory: string,
  world: LoadingWorld,
): Promise<Explanation> {
  const prebuilds = `${directory}/prebuilds`;
  if (!world.mayRead(prebuilds)) return readingForbidden(prebuilds);
  const platform = /\bplatform=(\S+)/.exec(target)?.[1] ?? world.platform;
  const arch = /\barch=(\S+)/.exec(target)?.[1] ?? world.arch;
  const found = await world.namesIn(prebuilds);
  const fits = (folder: string): boolean => isFor(folder, platform, arch);
  if (!found.some(fits) && shippedBinaries.some(fits)) {
    const there = found.length === 0 ? 'is missing or empty' : `has ${found.join(', ')} only`;
    return bundled(
      `not its binary for ${platform} ${arch}: the folder ${prebuilds} ${there}. A bundler, or a copy of a part of the package, leaves it behind.`,
    );
  }
  return {
    reason: 'platform',
    what: `LevelDB cannot be loaded on ${platform} ${arch}: there is no binary for this platform, as classic-level ships binaries for ${shippedFor}. Use the log 'babuza-wal' (@babuza/wal-native), which needs no binary, or build classic-level from source.`,
  };
}

/** Whether a folder such as `darwin-x64+arm64` is for this platform. */
function isFor(folder: string, platform: string, arch: string): boolean {
  const [name, architectures = ''] = folder.split('-');
  return name === platform && architectures.split('+').includes(arch);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function propertyOf(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined;
}
