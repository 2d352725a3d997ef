/** The report of a message whose claim about its sender's log cannot be true. */

import type { MessageType } from '@babuza/raftpb';

/** Which number of a message cannot be true. */
export type ImpossibleClaimKind =
  /** The member acknowledges entries behind the last index of the leader. */
  | 'match'
  /** The member rejects an append behind the last index of the leader. */
  | 'rejected'
  /** The hint of a rejection lies above the index that is rejected. */
  | 'hint'
  /** The term of the hint lies above the term of the leader. */
  | 'hint-term'
  /** The member sends a commit index above the last index of the leader. */
  | 'commit'
  /** The append of the leader follows an entry whose term differs from the committed one here. */
  | 'append-term';

/** A message of a member that was dropped because its claim cannot be true. */
export interface ImpossibleClaim {
  readonly from: bigint;
  readonly messageType: MessageType;
  readonly kind: ImpossibleClaimKind;
  /** The claimed number: an index, or a term for `hint-term` and `append-term`. */
  readonly claimed: number;
  /** The highest value that can be true; for `append-term` the only one. */
  readonly atMost: number;
  /** The term of this node. */
  readonly term: number;
  /**
   * How many messages of this member and kind were dropped since the last change of role, this one
   * included.
   */
  readonly times: number;
}

/** Receives claims. It must not throw, and must not call the node. */
export type ImpossibleClaimSink = (claim: ImpossibleClaim) => unknown;
