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
