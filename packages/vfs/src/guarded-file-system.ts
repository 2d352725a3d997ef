/**
 * A file system whose owner writes only while it holds the lock of its directory. Every call that
 * changes something first asks the lock that was taken through this file system whether it is
 * fresh, and confirms it where it is not. So a process that stood still for a while, in whatever
 * step of its work, learns that another one has taken over before it overwrites, renames or removes
 * anything.
 *
 * While the lock is fresh a call goes to the file system below as it is: no promise and no object
 * more. Only the syncs of a directory go one after the other, and stay failed once one has failed
 * (see `DirectorySyncs`). Reads are never held up. Before a lock is taken everything passes. A
 * synchronous call cannot wait for a confirmation: its caller asks the lock before.
 */
import { DirectorySyncs } from './directory-syncs.ts';
import type { Environment } from './environment.ts';
import type {
  DirectoryEntry,
  DirectoryLock,
  EntryKind,
  File,
  FileSystem,
  OpenMode,
} from './file-system.ts';

/** A world whose file system has one owner for each directory. */
export interface GuardedEnvironment extends Environment {
  readonly fileSystem: GuardedFileSystem;
}

/** The same world, with a guarded file system. */
export function guardedEnvironment({ fileSystem, clock, random }: Environment): GuardedEnvironment {
  return { fileSystem: new GuardedFileSystem(fileSystem), clock, random };
}

/** The state that all views of a guarded file system share. */
interface Owner {
  readonly directorySyncs: DirectorySyncs;
  lock: DirectoryLock | undefined;
}

function ownerOf(below: FileSystem): Owner {
  const directorySyncs = new DirectorySyncs((path) => below.syncDirectory(path));
  return { directorySyncs, lock: undefined };
}

export class GuardedFileSystem implements FileSystem {
  readonly #below: FileSystem;
  readonly #owner: Owner;
  /** The failures of directory syncs that the work of this view does not have to know. */
  readonly #failuresBefore: number;

  /** `owner` is for `fromNow` only. */
  constructor(below: FileSystem, owner: Owner = ownerOf(below)) {
    this.#below = below;
    this.#owner = owner;
    this.#failuresBefore = owner.directorySyncs.failureCount;
  }

  /**
   * The same files under the same lock, for a piece of work that begins now: it is told only of
   * syncs of directories that fail from now on. Without it a directory whose sync has failed once
   * has no sync any more.
   */
  fromNow(): GuardedFileSystem {
    return new GuardedFileSystem(this.#below, this.#owner);
  }

  /** For one owner with one directory: the lock that was taken last is the one that counts. */
  async lock(path: string): Promise<DirectoryLock> {
    const lock = await this.#below.lock(path);
    this.#owner.lock = lock;
    return lock;
  }

  /**
   * To be awaited before something is acknowledged that was written. Rejects as
   * `DirectoryLock.confirm`; `undefined` where the lock is fresh, and where none was taken.
   */
  confirm(): Promise<void> | undefined {
    const { lock } = this.#owner;
    return lock === undefined || lock.isFresh() ? undefined : lock.confirm();
  }

  open(path: string, mode: OpenMode): Promise<File> {
    if (mode === 'read') return this.#below.open(path, mode);
    return this.#guarded(() => this.#below.open(path, mode)).then(
      (file) => new GuardedFile(file, this),
    );
  }

  unlink(path: string): Promise<void> {
    return this.#guarded(() => this.#below.unlink(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#guarded(() => this.#below.rename(from, to));
  }

  makeDirectory(path: string): Promise<void> {
    return this.#guarded(() => this.#below.makeDirectory(path));
  }

  removeDirectory(path: string): Promise<void> {
    return this.#guarded(() => this.#below.removeDirectory(path));
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return this.#below.list(path);
  }

  async freeBytes(path: string): Promise<number> {
    return this.#below.freeBytes?.(path) ?? Infinity;
  }

  kindOf(path: string): Promise<EntryKind | undefined> {
    return this.#below.kindOf(path);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#guarded(() => this.#owner.directorySyncs.run(path, this.#failuresBefore));
  }

  foreignLock(path: string): Promise<string | undefined> {
    return this.#below.foreignLock(path);
  }

  #guarded<Result>(call: () => Promise<Result>): Promise<Result> {
    const confirming = this.confirm();
    return confirming === undefined ? call() : confirming.then(call);
  }
}

/** An open file of a guarded file system. */
class GuardedFile implements File {
  readonly path: string;
  readonly #below: File;
  readonly #guard: GuardedFileSystem;

  constructor(below: File, guard: GuardedFileSystem) {
    this.path = below.path;
    this.#below = below;
    this.#guard = guard;
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#below.read(target, position);
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#below.readSync(target, position);
  }

  write(data: Uint8Array, position: number): Promise<void> {
    const confirming = this.#guard.confirm();
    if (confirming === undefined) return this.#below.write(data, position);
    return confirming.then(() => this.#below.write(data, position));
  }

  writeSync(data: Uint8Array, position: number): void {
    this.#below.writeSync(data, position);
  }

  writeDurable(parts: readonly Uint8Array[], position: number): Promise<void> {
    const confirming = this.#guard.confirm();
    if (confirming === undefined) return this.#below.writeDurable(parts, position);
    return confirming.then(() => this.#below.writeDurable(parts, position));
  }

  writeDurableSync(parts: readonly Uint8Array[], position: number): void {
    this.#below.writeDurableSync(parts, position);
  }

  /**
   * Makes durable what was written before; it changes nothing that another owner could have
   * written.
   */
  datasync(): Promise<void> {
    return this.#below.datasync();
  }

  datasyncSync(): void {
    this.#below.datasyncSync();
  }

  truncate(bytes: number): Promise<void> {
    const confirming = this.#guard.confirm();
    if (confirming === undefined) return this.#below.truncate(bytes);
    return confirming.then(() => this.#below.truncate(bytes));
  }

  size(): Promise<number> {
    return this.#below.size();
  }

  close(): Promise<void> {
    return this.#below.close();
  }
}
