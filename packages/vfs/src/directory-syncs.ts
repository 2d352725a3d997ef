/**
 * The syncs of the directories of one owner. After a sync of a directory has failed, the kernel may
 * have dropped any change of names that was made before it. A later sync that succeeds says nothing
 * about those changes. So a failure is remembered: work that began before it gets the same error
 * from every later sync of that directory.
 *
 * Two syncs of one directory never run at the same time. Otherwise one could succeed while the
 * other fails and drops the names that both were to make durable.
 */
import { FileError } from './file-error.ts';

interface Failure {
  readonly number: number;
  readonly error: FileError;
}

export class DirectorySyncs {
  readonly #sync: (path: string) => Promise<void>;
  /**
   * For each directory, a promise that resolves when the sync that was requested last has ended.
   */
  readonly #running = new Map<string, Promise<void>>();
  /** The last failure of each directory. */
  readonly #failures = new Map<string, Failure>();
  #failureCount = 0;

  constructor(sync: (path: string) => Promise<void>) {
    this.#sync = sync;
  }

  /**
   * How many syncs have failed so far. Work that begins now passes this number to `run` as `since`.
   */
  get failureCount(): number {
    return this.#failureCount;
  }

  /**
   * Syncs the directory after the syncs of it that were requested before. Rejects if the sync
   * fails, or if an earlier sync of this directory failed after the failure with number `since`.
   */
  run(path: string, since: number): Promise<void> {
    const before = this.#running.get(path);
    const sync =
      before === undefined ? this.#begin(path, since) : before.then(() => this.#begin(path, since));
    const ended = sync
      .catch(() => undefined)
      .then(() => {
        if (this.#running.get(path) === ended) this.#running.delete(path);
      });
    this.#running.set(path, ended);
    return sync;
  }

  async #begin(path: string, since: number): Promise<void> {
    const failure = this.#failures.get(path);
    if (failure !== undefined && failure.number > since) throw failure.error;
    try {
      await this.#sync(path);
    } catch (error) {
      // A directory that could not be opened was not synced, so no name was lost.
      if (error instanceof FileError && error.operation === 'sync-directory') {
        this.#failureCount += 1;
        this.#failures.set(path, { number: this.#failureCount, error });
      }
      throw error;
    }
  }
}
