/**
 * The contract of one log. Every back end implements it, and the conformance suite
 * (`@babuza/wal-core/conformance`) expresses it as tests.
 *
 * A log accepts batches (`save`) and acknowledges each when it is durable, strictly in the order of
 * the calls. Any number may be pending; pending saves share one write and one sync. The content is
 * read through the `Storage` that is opened together with the log, which shows durable data only.
 * The log is the only writer of that storage.
 */
import type { Entry, HardState, SnapshotMetadata } from '@babuza/raftpb';
import type { WalEventSource } from './events.ts';
import type { PurgeReport } from './reports.ts';

/** The changes that one `save` makes durable, all or nothing. Absent fields stay as they are. */
export interface SaveBatch {
  /**
   * The new hard state. The commit index never decreases, and the term only with `restartsTerms`.
   * The vote changes only with the term, or from 0 (no vote). A commit index above the last entry,
   * including those of this batch, is refused.
   */
  readonly hardState?: HardState | undefined;
  /**
   * Entries in ascending order and without gaps. The first index is at most one above the last
   * index of the log. Entries of the log at and above the first index are dropped. Committed
   * entries cannot be dropped, and terms never decrease from one index to the next.
   */
  readonly entries?: readonly Entry[] | undefined;
  /** A snapshot marker, see `saveSnapshot`. It is applied before the entries of the same batch. */
  readonly snapshot?: SnapshotMetadata | undefined;
  /**
   * Allows the term of the hard state to decrease. The recovery of a cluster from one surviving
   * member uses it to start a new history. The batch must have a hard state and a snapshot above
   * the last index of the log, which resets the log; otherwise the save rejects with `WAL_INVALID`.
   * Default false.
   */
  readonly restartsTerms?: boolean | undefined;
}

/** Counters since the log was opened, and current sizes. Reading them is cheap. */
export interface WalStats {
  /** Acknowledged saves. */
  readonly saves: number;
  /** Acknowledged entries. */
  readonly entries: number;
  /** Commit batches: saves that were written together count once. */
  readonly batches: number;
  /** Syncs, or writes that are durable by themselves. Group commit makes this less than `saves`. */
  readonly syncs: number;
  /** Bytes written for saves, including everything that the format adds. */
  readonly bytesWritten: number;
  /** Entries that `Storage.entries` read from the cache, and from the store. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Files, or comparable units, that hold the log now. */
  readonly segments: number;
  /** Bytes of memory of the index, and of the payloads in the cache. */
  readonly indexBytes: number;
  readonly cacheBytes: number;
}

/**
 * One log. No call throws synchronously. After `WAL_NO_SPACE` or `WAL_TRY_AGAIN` the log is as
 * before the rejected save, and every save queued behind it is rejected too: save them again, in
 * order. After `WAL_POISONED` the log writes nothing more; durable data can still be read. The same
 * holds after `WAL_LOCK_LOST`, which means that this process no longer owns the log; it does not
 * see what another process has written since.
 */
export interface Wal extends AsyncDisposable {
  readonly groupId: bigint;
  readonly stats: WalStats;
  readonly events: WalEventSource;

  /**
   * Makes a batch durable, all or nothing. It resolves when the batch is durable, after all saves
   * before it. Its entries, hard state and marker become visible in the storage just before. The
   * caller must not change the entries and their payloads until then; the log copies what it keeps.
   *
   * A batch that changes only the commit index, or nothing, costs no sync, but still waits for all
   * saves before it. After a crash the commit index may be lower.
   *
   * Rejects with `WAL_INVALID`, `WAL_OUT_OF_ORDER`, `WAL_TOO_LARGE` (the log and the saves queued
   * around it are not affected), `WAL_NO_SPACE`, `WAL_TRY_AGAIN`, `WAL_POISONED`, `WAL_LOCK_LOST`
   * or `WAL_CLOSED`.
   */
  save(batch: SaveBatch): Promise<void>;

  /**
   * Records that a snapshot exists; its files must be durable already. The same as `save({
   * snapshot: metadata })`. If the log has an entry with the index and term of the snapshot, or
   * starts right behind it, the log keeps its entries. Otherwise the snapshot came from another
   * node, and the log is reset to start behind it. A commit index below the marker is raised to it.
   *
   * Rejects with `WAL_SNAPSHOT_OUT_OF_DATE` when the snapshot is older than the newest marker or
   * than the start of the log, and with `WAL_INVALID` when a committed entry with its index has
   * another term.
   */
  saveSnapshot(metadata: SnapshotMetadata): Promise<void>;

  /**
   * Removes all entries up to and including `toIndex` and frees their space. From then on
   * `firstIndex` is `toIndex + 1`; after a restart too, if the capability `exactPurge` is true.
   * Markers below `toIndex` are removed as well. The work is done when the promise resolves. The
   * caller must know that a snapshot covers the removed entries.
   *
   * Rejects with `WAL_INVALID` when `toIndex` is above the commit index. An index that was purged
   * before is accepted.
   */
  purge(toIndex: number): Promise<PurgeReport>;

  /** Resolves when everything saved before, including the commit index, is durable. */
  sync(): Promise<void>;

  /**
   * Turns syncs off for good: `save` then resolves when the data is handed to the operating system,
   * and `sync` promises no more than `save`. A crash of the machine may lose any of it. `close`
   * still syncs. For tests and bulk loads only.
   */
  setUnsafeNoFsync(): void;

  /**
   * Waits for the queued saves, makes everything durable and releases all resources. A second call
   * returns the same promise. From the call on, every other call and every read of the storage
   * fails with `WAL_CLOSED`.
   *
   * All resources are released even when the call rejects: with `WAL_POISONED`, or with
   * `WAL_NO_SPACE` or `WAL_TRY_AGAIN` when a commit index that was not written yet could not be
   * written (it is then lower after the next start).
   */
  close(): Promise<void>;
}
