/**
 * A batch after it was checked: what a back end has to write, in this order, all or nothing. Back
 * ends decide nothing about Raft; they store plans and give them back.
 */
import type { Entry, HardState, SnapshotMetadata } from '@babuza/raftpb';

export interface SavePlan {
  /** A snapshot marker; counts first. */
  readonly marker: SnapshotMetadata | undefined;
  /**
   * The marker does not match the log: everything recorded before goes, the log starts behind it.
   */
  readonly resets: boolean;
  /** Entries at and above this index are dropped (before `entries` are added). */
  readonly truncateFrom: number | undefined;
  /** May be empty. The first one joins the log as it is after the steps above. */
  readonly entries: readonly Entry[];
  /** The hard state, if it changes. */
  readonly hardState: HardState | undefined;
  /** Entries up to this index go, whose term is given; counts last. */
  readonly purgeTo: { readonly index: number; readonly term: number } | undefined;
  /** Whether the plan must be durable before it is acknowledged; false for a commit index alone. */
  readonly durable: boolean;
  /** Sum of the entries' encoding sizes, for limits of a group. */
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
