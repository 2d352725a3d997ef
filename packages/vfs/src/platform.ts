/**
 * The differences between operating systems that matter here. The README has the same as a table.
 *
 * - Linux: a write through an `O_DSYNC` descriptor is durable when it returns. It is one call in
 *   the thread pool; a write and an `fdatasync` would be two.
 * - macOS: `O_DSYNC` exists but does not flush the cache of the drive. `fdatasync` and `fsync` of
 *   Node.js do, because libuv uses `F_FULLFSYNC`. So a durable write is a write and an `fdatasync`.
 * - Windows: there is no `O_DSYNC` and no sync of directories. A file that is open elsewhere often
 *   cannot be renamed or removed; the error code then is one that means "permission" on other
 *   systems.
 */
import { constants } from 'node:fs';

/** The traits of one operating system. */
export interface PlatformTraits {
  /**
   * Flag for `open` that makes each write durable; `undefined` if the system has no reliable one.
   */
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
