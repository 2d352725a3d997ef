/**
 * The real file system. Names are durable after `syncDirectory` and contents after a sync of their
 * file. No other guarantee of the platform is relied on.
 */
import fs from 'node:fs';
import { dirname } from 'node:path';
import { toFileError } from './classify-error.ts';
import type { Clock, Random } from './environment.ts';
import { FileError } from './file-error.ts';
import type { FileOperation } from './file-error.ts';
import type {
  DirectoryEntry,
  DirectoryLock,
  EntryKind,
  File,
  FileSystem,
  OpenMode,
} from './file-system.ts';
import { lockDirectory } from './lock/directory-lock.ts';
import { foreignLockOf } from './lock/foreign-lock.ts';
import { openNodeFile } from './node-file.ts';
import { platform } from './platform.ts';

/** The file system of this machine, through `node:fs`. */
export class NodeFileSystem implements FileSystem {
  readonly #clock: Clock;
  readonly #random: Random;

  /** `clock` and `random` serve the lock: its heartbeat and its tokens. */
  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  open(path: string, mode: OpenMode): Promise<File> {
    return openNodeFile(path, mode);
  }

  async unlink(path: string): Promise<void> {
    await classified('unlink', path, () => fs.promises.unlink(path));
  }

  async rename(from: string, to: string): Promise<void> {
    // A rename between two directories needs a sync of both; a crash in between could leave both
    // names, or neither.
    if (dirname(from) !== dirname(to)) {
      throw new RangeError(`rename ${from} to ${to}: both names must be in the same directory`);
    }
    await classified('rename', from, () => fs.promises.rename(from, to));
  }

  async makeDirectory(path: string): Promise<void> {
    const missing: string[] = [];
    let existing = path;
    for (;;) {
      const kind = await this.#kindOf('mkdir', existing);
      if (kind === 'directory') break;
      if (kind !== undefined) throw new FileError('not-a-directory', 'mkdir', existing);
      missing.push(existing);
      existing = dirname(existing);
    }
    // A process that was killed right after its mkdir may have left a name that is not durable yet.
    // Each name is synced before the next one is made, so only the deepest existing one can be in
    // that state.
    await syncNameOfForeign(existing);
    for (const directory of missing.reverse()) {
      await classified('mkdir', directory, () => fs.promises.mkdir(directory, 0o700)).catch(
        (error) => {
          // Another process has created it in the meantime, which is just as good.
          if (!(error instanceof FileError) || error.kind !== 'exists') throw error;
        },
      );
      await syncDirectory('mkdir', dirname(directory));
    }
  }

  async removeDirectory(path: string): Promise<void> {
    await classified('rmdir', path, () => fs.promises.rmdir(path));
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    const entries = await classified('list', path, () =>
      fs.promises.readdir(path, { withFileTypes: true }),
    );
    return entries
      .map((entry) => ({ name: entry.name, kind: kindOfEntry(entry) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async freeBytes(path: string): Promise<number> {
    const { bavail, bsize } = await classified('stat', path, () => fs.promises.statfs(path));
    return bavail * bsize;
  }

  kindOf(path: string): Promise<EntryKind | undefined> {
    return this.#kindOf('stat', path);
  }

  syncDirectory(path: string): Promise<void> {
    return syncDirectory('open-directory', path);
  }

  lock(path: string): Promise<DirectoryLock> {
    return lockDirectory(path, this.#clock, this.#random);
  }

  foreignLock(path: string): Promise<string | undefined> {
    return foreignLockOf(path);
  }

  async #kindOf(operation: FileOperation, path: string): Promise<EntryKind | undefined> {
    try {
      return kindOfEntry(await classified(operation, path, () => fs.promises.stat(path)));
    } catch (error) {
      if (!(error instanceof FileError) || error.kind !== 'not-found') throw error;
      return kindOfLink(path);
    }
  }
}

/**
 * Makes the name of an existing directory durable. A parent that this user may not open is skipped:
 * then this user did not create the name.
 */
async function syncNameOfForeign(path: string): Promise<void> {
  const parent = dirname(path);
  if (parent === path) return;
  try {
    await syncDirectory('mkdir', parent);
  } catch (error) {
    const mayNot =
      error instanceof FileError && (error.kind === 'permission' || error.kind === 'access-denied');
    if (!mayNot) throw error;
  }
}

async function syncDirectory(operation: FileOperation, path: string): Promise<void> {
  if (!platform.syncsDirectories) return;
  const { O_RDONLY, O_DIRECTORY } = fs.constants;
  // Two operations with names of their own. If the directory cannot be opened, nothing was synced
  // and nothing is lost. A sync that failed is final, even if its code is transient for other
  // operations.
  const handle = await classified(operation, path, () =>
    fs.promises.open(path, O_RDONLY | O_DIRECTORY),
  );
  await classified('sync-directory', path, async () => {
    try {
      // All names of this directory are durable after this.
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

/**
 * The kind of a name that `stat` did not find. A link that leads nowhere still occupies its name,
 * so no file can be created there. Anything else was created after the `stat`, and counts as what
 * it is.
 */
async function kindOfLink(path: string): Promise<EntryKind | undefined> {
  const found = await fs.promises.lstat(path).catch(() => undefined);
  return found === undefined ? undefined : kindOfEntry(found);
}

function kindOfEntry(entry: fs.Dirent | fs.Stats): EntryKind {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'directory' : 'other';
}

async function classified<T>(
  operation: FileOperation,
  path: string,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toFileError(error, operation, path);
  }
}
