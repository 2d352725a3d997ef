/**
 * The reasons why LevelDB could not be loaded: in real processes, from which Node.js or an
 * incomplete package keeps it, and by the errors of bundlers.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { whyNotLoaded, type LoadingWorld } from '../src/why-not-loaded.ts';

const packageFolder = fileURLToPath(new URL('..', import.meta.url));
const installed = dirname(createRequire(import.meta.url).resolve('classic-level/package.json'));
const shipped = ['linux-x64', 'linux-arm64', 'darwin-x64+arm64', 'win32-x64'];
let root = '';

beforeEach(async () => {
  root = await realpath(await mkdtemp(`${tmpdir()}/babuza-level-load-`));
});

afterEach(() => rm(root, { recursive: true }));

interface Outcome {
  readonly code: string;
  readonly reason?: string;
  readonly message?: string;
}

/** The output of a process that opens a log with the package in this folder. */
async function open(folder: string, ...flags: string[]): Promise<Outcome> {
  const entryPoint = pathToFileURL(join(folder, 'dist', 'index.js')).href;
  const script = join(root, 'open.mjs');
  await writeFile(
    script,
    `const { walBackend } = await import(${JSON.stringify(entryPoint)});
    const outcome = await walBackend.open('/nowhere')
      .then(() => ({ code: 'opened' }))
      .catch(({ code, reason, message }) => ({ code, reason, message }));
    console.log(JSON.stringify(outcome));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, script]);
  return JSON.parse(stdout);
}

/** Copies this package with a classic-level of its own and returns the folders of both. */
async function copyOfPackage(withLevel: (target: string) => Promise<void>): Promise<string> {
  const copy = join(root, 'node_modules', '@babuza', 'wal-level-disk');
  await mkdir(copy, { recursive: true });
  await cp(join(packageFolder, 'dist'), join(copy, 'dist'), { recursive: true });
  await cp(join(packageFolder, 'package.json'), join(copy, 'package.json'));
  for (const name of ['vfs', 'wal-core', 'wal-files', 'wal-level']) {
    await symlink(join(packageFolder, '..', name), join(copy, '..', name), 'junction');
  }
  const modules = join(root, 'node_modules');
  const real = await realpath(installed);
  for (const name of await readdir(dirname(real))) {
    if (name === basename(real) || name.startsWith('.')) continue;
    await symlink(join(dirname(real), name), join(modules, name), 'junction');
  }
  await withLevel(join(modules, 'classic-level'));
  return copy;
}

/** The files of classic-level. `copies` selects the folders and files that are copied. */
async function copyLevel(target: string, copies: (name: string) => boolean): Promise<void> {
  await mkdir(target);
  for (const name of await readdir(installed)) {
    if (name === 'deps' || name === 'node_modules' || !copies(name)) continue;
    await cp(join(installed, name), join(target, name), { recursive: true });
  }
}

const permission = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';

describe('LevelDB that Node.js forbids', () => {
  it('opens without restrictions', async () => {
    const folder = await copyOfPackage((target) => copyLevel(target, () => true));
    expect(await open(folder)).toEqual({ code: 'opened' });
  });

  it.each([
    ['--no-addons', ['--no-addons']],
    ['the permission model without --allow-addons', [permission, '--allow-fs-read=*']],
  ])('by %s', async (_name, flags) => {
    expect(await open(packageFolder, ...flags)).toEqual({
      code: 'WAL_UNSUPPORTED',
      reason: 'forbidden',
      message: expect.stringMatching(
        /native binaries.*--no-addons.*--allow-addons.*'babuza-wal'.*The cause: Cannot load native addon/s,
      ),
    });
  });

  it('by a permission model that hides the package', async () => {
    const readable = [root, join(packageFolder, '..')].map((path) => `--allow-fs-read=${path}/`);
    const outcome = await open(packageFolder, permission, '--allow-addons', ...readable);
    expect(outcome).toMatchObject({ code: 'WAL_UNSUPPORTED', reason: 'forbidden' });
    expect(outcome.message).toMatch(/read .*classic-level.*--allow-fs-read/s);
  });
});

describe('LevelDB with an incomplete package', () => {
  it('lacks all binaries, as in a bundle', async () => {
    const folder = await copyOfPackage((target) =>
      copyLevel(target, (name) => name !== 'prebuilds'),
    );
    const outcome = await open(folder);
    expect(outcome).toMatchObject({ code: 'WAL_UNSUPPORTED', reason: 'bundled' });
    expect(outcome.message).toContain(
      `not its binary for ${process.platform} ${process.arch}: the folder ${join(root, 'node_modules', 'classic-level')}/prebuilds is missing or empty.`,
    );
    expect(outcome.message).toMatch(/external.*'babuza-wal'.*No native build was found/s);
  });

  it('has a binary that cannot be loaded', async () => {
    const folder = await copyOfPackage(async (target) => {
      await copyLevel(target, (name) => name !== 'prebuilds');
      await mkdir(join(target, 'build', 'Release'), { recursive: true });
      await writeFile(join(target, 'build', 'Release', 'leveldb.node'), 'no binary');
    });
    const outcome = await open(folder);
    expect(outcome).toMatchObject({ code: 'WAL_UNSUPPORTED', reason: 'not-loadable' });
    expect(outcome.message).toMatch(/was found, and this system could not load it.*noexec/s);
  });

  it('is not installed', async () => {
    const folder = await copyOfPackage(async () => undefined);
    const outcome = await open(folder);
    expect(outcome).toMatchObject({ code: 'WAL_UNSUPPORTED', reason: 'not-installed' });
    expect(outcome.message).toMatch(/optional dependency.*npm install classic-level/s);
  });
});

const world: LoadingWorld = {
  platform: 'linux',
  arch: 'x64',
  mayRead: () => true,
  namesIn: async () => shipped,
};

/** The error of classic-level's loader when it finds no binary. */
const noBuild = (platform: string, arch: string): Error =>
  new Error(
    `No native build was found for platform=${platform} arch=${arch} runtime=node abi=115 uv=1 libc=glibc node=20.20.2\n    loaded from: /app/lib\n`,
  );

const withCode = (message: string, code: string): Error =>
  Object.assign(new Error(message), { code });

describe('the reason', () => {
  const cases: readonly [string, unknown, Partial<LoadingWorld>, string, RegExp][] = [
    [
      'a platform that classic-level does not know',
      noBuild('freebsd', 'x64'),
      {},
      'platform',
      /on freebsd x64/,
    ],
    ['another processor', noBuild('linux', 'riscv64'), {}, 'platform', /on linux riscv64/],
    [
      'a variant of a platform that is known',
      noBuild('linux', 'arm64'),
      {},
      'platform',
      /on linux arm64/,
    ],
    [
      'a bundle of CommonJS, with nothing beside it',
      noBuild('linux', 'x64'),
      { namesIn: async () => [] },
      'bundled',
      /not its binary for linux x64: the folder \/app\/lib\/prebuilds is missing or empty/,
    ],
    [
      'a package that was made for another machine',
      noBuild('darwin', 'arm64'),
      { namesIn: async () => ['linux-x64'] },
      'bundled',
      /for darwin arm64: the folder \/app\/lib\/prebuilds has linux-x64 only/,
    ],
    [
      'binaries that the process must not read',
      noBuild('linux', 'x64'),
      {
        mayRead: (path) => path !== '/app/lib/prebuilds',
        namesIn: async () => [],
      },
      'forbidden',
      /read \/app\/lib\/prebuilds/,
    ],
    [
      'a bundle of ES modules',
      new ReferenceError('__dirname is not defined in ES module scope'),
      {},
      'bundled',
      /inside of a bundle/,
    ],
    [
      'a bundle of esbuild',
      new Error('Dynamic require of "node-gyp-build" is not supported'),
      {},
      'bundled',
      /inside of a bundle/,
    ],
    [
      'a single executable',
      withCode('No such built-in module: classic-level', 'ERR_UNKNOWN_BUILTIN_MODULE'),
      {},
      'bundled',
      /inside of a bundle/,
    ],
    [
      'a dependency of the package that is missing',
      withCode("Cannot find module 'napi-macros'", 'MODULE_NOT_FOUND'),
      {},
      'not-installed',
      /or a package that it needs, is not installed/,
    ],
    ['what nobody expects', 'a text', {}, 'not-loadable', /The cause: a text/],
  ];

  it.each(cases)('is told for %s', async (_name, error, changes, reason, message) => {
    const told = await whyNotLoaded(error, { ...world, ...changes });
    expect([told.code, told.reason, told.cause]).toEqual(['WAL_UNSUPPORTED', reason, error]);
    expect(told.message).toMatch(message);
    expect(told.message).toContain("'babuza-wal' (@babuza/wal-native)");
  });
});
