/**
 * What a log needs of its database: abstract-level 3 with bytes as keys and values. This package
 * names no database; one that uses it says how to open one and what it can do.
 */
import type { AbstractLevel } from 'abstract-level';
import type { WalCapabilities, WalError } from '@babuza/wal-core';
import type { LogLock } from '@babuza/wal-core/backend';
import type { KeyRange } from './keys.ts';
import type { Witness } from './witness.ts';

/** An open database that supports `getSync`, explicit snapshots and the encoding `view`. */
export type LevelDatabase = AbstractLevel<string | Buffer | Uint8Array, Uint8Array, Uint8Array>;

/** One step of a batch. Its bytes are not changed any more. */
export type LevelOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** Time, as far as a log needs it; the clock of `@babuza/vfs` is one. */
export interface EventLoopClock {
  /** Milliseconds since an arbitrary moment, never going back. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`. The timer must not keep the process alive. */
  startTimer(delayMs: number, callback: () => void): { cancel(): void };
}

/** What `LevelStoreKind.reclaim` did. */
export interface Reclaimed {
  /** Bytes of the disk that came back. */
  readonly bytesFreed: number;
  /** Why deleted entries still take space, if they do; for people. */
  readonly heldBy?: string | undefined;
}

/** The lock of the directory of a database; see `DirectoryLock` of `@babuza/vfs`. */
export interface PlaceLock extends LogLock {
  /** Calls `listener` once when the lock is found lost. */
  onLost(listener: (error: WalError) => void): void;
  /** Gives the lock back. Rejects with `LockLostError` where it was lost. */
  release(): Promise<void>;
}

/** A kind of database, as a back end presents it to `LevelWalManager`. */
export interface LevelStoreKind {
  readonly capabilities: WalCapabilities;
  /**
   * Whether batches take `sync: true` and are durable then. Where not, nothing ever is, and nothing
   * is counted as a sync.
   */
  readonly syncs: boolean;
  /**
   * Throws where a database of this kind must not be looked for in the directory, for instance
   * because it holds a log of another kind. Called before the directory is used for the first time;
   * it makes nothing. Absent: every directory will do.
   */
  checkDirectory?(directory: string): Promise<void>;
  /** Whether there is a database in the directory; it makes nothing. */
  exists(directory: string): Promise<boolean>;
  /**
   * Takes the lock of the directory, which is made when it is missing, before the database is
   * opened. Rejects with `LockedError`. Absent: nobody else can reach the database.
   */
  lock?(directory: string): Promise<PlaceLock>;
  /**
   * Opens the database in the directory, makes it where there is none, and keeps others out until
   * it is closed. May throw errors of abstract-level (`LEVEL_…`), which are translated, or of
   * wal-core.
   */
  open(directory: string): Promise<LevelDatabase>;
  /** Closes a database that `open` gave. Absent: `database.close()`. */
  close?(database: LevelDatabase): Promise<void>;
  /**
   * Writes the operations as one atomic batch, durable with `sync`. Absent: `database.batch`, for
   * databases that have no quicker way.
   */
  write?(
    database: LevelDatabase,
    operations: readonly LevelOperation[],
    sync: boolean,
  ): Promise<void>;
  /**
   * Gives the disk back what deleted entries in the range still take. A failure is told in the
   * report of the purge and changes nothing else. Absent where a deletion is all that there is to
   * do.
   */
  reclaim?(database: LevelDatabase, range: KeyRange): Promise<Reclaimed>;
  /**
   * Makes durable what was written without `sync`. Absent where the next batch with `sync` does
   * that for all batches before it.
   */
  flush?(database: LevelDatabase): Promise<void>;
  /** Of the directory. Absent: the newest batches, lost together, are not missed. Needs `clock`. */
  readonly witness?: ((directory: string) => Witness) | undefined;
  /** For the witness and for the event `slow-sync`. Absent: there is neither. */
  readonly clock?: EventLoopClock | undefined;
}

/** The encodings of every call. */
export const bytesOnly: { readonly keyEncoding: 'view'; readonly valueEncoding: 'view' } = {
  keyEncoding: 'view',
  valueEncoding: 'view',
};

/** Items that a scan asks for at a time; a database may give fewer. */
const scanPageItems = 1000;

interface Paged<Item> {
  nextv(count: number): Promise<Item[]>;
  close(): Promise<void>;
}

/**
 * Walks over a database page by page and gives its resources back, also when the caller stops
 * early.
 */
export async function* pages<Item>(iterator: Paged<Item>): AsyncGenerator<Item[], void, void> {
  try {
    for (;;) {
      // Fewer than asked for is not the end; none is.
      const page = await iterator.nextv(scanPageItems);
      if (page.length === 0) return;
      yield page;
    }
  } finally {
    await iterator.close();
  }
}
