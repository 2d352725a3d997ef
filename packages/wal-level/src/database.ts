/**
 * The interface of a log to its database: abstract-level 3 with bytes as keys and values. This
 * package names no database. A package that uses it says how to open one and what that database can
 * do.
 */
import type { AbstractLevel } from 'abstract-level';
import type { WalCapabilities, WalError } from '@babuza/wal-core';
import type { LogLock } from '@babuza/wal-core/backend';
import type { EventLoopClock } from './event-loop-clock.ts';
import type { KeyRange } from './keys.ts';
import type { SyncRecords } from './sync-record.ts';

/** An open database that supports `getSync`, explicit snapshots and the encoding `view`. */
export type LevelDatabase = AbstractLevel<string | Buffer | Uint8Array, Uint8Array, Uint8Array>;

/** One step of a batch. Nobody changes its bytes any more. */
export type LevelOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** The result of `LevelStoreKind.reclaim`. */
export interface Reclaimed {
  /** How many bytes of the disk were freed. */
  readonly bytesFreed: number;
  /** A message that says why deleted entries still take space. Absent if they take none. */
  readonly heldBy?: string | undefined;
}

/** The lock of the directory of a database; see `DirectoryLock` of `@babuza/vfs`. */
export interface DatabaseLock extends LogLock {
  /** Calls `listener` once when the lock is found lost. */
  onLost(listener: (error: WalError) => void): void;
  /** Releases the lock. Rejects with `LockLostError` if the lock was lost before. */
  release(): Promise<void>;
}

/** A kind of database, as a back end presents it to `LevelWalManager`. */
export interface LevelStoreKind {
  readonly capabilities: WalCapabilities;
  /**
   * Whether the database makes a batch with `sync: true` durable. If not, nothing is ever durable,
   * and the log counts no syncs.
   */
  readonly syncs: boolean;
  /**
   * Throws if the directory must not be used for a database of this kind, for instance because it
   * holds a log of another kind. The manager calls it before it uses the directory for the first
   * time. It creates nothing. Absent: every directory is suitable.
   */
  checkDirectory?(directory: string): Promise<void>;
  /** Whether there is a database in the directory. It creates nothing. */
  exists(directory: string): Promise<boolean>;
  /**
   * Takes the lock of the directory before the database is opened, and creates a missing directory.
   * Rejects with `LockedError`. Absent: no other process can reach the database.
   */
  lock?(directory: string): Promise<DatabaseLock>;
  /**
   * Opens the database in the directory, creates a missing one, and keeps other owners out until it
   * is closed. It may reject with errors of abstract-level (`LEVEL_…`), which the caller
   * translates, or with errors of wal-core.
   */
  open(directory: string): Promise<LevelDatabase>;
  /** Closes a database that `open` returned. Absent: `database.close()`. */
  close?(database: LevelDatabase): Promise<void>;
  /**
   * Writes the operations as one atomic batch, which is durable if `sync` is set. Absent:
   * `database.batch`. A kind implements this method if its database has a faster way.
   */
  write?(
    database: LevelDatabase,
    operations: readonly LevelOperation[],
    sync: boolean,
  ): Promise<void>;
  /**
   * Frees the disk space that deleted entries in the range still take. A failure only appears in
   * the report of the purge. Absent: a deletion frees the space at once.
   */
  reclaim?(database: LevelDatabase, range: KeyRange): Promise<Reclaimed>;
  /**
   * Makes everything durable that was written without `sync`. Absent: the next batch with `sync`
   * makes all batches before it durable, too.
   */
  flush?(database: LevelDatabase): Promise<void>;
  /**
   * Opens the sync records of a directory. Requires `clock`. Absent: a log that lost its newest
   * batches opens as a shorter log.
   */
  readonly syncRecords?: ((directory: string) => SyncRecords) | undefined;
  /** Times the writes of the sync record and the event `slow-sync`. Absent: the log has neither. */
  readonly clock?: EventLoopClock | undefined;
}

/** The encodings that every call passes. */
export const bytesOnly: { readonly keyEncoding: 'view'; readonly valueEncoding: 'view' } = {
  keyEncoding: 'view',
  valueEncoding: 'view',
};

/** The number of items that a scan asks for at a time. A database may return fewer. */
const scanPageItems = 1000;

interface Paged<Item> {
  nextv(count: number): Promise<Item[]>;
  close(): Promise<void>;
}

/** Walks over a database page by page. The iterator is closed even if the caller stops early. */
export async function* pages<Item>(iterator: Paged<Item>): AsyncGenerator<Item[], void, void> {
  try {
    for (;;) {
      // A page may be shorter than asked for before the end. Only an empty page is the end.
      const page = await iterator.nextv(scanPageItems);
      if (page.length === 0) return;
      yield page;
    }
  } finally {
    await iterator.close();
  }
}
