/**
 * What a node wants done: `Ready`. In which order the parts are to be done is said at
 * `RawNode.ready`.
 *
 * Source: etcd-io/raft `node.go`; docs/raft-behaviour.md, section 9.2.
 */

import type { Entry, HardState, Message, Snapshot } from '@babuza/raftpb';
import type { ReadState } from './read-only.ts';

/** The role of a node. */
export const StateType = { Follower: 0, Candidate: 1, Leader: 2, PreCandidate: 3 } as const;
export type StateType = (typeof StateType)[keyof typeof StateType];

/** What a node knows and need not remember. */
export interface SoftState {
  /** The leader; `0n` when none is known. */
  readonly lead: bigint;
  readonly raftState: StateType;
}

/** One batch of work. All of it is immutable; the arrays are the receiver's. */
export interface Ready {
  /** Only when it has changed. */
  readonly softState?: SoftState | undefined;
  /** Only when it has changed. */
  readonly hardState?: HardState | undefined;
  /** Reads that may be served once their index was applied. */
  readonly readStates: readonly ReadState[];
  /** Entries to be made durable, dropping any that are stored at their indexes or behind. */
  readonly entries: readonly Entry[];
  /** A snapshot to be made durable. */
  readonly snapshot?: Snapshot | undefined;
  /** Entries to be applied, in order. */
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** Hard state and entries must be durable before the messages are sent. */
  readonly mustSync: boolean;
}

/** Whether nothing was ever seen, voted or committed. */
export function isEmptyHardState({ term, vote, commit }: HardState): boolean {
  return term === 0 && vote === 0n && commit === 0;
}

export function sameHardState(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commit === b.commit;
}

/** Whether `next` and this many entries need a sync; a commit index alone does not. */
export function mustSync(next: HardState, previous: HardState, entryCount: number): boolean {
  return entryCount > 0 || next.vote !== previous.vote || next.term !== previous.term;
}
