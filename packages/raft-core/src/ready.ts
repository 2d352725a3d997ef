/**
 * `Ready`: the work that a node hands out. `RawNode.ready` tells in which order its parts are done.
 *
 * Source: etcd-io/raft `node.go`; docs/raft-behaviour.md, section 9.2.
 */

import type { Entry, HardState, Message, Snapshot } from '@babuza/raftpb';

/** The role of a node. The name is etcd's. */
export const StateType = { Follower: 0, Candidate: 1, Leader: 2, PreCandidate: 3 } as const;
export type StateType = (typeof StateType)[keyof typeof StateType];

/** The part of the state that is not durable. */
export interface SoftState {
  /** The id of the leader; `0n` when no leader is known. */
  readonly lead: bigint;
  readonly raftState: StateType;
}

/** The answer to `readIndex`: the read may be served once the entry at `index` is applied. */
export interface ReadState {
  readonly index: number;
  /** The context that the caller gave to `readIndex`. */
  readonly requestContext: Uint8Array;
}

/** One batch of work. Its objects are immutable; its arrays belong to the receiver. */
export interface Ready {
  /** The soft state, if it has changed. */
  readonly softState?: SoftState | undefined;
  /** The hard state, if it has changed. */
  readonly hardState?: HardState | undefined;
  /** The reads that may be served once their index is applied. */
  readonly readStates: readonly ReadState[];
  /** The entries to write. They replace all stored entries at their indexes and behind. */
  readonly entries: readonly Entry[];
  /** The snapshot to write. */
  readonly snapshot?: Snapshot | undefined;
  /** The entries to apply, in order. */
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** Whether hard state and entries must be durable before the messages are sent. */
  readonly mustSync: boolean;
}

/** Whether this is the hard state of a node that was never started. */
export function isEmptyHardState({ term, vote, commit }: HardState): boolean {
  return term === 0 && vote === 0n && commit === 0;
}

export function sameHardState(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commit === b.commit;
}

/** Whether a write needs an fsync. A changed commit index alone does not. */
export function mustSync(next: HardState, previous: HardState, entryCount: number): boolean {
  return entryCount > 0 || next.vote !== previous.vote || next.term !== previous.term;
}
