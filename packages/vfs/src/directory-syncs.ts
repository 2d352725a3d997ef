/**
 * The syncs of the directories of one owner. A sync that failed may have dropped any change of
 * names that was made before it, and a later one that succeeds says nothing about those: a name
 * that is older than the failure may never become durable. So a failure stays: a piece of work that
 * began before it has no later sync of the directory. Two syncs of a directory never run at the
 * same time, or one could succeed while the other drops what both were to make durable.
 */
import { FileError } from './file-error.ts';

interface Failure {
  readonly number: number;
  readonly error: FileError;
}

export class DirectorySyncs {
  readonly #sync: (path: string) => Promise<void>;
  /** Settles when the sync that was asked for last has ended. */
  readonly #running = new Map<string, Promise<void>>();
  /** The last failure of each directory. */
  readonly #failures = new Map<string, Failure>();
  #failureCount = 0;

  constructor(sync: (path: string) => Promise<void>) {
    this.#sync = sync;
  }

  /** How many syncs have failed: work that begins now passes it to `run`. */
  get failureCount(): number {
    return this.#failureCount;
  }

  /**
   * Rejects with what the sync rejects with, or with the last failure of the directory where it
   * came after the first `since` ones.
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
      // A directory that could not be opened was not synced, and has lost nothing.
      if (error instanceof FileError && error.operation === 'sync-directory') {
        this.#failureCount += 1;
        this.#failures.set(path, { number: this.#failureCount, error });
      }
      throw error;
    }
  }
}
