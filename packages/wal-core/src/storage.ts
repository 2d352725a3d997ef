/**
 * What the Raft core reads from a log: the six methods of etcd raft's `Storage` and the errors that
 * mean something to it. This is a door of its own, `@babuza/wal-core/storage`, free of side
 * effects, so that the core depends on nothing else of a log.
 *
 * Source: etcd-io/raft `storage.go`; docs/raft-behaviour.md, section 5.6.
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
 * A Raft log as its core sees it. All calls are synchronous: a cold read is a read of the page
 * cache, bounded by `maxBytes`. An error that is not named at a method means that the node must
 * stop.
 */
export interface Storage {
  /** The hard state and the membership to start with; both empty for a new log. */
  initialState(): { hardState: HardState; confState: ConfState };

  /**
   * The entries from `lo` up to, not including, `hi`, in ascending order without gaps. Reading
   * stops before the sum of the protobuf encoding sizes exceeds `maxBytes` (`Infinity`: no limit),
   * but at least one entry is returned where `lo < hi`. The array belongs to the caller; the
   * entries and their payloads are immutable.
   *
   * @throws CompactedError when `lo` is before `firstIndex()`
   * @throws UnavailableError when `hi` is above `lastIndex() + 1`
   * @throws CorruptError, ReadFailedError when the log cannot give them back unaltered
   */
  entries(lo: number, hi: number, maxBytes: number): Entry[];

  /**
   * The term of the entry at `index`, for `index` from `firstIndex() - 1` to `lastIndex()`.
   *
   * @throws CompactedError below, UnavailableError above that range
   */
  term(index: number): number;

  /** The index of the first entry that can be read; `lastIndex() + 1` when there is none. */
  firstIndex(): number;

  /**
   * The index of the last durable entry, or of the snapshot or purge it starts behind; 0 when new.
   */
  lastIndex(): number;

  /**
   * The newest snapshot; `data` is a manifest of the application or absent, never the state itself.
   *
   * @throws SnapshotTemporarilyUnavailableError when there is none: the core asks again later
   */
  snapshot(): Snapshot;
}
