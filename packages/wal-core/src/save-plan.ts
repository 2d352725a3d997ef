/**
 * A checked batch: the changes that a back end must write, in the order of the fields below, all or
 * nothing. Back ends make no decisions about Raft; they store plans and read them back.
 */
import type { Entry, HardState, SnapshotMetadata } from '@babuza/raftpb';

export interface SavePlan {
  /** A snapshot marker. It is applied first. */
  readonly marker: SnapshotMetadata | undefined;
  /**
   * Whether the marker resets the log: the log has no entry with its index and term, so everything
   * recorded before is dropped and the log starts behind it.
   */
  readonly resets: boolean;
  /** Entries at and above this index are dropped before `entries` are added. */
  readonly truncateFrom: number | undefined;
  /**
   * The new entries, or an empty array. The first one follows the log as it is after the steps
   * above.
   */
  readonly entries: readonly Entry[];
  /** The new hard state, if it changes. */
  readonly hardState: HardState | undefined;
  /** Entries up to this index are purged; `term` is the term at the index. Applied last. */
  readonly purgeTo: { readonly index: number; readonly term: number } | undefined;
  /**
   * Whether the plan must be durable before it is acknowledged. False when only the commit index
   * changes.
   */
  readonly durable: boolean;
  /** Sum of the encoding sizes of the entries, for the size limit of a commit batch. */
  readonly bytes: number;
}

/** A plan that changes nothing. */
export const emptyPlan: SavePlan = Object.freeze({
  marker: undefined,
  resets: false,
  truncateFrom: undefined,
  entries: Object.freeze([]),
  hardState: undefined,
  purgeTo: undefined,
  durable: false,
  bytes: 0,
});
