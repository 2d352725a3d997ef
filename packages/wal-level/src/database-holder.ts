/**
 * Holds the one database of a manager. It is opened when it is first needed, and closed and opened
 * again after a failed write, because only an opening recovers it. Until then nothing that the
 * database shows is reported to anybody.
 *
 * A failed database is closed only when no log in it is open: an open log is poisoned, but what was
 * durable in it can still be read. A caller that needs the database before that is refused and does
 * not wait, because it may be the one that has to close the other log.
 */
import { InvalidArgumentError, WriteFailedError, type WalError } from '@babuza/wal-core';
import type { LevelStoreKind, DatabaseLock } from './database.ts';
import { readFailure } from './level-errors.ts';
import { SharedDatabase } from './shared-database.ts';

/** The owner of the logs in the database. */
export interface LogOwner {
  /** The groups whose logs are open. */
  openGroups(): readonly bigint[];
  /** Poisons every open log after the database failed. */
  poisonAll(error: WalError): void;
}

export class DatabaseHolder {
  readonly #kind: LevelStoreKind;
  readonly #directory: string;
  readonly #owner: LogOwner;
  #current: Promise<SharedDatabase> | undefined;
  /** The lock of the directory, held from the first opening of the database on. */
  #lock: DatabaseLock | undefined;
  /** The error with which the lock was lost. The holder never takes it again. */
  #lockLost: WalError | undefined;
  /**
   * The closing of a failed database. Every caller that needs the next database waits for the same
   * one.
   */
  #leaving: Promise<void> | undefined;

  constructor(kind: LevelStoreKind, directory: string, owner: LogOwner) {
    this.#kind = kind;
    this.#directory = directory;
    this.#owner = owner;
  }

  /** Returns a database that has not failed. Creates a missing one. */
  async open(): Promise<SharedDatabase> {
    for (;;) {
      this.#current ??= this.#openAnew();
      const shared = await this.#current;
      if (shared.failure === undefined) return shared;
      await this.#leave(shared, shared.failure);
    }
  }

  /** Returns a database that has not failed, or `undefined` if there is none. Creates nothing. */
  async existing(): Promise<SharedDatabase | undefined> {
    const shared = await this.#current;
    if (shared?.failure !== undefined) await this.#leave(shared, shared.failure);
    return (await this.exists()) ? this.open() : undefined;
  }

  /**
   * Throws if the directory holds a log of another kind. An open database proves that it does not.
   */
  async checkDirectory(): Promise<void> {
    if (this.#current !== undefined) return;
    try {
      await this.#kind.checkDirectory?.(this.#directory);
    } catch (error) {
      throw readFailure(error, this.#directory);
    }
  }

  /** Whether there is a database, open or closed. */
  async exists(): Promise<boolean> {
    if (this.#current !== undefined) return true;
    try {
      return await this.#kind.exists(this.#directory);
    } catch (error) {
      throw readFailure(error, this.#directory);
    }
  }

  /**
   * Closes the database and releases the lock. The caller makes sure that no call is under way and
   * no log is open.
   */
  async close(): Promise<void> {
    const shared = await this.#current;
    try {
      await shared?.close();
    } catch (error) {
      throw readFailure(error, this.#directory);
    } finally {
      await this.#releaseLock();
    }
  }

  /**
   * Opens the database. A failure is the failure of every call that waits for it, and the next call
   * tries again.
   */
  async #openAnew(): Promise<SharedDatabase> {
    try {
      return await this.#openSuitable();
    } catch (error) {
      this.#current = undefined;
      throw readFailure(error, this.#directory);
    }
  }

  async #openSuitable(): Promise<SharedDatabase> {
    const kind = this.#kind;
    const directory = this.#directory;
    const lock = await this.#takeLock();
    try {
      const database = await kind.open(directory);
      if (database.supports.explicitSnapshots) {
        const onFailure = (error: WalError): void => this.#owner.poisonAll(error);
        return new SharedDatabase({ kind, database, directory, lock, onFailure });
      }
      await (kind.close?.(database) ?? database.close());
      throw new InvalidArgumentError(
        `the database in ${directory} must support explicit snapshots (abstract-level 3), and does not`,
      );
    } catch (error) {
      await this.#releaseLock().catch(() => undefined);
      throw error;
    }
  }

  /** Takes the lock. It stays held while a failed database is closed and opened again. */
  async #takeLock(): Promise<DatabaseLock | undefined> {
    if (this.#lockLost !== undefined) throw this.#lockLost;
    if (this.#lock !== undefined) return this.#lock;
    const lock = await this.#kind.lock?.(this.#directory);
    this.#lock = lock;
    lock?.onLost((error) => {
      this.#lockLost = error;
      // Logs that nobody writes to must learn of the loss at once, too.
      void this.#current?.then((shared) => shared.fail(error)).catch(() => undefined);
    });
    return lock;
  }

  async #releaseLock(): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    await lock?.release();
  }

  async #leave(failed: SharedDatabase, failure: WalError): Promise<void> {
    const open = this.#owner.openGroups();
    if (open.length > 0) {
      const message = `the database in ${this.#directory} failed to write and must be opened again. Close all of its logs first: the logs of the groups ${open.join(', ')} are open`;
      throw new WriteFailedError(message, failure);
    }
    this.#leaving ??= this.#closeFailed(failed);
    await this.#leaving;
  }

  /**
   * Closes the failed database. If that fails the database stays the current one, and the next call
   * tries again.
   */
  async #closeFailed(failed: SharedDatabase): Promise<void> {
    try {
      await failed.close();
      this.#current = undefined;
    } catch (error) {
      throw readFailure(error, this.#directory);
    } finally {
      this.#leaving = undefined;
    }
  }
}
