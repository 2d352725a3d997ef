/**
 * The contract of one log. Every back end keeps it, and the conformance suite
 * (`@babuza/wal-core/conformance`) is this contract as tests.
 *
 * A log takes batches (`save`) and acknowledges each when it is durable, strictly in the order of
 * the calls; any number may be pending, and pending ones share one write and one sync. What it
 * holds is read through the `Storage` that was opened together with it, which shows only what is
 * durable. The log is the only writer of that storage.
 */
import type { Entry, HardState, SnapshotMetadata } from '@babuza/raftpb';
import type { WalEventSource } from './events.ts';

/** What one `save` makes durable, all or nothing. Absent parts stay as they are. */
export interface SaveBatch {
  /**
   * The new hard state. Commit never goes back, and term only with `restartsTerms`; the vote
   * changes only with the term, or from none. A commit index above the last entry (of this batch
   * included) is refused.
   */
  readonly hardState?: HardState | undefined;
  /**
   * Entries in ascending order without gaps, the first one at most one behind the last entry of the
   * log. Entries that the log has at and above the first index are dropped. Committed entries
   * cannot be dropped, terms never go down from one index to the next.
   */
  readonly entries?: readonly Entry[] | undefined;
  /** A snapshot marker: see `saveSnapshot`. It counts before the entries of the same batch. */
  readonly snapshot?: SnapshotMetadata | undefined;
  /**
   * The term of the hard state may be lower than before: a recovery by one survivor begins a new
   * history. The batch must have a hard state, and a snapshot above the last index of the log,
   * which resets the log; `WAL_INVALID` otherwise. Default false.
   */
  readonly restartsTerms?: boolean | undefined;
}

/** What `purge` did. */
export interface PurgeReport {
  /** The argument of the call. */
  readonly toIndex: number;
  /** The first index that can be read from now on. */
  readonly firstIndex: number;
  /** Files (or the like) that were given back to the disk. */
  readonly segmentsRemoved: number;
  /** Files that were kept to be used again. */
  readonly segmentsRecycled: number;
  /** Bytes of the disk that the removed and recycled ones had taken. */
  readonly bytesFreed: number;
  /** Segments that are left. */
  readonly segmentsKept: number;
  /** Why covered entries are still on disk, if any are; for people. */
  readonly heldBy: string | undefined;
}

/** Counters since the log was opened, and sizes as of now. Reading them is cheap. */
export interface WalStats {
  /** Saves that were acknowledged. */
  readonly saves: number;
  /** Entries that were acknowledged. */
  readonly entries: number;
  /** Groups of saves that were written as one. */
  readonly batches: number;
  /** Syncs, or writes that are durable by themselves. Group commit makes it less than `saves`. */
  readonly syncs: number;
  /** Bytes written for saves, with all that the format adds. */
  readonly bytesWritten: number;
  /** Entries that `Storage.entries` took from the cache, and from the store. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Files (or the like) that hold the log now. */
  readonly segments: number;
  /** Memory of the index, and of the payloads in the cache, in bytes. */
  readonly indexBytes: number;
  readonly cacheBytes: number;
}

/**
 * One log. No call throws synchronously. After `WAL_NO_SPACE` or `WAL_TRY_AGAIN` the log is as
 * before the rejected save, and every save that was queued behind it is rejected too: save them
 * again, in order. After `WAL_POISONED` nothing is written any more; what is durable can still be
 * read. `WAL_LOCK_LOST` means the same, because this process is not the owner of the log any more;
 * what another one has written since is not seen.
 */
export interface Wal extends AsyncDisposable {
  readonly groupId: bigint;
  readonly stats: WalStats;
  readonly events: WalEventSource;

  /**
   * Makes a batch durable, all or nothing. Resolves when it is, after all saves before it; just
   * before that its entries, hard state and marker become visible in the storage. Entries and their
   * payloads must not change until then; the log copies what it keeps.
   *
   * A batch that changes nothing but the commit index, or nothing at all, costs no sync, but still
   * waits for all before it. After a crash the commit index may come back lower.
   *
   * Rejects with `WAL_INVALID`, `WAL_OUT_OF_ORDER`, `WAL_TOO_LARGE` (the log is unchanged, and so
   * are the saves queued around it), `WAL_NO_SPACE`, `WAL_TRY_AGAIN`, `WAL_POISONED`,
   * `WAL_LOCK_LOST` or `WAL_CLOSED`.
   */
  save(batch: SaveBatch): Promise<void>;

  /**
   * Records that a snapshot exists whose files are durable already; the same as
   * `save({ snapshot: metadata })`. If the log has an entry with its index and term (or starts
   * right behind it) the log keeps its entries. If not, the snapshot was installed from elsewhere,
   * and the log is reset to start behind it. A commit index below the marker is raised to it.
   *
   * Rejects with `WAL_SNAPSHOT_OUT_OF_DATE` when it is older than the newest marker or the start of
   * the log, and with `WAL_INVALID` when a committed entry with its index has another term.
   */
  saveSnapshot(metadata: SnapshotMetadata): Promise<void>;

  /**
   * Gives back the space of all entries up to and including `toIndex`: from then on `firstIndex` is
   * `toIndex + 1`, also after a restart where the capability `exactPurge` says so. Markers below
   * `toIndex` go too. It is done when the promise resolves. Whether a snapshot covers what goes is
   * for the caller to know.
   *
   * Rejects with `WAL_INVALID` when `toIndex` is above the commit index; an index that was purged
   * before is fine.
   */
  purge(toIndex: number): Promise<PurgeReport>;

  /** Resolves when everything saved before, the commit index included, is durable. */
  sync(): Promise<void>;

  /**
   * Turns syncs off for good: `save` then resolves when the data is handed to the operating system.
   * A crash of the machine may lose any of it; `sync` then promises no more than `save`. `close`
   * still syncs. For tests and bulk loads only.
   */
  setUnsafeNoFsync(): void;

  /**
   * Waits for the saves that are queued, makes everything durable and gives all resources back. A
   * second call returns the same promise; every other call rejects with `WAL_CLOSED` from now on,
   * and so do reads of the storage.
   *
   * Everything is given back also where it rejects: with `WAL_POISONED`, or with `WAL_NO_SPACE` or
   * `WAL_TRY_AGAIN` when a commit index that had not been written yet could not be (it then comes
   * back lower).
   */
  close(): Promise<void>;
}
