/**
 * A file system whose owner writes only while it holds the lock of its directory. Every call that
 * changes something first checks whether the lock that was taken through this file system is fresh,
 * and confirms it if it is not. So a process that was suspended at any step of its work learns that
 * another one has taken over before it overwrites, renames or removes anything.
 *
 * While the lock is fresh, a call is passed on without another promise or object. The syncs of one
 * directory run one after the other, and a failed one makes all later ones fail (see
 * `DirectorySyncs`). Reads are never delayed. Before a lock is taken, every call is passed on. A
 * synchronous call cannot wait for a confirmation: its caller must check the lock first.
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

/** An environment whose file system is guarded by the lock of a directory. */
export interface GuardedEnvironment extends Environment {
  readonly fileSystem: GuardedFileSystem;
}

/** The same environment with a guarded file system. */
export function guardedEnvironment({ fileSystem, clock, random }: Environment): GuardedEnvironment {
  return { fileSystem: new GuardedFileSystem(fileSystem), clock, random };
}

/** The state that all views (`fromNow`) of a guarded file system share. */
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
  /**
   * How many syncs of directories had failed when this view was made; those failures do not matter
   * to it.
   */
  readonly #failuresBefore: number;

  /** Only `fromNow` passes `owner`. */
  constructor(below: FileSystem, owner: Owner = ownerOf(below)) {
    this.#below = below;
    this.#owner = owner;
    this.#failuresBefore = owner.directorySyncs.failureCount;
  }

  /**
   * A view of the same files under the same lock, for work that begins now. Only syncs of
   * directories that fail from now on make its later syncs fail. Without such a view, a directory
   * whose sync has failed once could never be synced again.
   */
  fromNow(): GuardedFileSystem {
    return new GuardedFileSystem(this.#below, this.#owner);
  }

  /**
   * Takes the lock that guards all calls of this file system from now on. A later lock replaces it,
   * so one guarded file system serves one owner with one directory.
   */
  async lock(path: string): Promise<DirectoryLock> {
    const lock = await this.#below.lock(path);
    this.#owner.lock = lock;
    return lock;
  }

  /**
   * Renews a lock that is not fresh; `undefined` if the lock is fresh or no lock was taken. Await
   * it before a write is acknowledged. Rejects as `DirectoryLock.confirm` does.
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
   * Not guarded: it only makes durable what was written before, and changes no byte of another
   * owner.
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
