/**
 * The part of a log that the Raft core reads: the six methods of etcd raft's `Storage`, and the
 * errors that the core handles. It has an entry point of its own, `@babuza/wal-core/storage`, which
 * is free of side effects, so that the core depends on nothing else of a log.
 *
 * Source: the interface `Storage` in `storage.go` of etcd-io/raft; `docs/wal-api.md` describes it
 * in the section "Storage".
 */
import type { ConfState, Entry, HardState, Snapshot } from '@babuza/raftpb';

export {
  CompactedError,
  SnapshotOutOfDateError,
  SnapshotTemporarilyUnavailableError,
  UnavailableError,
  WalError,
} from './errors.ts';
export type { WalErrorCode } from './errors.ts';

/**
 * A Raft log as the Raft core sees it. All calls are synchronous: a read of an entry that is not
 * cached reads the file, usually from the page cache, and is bounded by `maxBytes`. When a method
 * throws an error that its documentation does not name, the node must stop.
 */
export interface Storage {
  /**
   * Returns the hard state and the membership that the core starts with; both are empty for a new
   * log.
   */
  initialState(): { hardState: HardState; confState: ConfState };

  /**
   * Returns the entries from `lo` up to but not including `hi`, in ascending order and without
   * gaps. The result ends before the sum of the protobuf encoding sizes exceeds `maxBytes`
   * (`Infinity`: no limit), but has at least one entry when `lo < hi`. The array belongs to the
   * caller; the entries and their payloads are immutable.
   *
   * @throws CompactedError when `lo` is below `firstIndex()`
   * @throws UnavailableError when `hi` is above `lastIndex() + 1`
   * @throws CorruptError, ReadFailedError when the log cannot return the entries unaltered
   */
  entries(lo: number, hi: number, maxBytes: number): Entry[];

  /**
   * Returns the term at `index`, for `index` from `firstIndex() - 1` to `lastIndex()`.
   *
   * @throws CompactedError below that range
   * @throws UnavailableError above that range
   */
  term(index: number): number;

  /** Returns the index of the first entry; `lastIndex() + 1` when there are no entries. */
  firstIndex(): number;

  /**
   * Returns the index of the last durable entry. Without entries it is the index of the snapshot or
   * purge that the log starts behind, or 0.
   */
  lastIndex(): number;

  /**
   * Returns the newest snapshot. `data` is a manifest of the application or absent, never the state
   * itself.
   *
   * @throws SnapshotTemporarilyUnavailableError when there is no snapshot yet: the core asks again
   * later
   */
  snapshot(): Snapshot;
}
