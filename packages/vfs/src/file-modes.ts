/**
 * Modes of files that a library made which does not go through `FileSystem`, such as a database.
 * Files that are made by `FileSystem` are for their user alone from the beginning.
 */
import fs from 'node:fs';

const groupAndOthers = 0o077;

/**
 * Takes the rights of the group and of all others away from a file; the rights of its user stay.
 * The file is not opened. A name that is missing or is not a file is left alone, and so is a file
 * whose mode cannot be changed: it belongs to another user, or its file system has no modes. Never
 * rejects.
 */
export async function restrictToUser(path: string): Promise<void> {
  try {
    const found = await fs.promises.lstat(path);
    if (!found.isFile() || (found.mode & groupAndOthers) === 0) return;
    await fs.promises.chmod(path, found.mode & 0o700);
  } catch {
    // The file stays as it is.
  }
}

const mayRead = 0o055;
const mayWrite = 0o022;

/**
 * The most that users other than the one of this process may do in a directory: `write` where they
 * can add, replace or remove names, `read` where they can list it or reach what is in it, and
 * `undefined` for nothing. The superuser is not counted. A directory that belongs to another user
 * is that user's to write. Windows has no such modes: there, and for a directory that is missing or
 * cannot be looked at, the answer is `undefined`. Never rejects.
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
