/**
 * All that differs between operating systems, in one place (the README says the same in words).
 *
 * - Linux: a write through an `O_DSYNC` descriptor is durable when it returns: one call, one trip
 *   through the thread pool, where a write and an `fdatasync` are two.
 * - macOS: has `O_DSYNC` too, but it does not flush the drive's cache. `fdatasync` and `fsync` of
 *   Node.js do: its library asks for `F_FULLFSYNC`. So: write, then `fdatasync`.
 * - Windows: no `O_DSYNC` and no sync of directories; a file that is open elsewhere can often
 *   neither be renamed nor removed, which it says with a code that means "permission" elsewhere.
 */
import { constants } from 'node:fs';

/** What one operating system can do. */
export interface PlatformTraits {
  /** Flag for `open` that makes each write durable, or `undefined` where that cannot be trusted. */
  readonly durableWriteFlag: number | undefined;
  /** Whether a directory can be synced. */
  readonly syncsDirectories: boolean;
  /** Codes that mean "another handle is open" when a name is renamed or removed. */
  readonly openHandleErrnos: ReadonlySet<string>;
  /** Whether `/proc` tells about processes, boots and process namespaces. */
  readonly hasProc: boolean;
}

/** The traits of an operating system, named as in `process.platform`. */
export function traitsOf(name: NodeJS.Platform): PlatformTraits {
  return {
    durableWriteFlag: name === 'linux' ? constants.O_DSYNC : undefined,
    syncsDirectories: name !== 'win32',
    openHandleErrnos: new Set(name === 'win32' ? ['EPERM', 'EACCES', 'EBUSY'] : []),
    hasProc: name === 'linux',
  };
}

/** The traits of the operating system that runs this process. */
export const platform: PlatformTraits = traitsOf(process.platform);
