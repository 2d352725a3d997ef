/**
 * The database that all logs of a manager write to, with one batch under way at a time. What waits
 * meanwhile, of whatever log, is the next batch, so that logs share syncs.
 *
 * Invariant: nothing is written after a write that failed. LevelDB goes on with its own log where a
 * write stopped half-way, and cannot read again what comes behind that: it would be acknowledged
 * and lost. So a failure of one log's write, or of a deletion, ends the writing of all of them.
 * With one batch at a time nothing can be behind a failure unnoticed.
 *
 * Nor is anything believed that is read after it, but by logs that know what of it is durable: the
 * database may show batches that are not. It has to be closed and opened again, which recovers it
 * from the disk; `DatabaseHolder` does that.
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

/** What one log wants to be written as a whole. */
export interface LogBatch {
  readonly operations: readonly LevelOperation[];
  /** Of keys and values. */
  readonly bytes: number;
}

/** Keys that are there: `first` and `last` are of it. */
export interface KeySpan {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

/**
 * Bytes after which a batch takes in no further log: what waits is then written one after the
 * other.
 */
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
  /** Absent: nobody else can reach the database. */
  readonly lock?: LogLock | undefined;
  /** Called once, at the write that fails, before anybody can act on it. */
  readonly onFailure: (error: WalError) => void;
}

export class SharedDatabase {
  readonly database: LevelDatabase;
  readonly #parts: SharedDatabaseParts;
  #waiting: Waiting[] = [];
  #busy = false;
  #failure: WalError | undefined;
  /** Resolves when the work that was begun in `use` has ended; it never rejects. */
  #usesEnd: Promise<void> = Promise.resolve();

  constructor(parts: SharedDatabaseParts) {
    this.#parts = parts;
    this.database = parts.database;
  }

  get lock(): LogLock | undefined {
    return this.#parts.lock;
  }

  /** Why nothing is written any more. */
  get failure(): WalError | undefined {
    return this.#failure;
  }

  /** Throws why nothing that was read may be believed. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** All or nothing of the batch. Durable after it, with `sync`. */
  write(batch: LogBatch, sync: boolean): Promise<void> {
    return this.#submit(batch, sync);
  }

  /** Deletes all keys of the span, not durably. */
  clear(span: KeySpan): Promise<void> {
    return this.#submit(span, false);
  }

  /** Ends the writing of all logs: the directory is another process's. What waits is rejected. */
  fail(error: WalError): void {
    this.#fail([], error);
  }

  /**
   * Work of nobody who has a log open. The database stays open meanwhile, and if it fails
   * meanwhile, what was found is not told.
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

  /** For when no log in it is open. May be called again if it fails. */
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
   * How many of those that wait are written together: batches up to the next deletion, or a
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
      // A deletion is always by itself.
      if (isSpan(what))
        return this.database.clear({ gte: what.first, lte: what.last, ...bytesOnly });
      operations.push([...what.operations]);
    }
    const sync = group.some((waiting) => waiting.sync);
    const { kind } = this.#parts;
    if (kind.write !== undefined) return kind.write(this.database, operations.flat(), sync);
    // Not a literal where it is used: `sync` is an option of databases that have it.
    const options = { ...bytesOnly, sync };
    return this.database.batch(operations.flat(), options);
  }

  #fail(group: readonly Waiting[], cause: unknown): void {
    const error = writeFailure(cause, this.#parts.directory);
    for (const { reject } of group) reject(error);
    // Then nothing was written, and what waits may be.
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
