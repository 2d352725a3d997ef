/**
 * A file system that repeats calls on names when the system is short of a resource for a moment.
 * Calls on an open file are not repeated: `full-io.ts` continues short reads and writes, and a
 * write or a sync that failed is never tried again.
 */
import type { Clock } from './environment.ts';
import type {
  DirectoryEntry,
  DirectoryLock,
  EntryKind,
  File,
  FileSystem,
  OpenMode,
} from './file-system.ts';
import { retryTransient } from './retry-transient.ts';

export class RetryingFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #clock: Clock;

  /** `clock` times the pauses between the attempts. */
  constructor(inner: FileSystem, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  open(path: string, mode: OpenMode): Promise<File> {
    return retryTransient(this.#clock, () => this.#inner.open(path, mode));
  }

  unlink(path: string): Promise<void> {
    return retryTransient(this.#clock, () => this.#inner.unlink(path));
  }

  rename(from: string, to: string): Promise<void> {
    return retryTransient(this.#clock, () => this.#inner.rename(from, to));
  }

  makeDirectory(path: string): Promise<void> {
    return retryTransient(this.#clock, () => this.#inner.makeDirectory(path));
  }

  removeDirectory(path: string): Promise<void> {
    return retryTransient(this.#clock, () => this.#inner.removeDirectory(path));
  }

  list(path: string): Promise<DirectoryEntry[]> {
    return retryTransient(this.#clock, () => this.#inner.list(path));
  }

  freeBytes(path: string): Promise<number> {
    return retryTransient(this.#clock, async () => this.#inner.freeBytes?.(path) ?? Infinity);
  }

  kindOf(path: string): Promise<EntryKind | undefined> {
    return retryTransient(this.#clock, () => this.#inner.kindOf(path));
  }

  syncDirectory(path: string): Promise<void> {
    return retryTransient(this.#clock, () => this.#inner.syncDirectory(path));
  }

  lock(path: string): Promise<DirectoryLock> {
    return retryTransient(this.#clock, () => this.#inner.lock(path));
  }

  foreignLock(path: string): Promise<string | undefined> {
    return retryTransient(this.#clock, () => this.#inner.foreignLock(path));
  }
}
