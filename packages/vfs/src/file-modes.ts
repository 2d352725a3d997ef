/**
 * Modes of files that were not created through `FileSystem`, for instance by a database library.
 * Files that `FileSystem` creates are private to their user from the beginning.
 */
import fs from 'node:fs';

const groupAndOthers = 0o077;

/**
 * Takes the rights of the group and of all others away from a file; the rights of its user stay.
 * The file is not opened. Has no effect if the name is missing or is not a file, or if the mode
 * cannot be changed because the file belongs to another user or its file system has no modes. Never
 * rejects.
 */
export async function restrictToUser(path: string): Promise<void> {
  try {
    const found = await fs.promises.lstat(path);
    if (!found.isFile() || (found.mode & groupAndOthers) === 0) return;
    await fs.promises.chmod(path, found.mode & 0o700);
  } catch {
    // The mode stays as it is.
  }
}

const mayRead = 0o055;
const mayWrite = 0o022;

/**
 * The most that users other than the one of this process may do in a directory: `write` if they can
 * add, replace or remove names, `read` if they can list it or open its files, and `undefined` if
 * neither. The superuser is not counted. If the directory belongs to another user, the answer is
 * `write`. Windows has no such modes: there the answer is `undefined`, as it is for a directory
 * that is missing or cannot be read. Never rejects.
 */
export async function rightsOfOthers(path: string): Promise<'read' | 'write' | undefined> {
  const ownUser = process.getuid?.();
  if (ownUser === undefined) return undefined;
  try {
    const { mode, uid } = await fs.promises.stat(path);
    const isForeign = uid !== ownUser && uid !== 0;
    if (isForeign || (mode & mayWrite) !== 0) return 'write';
    return (mode & mayRead) === 0 ? undefined : 'read';
  } catch {
    return undefined;
  }
}
