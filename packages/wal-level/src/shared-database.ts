/**
 * The database that all logs of a manager write to. One batch is under way at a time. Batches of
 * all logs that arrive meanwhile are written together next, so that logs share syncs.
 *
 * Invariant: nothing is written after a failed write. LevelDB continues its own log where a write
 * stopped half-way, and after a restart it cannot read what follows: those batches would be
 * acknowledged and lost. So a failed write or deletion of one log ends the writing of all logs.
 * Because only one batch is under way, none can follow a failure unnoticed.
 *
 * After a failure only the open logs may read, because they know what is durable: the database may
 * show batches that are not. `DatabaseHolder` closes it and opens it again, which recovers it from
 * disk.
 */
import { isRefusal, type WalError } from '@babuza/wal-core';
import type { LogLock } from '@babuza/wal-core/backend';
import {
  bytesOnly,
  type LevelDatabase,
  type LevelOperation,
  type LevelStoreKind,
} from './database.ts';
import { writeFailure } from './level-errors.ts';

/** The operations that one log writes atomically. */
export interface LogBatch {
  readonly operations: readonly LevelOperation[];
  /** The sum of the sizes of keys and values. */
  readonly bytes: number;
}

/** A range of existing keys, both ends included. */
export interface KeySpan {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

/** A shared batch takes in no further log beyond this size. The rest is written after it. */
const sharedBytesMax = 4 * 1024 * 1024;

interface Waiting {
  readonly what: LogBatch | KeySpan;
  readonly sync: boolean;
  readonly resolve: () => void;
  readonly reject: (error: WalError) => void;
}

export interface SharedDatabaseParts {
  readonly kind: LevelStoreKind;
  readonly database: LevelDatabase;
  readonly directory: string;
  /** The lock of the directory. Absent if no other process can reach the database. */
  readonly lock?: LogLock | undefined;
  /** Called once, at the write that fails, before any caller sees the failure. */
  readonly onFailure: (error: WalError) => void;
}

export class SharedDatabase {
  readonly database: LevelDatabase;
  readonly #parts: SharedDatabaseParts;
  #waiting: Waiting[] = [];
  #busy = false;
  #failure: WalError | undefined;
  /** Resolves when all work that began in `use` has ended. It never rejects. */
  #usesEnd: Promise<void> = Promise.resolve();

  constructor(parts: SharedDatabaseParts) {
    this.#parts = parts;
    this.database = parts.database;
  }

  get lock(): LogLock | undefined {
    return this.#parts.lock;
  }

  /** The error after which nothing is written any more. */
  get failure(): WalError | undefined {
    return this.#failure;
  }

  /** Throws the failure, because nothing read from the database may be used after it. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Writes the batch atomically. With `sync` it is durable when the promise resolves. */
  write(batch: LogBatch, sync: boolean): Promise<void> {
    return this.#submit(batch, sync);
  }

  /** Deletes all keys of the span without a sync. */
  clear(span: KeySpan): Promise<void> {
    return this.#submit(span, false);
  }

  /**
   * Ends the writing of all logs and rejects what waits, for instance because another process took
   * the lock of the directory.
   */
  fail(error: WalError): void {
    this.#fail([], error);
  }

  /**
   * Runs work that belongs to no open log. The database stays open until the work ends. If it fails
   * meanwhile the result is discarded and the failure is thrown.
   */
  async use<Result>(work: () => Promise<Result>): Promise<Result> {
    this.throwIfFailed();
    const using = work();
    const before = this.#usesEnd;
    this.#usesEnd = using.then(
      () => before,
      () => before,
    );
    const result = await using;
    this.throwIfFailed();
    return result;
  }

  /**
   * Closes the database. The caller makes sure that no log in it is open, and may call again after
   * a failure.
   */
  async close(): Promise<void> {
    await this.#usesEnd;
    const { kind } = this.#parts;
    await (kind.close?.(this.database) ?? this.database.close());
  }

  #submit(what: LogBatch | KeySpan, sync: boolean): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ what, sync, resolve, reject });
      if (!this.#busy) void this.#drain();
    });
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, this.#nextCount());
      try {
        await this.#write(group);
        for (const { resolve } of group) resolve();
      } catch (error) {
        this.#fail(group, error);
      }
    }
    this.#busy = false;
  }

  /**
   * The number of waiting writes that go together: batches up to the next deletion, or one
   * deletion.
   */
  #nextCount(): number {
    let bytes = 0;
    let count = 0;
    for (const { what } of this.#waiting) {
      if (isSpan(what)) return Math.max(1, count);
      bytes += what.bytes;
      if (count > 0 && bytes > sharedBytesMax) return count;
      count += 1;
    }
    return count;
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    const { lock } = this.#parts;
    if (lock?.isFresh() === false) await lock.confirm();
    this.throwIfFailed();
    const operations: LevelOperation[][] = [];
    for (const { what } of group) {
      // A deletion is never combined with other writes.
      if (isSpan(what))
        return this.database.clear({ gte: what.first, lte: what.last, ...bytesOnly });
      operations.push([...what.operations]);
    }
    const sync = group.some((waiting) => waiting.sync);
    const { kind } = this.#parts;
    if (kind.write !== undefined) return kind.write(this.database, operations.flat(), sync);
    // The type of abstract-level's options lacks `sync`, which only some databases have; a separate
    // constant passes the check of excess properties.
    const options = { ...bytesOnly, sync };
    return this.database.batch(operations.flat(), options);
  }

  #fail(group: readonly Waiting[], cause: unknown): void {
    const error = writeFailure(cause, this.#parts.directory);
    for (const { reject } of group) reject(error);
    // Nothing was written then, so the waiting writes may go on.
    if (isRefusal(error)) return;
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    this.#parts.onFailure(error);
  }
}

function isSpan(what: LogBatch | KeySpan): what is KeySpan {
  return 'first' in what;
}
