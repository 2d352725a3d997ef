/**
 * The one database of a manager: opened when it is first needed, and closed and opened again after
 * a write to it failed. Nothing else recovers it, and nobody is told what it holds before that.
 *
 * A failed database is left only when no log in it is open: such a log is poisoned, but may be read
 * up to what was durable. Whoever needs the database before is refused, and not kept waiting: the
 * one who waits may be the one who has to close the other log.
 */
import { InvalidArgumentError, WriteFailedError, type WalError } from '@babuza/wal-core';
import type { LevelStoreKind, PlaceLock } from './database.ts';
import { readFailure } from './level-errors.ts';
import { SharedDatabase } from './shared-database.ts';

/** Whose logs are in the database. */
export interface LogOwner {
  /** Groups whose logs are open. */
  openGroups(): readonly bigint[];
  /** The database failed: no log in it takes a write any more. */
  poisonAll(error: WalError): void;
}

export class DatabaseHolder {
  readonly #kind: LevelStoreKind;
  readonly #directory: string;
  readonly #owner: LogOwner;
  #current: Promise<SharedDatabase> | undefined;
  /** The lock of the directory, from the first opening of the database on. */
  #lock: PlaceLock | undefined;
  /** Why the directory is not this holder's any more. */
  #lockLost: WalError | undefined;
  /** The closing of a failed database, for all who need the next one. */
  #leaving: Promise<void> | undefined;

  constructor(kind: LevelStoreKind, directory: string, owner: LogOwner) {
    this.#kind = kind;
    this.#directory = directory;
    this.#owner = owner;
  }

  /** The database, which has not failed; made where there is none. */
  async open(): Promise<SharedDatabase> {
    for (;;) {
      this.#current ??= this.#openAnew();
      const shared = await this.#current;
      if (shared.failure === undefined) return shared;
      await this.#leave(shared, shared.failure);
    }
  }

  /** The same, or `undefined` where there is none; it makes nothing. */
  async existing(): Promise<SharedDatabase | undefined> {
    const shared = await this.#current;
    if (shared?.failure !== undefined) await this.#leave(shared, shared.failure);
    return (await this.exists()) ? this.open() : undefined;
  }

  /**
   * Throws where the directory holds a log of another kind. While the database is open it cannot.
   */
  async checkDirectory(): Promise<void> {
    if (this.#current !== undefined) return;
    try {
      await this.#kind.checkDirectory?.(this.#directory);
    } catch (error) {
      throw readFailure(error, this.#directory);
    }
  }

  /** Whether there is a database, open or not. */
  async exists(): Promise<boolean> {
    if (this.#current !== undefined) return true;
    try {
      return await this.#kind.exists(this.#directory);
    } catch (error) {
      throw readFailure(error, this.#directory);
    }
  }

  /** For when no call is under way and no log is open. */
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

  /** A failed opening is that of those who wait for it; the next call tries again. */
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
      throw new InvalidArgumentError('the database must support explicit snapshots');
    } catch (error) {
      await this.#releaseLock().catch(() => undefined);
      throw error;
    }
  }

  /** Held while a failed database is closed and opened again. */
  async #takeLock(): Promise<PlaceLock | undefined> {
    if (this.#lockLost !== undefined) throw this.#lockLost;
    if (this.#lock !== undefined) return this.#lock;
    const lock = await this.#kind.lock?.(this.#directory);
    this.#lock = lock;
    lock?.onLost((error) => {
      this.#lockLost = error;
      // Also logs that nobody writes to are told at once.
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
      const message = `${this.#directory} failed to write and has to be opened again: close all of its logs first; open are those of the groups ${open.join(', ')}`;
      throw new WriteFailedError(message, failure);
    }
    this.#leaving ??= this.#closeFailed(failed);
    await this.#leaving;
  }

  /** If it cannot be closed it stays the one that failed: the next call tries again. */
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
