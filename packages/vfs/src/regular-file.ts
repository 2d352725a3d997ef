/**
 * Opens names in a data directory as regular files only. Anything else with such a name fails at
 * once with kind `not-a-file`, and is not changed:
 *
 * - A symbolic link is not followed (`O_NOFOLLOW`): it could lead out of the directory. Links above
 *   the last name are followed, so that a whole directory can lie on another disk.
 * - A FIFO or a device is opened without waiting (`O_NONBLOCK`), recognised by `fstat` and closed.
 *   Without that flag, opening a FIFO waits for a writer for ever and holds a thread of the pool of
 *   Node.js.
 */
import fs from 'node:fs';
import { toFileError } from './classify-error.ts';
import { FileError, type FileOperation } from './file-error.ts';

/**
 * Add these flags to those of `open`. Windows has neither; they have no effect on a regular file.
 */
export const regularFileFlags: number =
  definedFlag(fs.constants.O_NOFOLLOW) | definedFlag(fs.constants.O_NONBLOCK);

/** The methods of `fs.Stats` that tell the kind of a file. */
type Kinds = Pick<
  fs.StatsBase<number | bigint>,
  'isFile' | 'isDirectory' | 'isFIFO' | 'isSymbolicLink' | 'isSocket'
>;

/** Throws a `FileError` of kind `not-a-file` unless `stats` are those of a regular file. */
export function refuseOtherThanFile(stats: Kinds, operation: FileOperation, path: string): void {
  if (stats.isFile()) return;
  throw new FileError('not-a-file', operation, path, { detail: `it is ${describe(stats)}` });
}

/** Opens an existing regular file for the lock of a directory. The caller closes the handle. */
export async function openLockFile(path: string, flags: number): Promise<fs.promises.FileHandle> {
  let handle: fs.promises.FileHandle;
  try {
    handle = await fs.promises.open(path, flags | regularFileFlags);
  } catch (error) {
    const failure = toFileError(error, 'lock', path);
    throw failure.kind === 'not-a-file' ? failure : error;
  }
  try {
    refuseOtherThanFile(await handle.stat(), 'lock', path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function describe(stats: Kinds): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return stats.isSymbolicLink() ? 'a symbolic link' : 'a device';
}

/**
 * At run time Node.js omits the flags that a platform does not have, although its types declare
 * them.
 */
function definedFlag(flag: number | undefined): number {
  return flag ?? 0;
}
