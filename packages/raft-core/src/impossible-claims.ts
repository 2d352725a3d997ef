/**
 * Claims of members that cannot be true on a correct cluster. A leader has every entry that is
 * acknowledged to it or committed within its term, so a member that claims more has another log: it
 * belongs to another cluster, runs on another directory, or this node has lost entries. Such a
 * message is dropped as a whole: taking the index over would count entries as stored that the
 * member does not have.
 *
 * The check is not part of etcd, whose leader takes the index over and then sends snapshots without
 * an end.
 */

import { MessageType, type Message, type MessageType as Type } from '@babuza/raftpb';
import { messageTypeName } from './describe/names.ts';
import type { Raft } from './raft.ts';

/** What is claimed: which number of a message cannot be true. */
export type ImpossibleClaimKind =
  /** The member acknowledges entries behind the last index of the leader. */
  | 'match'
  /** The member rejects an append behind the last index of the leader. */
  | 'rejected'
  /** The hint of a rejection lies above the index that is rejected. */
  | 'hint'
  /** The term of the hint lies above the term of the leader. */
  | 'hint-term'
  /** The member tells a commit index above the last index of the leader. */
  | 'commit';

/** A message of a member that a leader has dropped, because what it claims cannot be true. */
export interface ImpossibleClaim {
  readonly from: bigint;
  readonly messageType: Type;
  readonly kind: ImpossibleClaimKind;
  /** What the member claims: an index, or a term for `hint-term`. */
  readonly claimed: number;
  /** The highest value that could be true. */
  readonly atMost: number;
  /** The term of the leader. */
  readonly term: number;
  /** How many messages of this member and kind were dropped in this term, this one included. */
  readonly times: number;
}

/** Takes claims; must not throw, and must not call back into the node. */
export type ImpossibleClaimSink = (claim: ImpossibleClaim) => unknown;

type Bound = Pick<ImpossibleClaim, 'kind' | 'claimed' | 'atMost'>;

/**
 * Whether the leader must drop this message of a member. The claim is reported after 1, 10, 100, …
 * messages of the same member and kind in one term, so that a member that repeats it cannot flood
 * the log.
 */
export function isImpossible(raft: Raft, message: Message): boolean {
  const bound = brokenBound(raft, message);
  if (bound === undefined) return false;
  report(raft, message, bound);
  return true;
}

function brokenBound({ log, term }: Raft, message: Message): Bound | undefined {
  const lastIndex = log.lastIndex();
  const { type, index, commit, reject, rejectHint, logTerm } = message;
  if (commit > lastIndex) return { kind: 'commit', claimed: commit, atMost: lastIndex };
  if (type !== MessageType.AppResp) return undefined;
  if (index > lastIndex) {
    return { kind: reject ? 'rejected' : 'match', claimed: index, atMost: lastIndex };
  }
  if (!reject) return undefined;
  if (rejectHint > index) return { kind: 'hint', claimed: rejectHint, atMost: index };
  return logTerm > term ? { kind: 'hint-term', claimed: logTerm, atMost: term } : undefined;
}

function report(raft: Raft, { from, type }: Message, bound: Bound): void {
  const name = `${from} ${bound.kind}`;
  const times = (raft.impossibleClaims.get(name) ?? 0) + 1;
  raft.impossibleClaims.set(name, times);
  if (!isPowerOfTen(times)) return;
  const { logger, onImpossibleClaim } = raft.config;
  const claim: ImpossibleClaim = { from, messageType: type, ...bound, term: raft.term, times };
  logger?.log('warn', () => lineOf(raft.id, claim));
  onImpossibleClaim?.(claim);
}

function isPowerOfTen(count: number): boolean {
  return 10 ** Math.round(Math.log10(count)) === count;
}

/**
 * With decimal ids, as members are configured: this line is for operators, and not one of etcd's.
 */
function lineOf(
  self: bigint,
  { from, messageType, kind, claimed, atMost, ...at }: ImpossibleClaim,
): string {
  return (
    `${self} dropped a ${messageTypeName(messageType)} from member ${from} at term ${at.term}: ` +
    `it ${claims[kind](claimed)}, expected at most ${atMost}, ${bounds[kind]}. ` +
    'The log of that member does not continue the log of this one (another cluster, another ' +
    `directory, or lost entries here): stop member ${from} and compare the two. ` +
    `Seen ${at.times} time${at.times === 1 ? '' : 's'} in this term.`
  );
}

const claims: Record<ImpossibleClaimKind, (claimed: number) => string> = {
  match: (index) => `acknowledges the entries up to index ${index}`,
  rejected: (index) => `rejects an append behind index ${index}`,
  hint: (index) => `rejects an append with the hint that its log may match at index ${index}`,
  'hint-term': (term) => `rejects an append with a hint of term ${term}`,
  commit: (index) => `tells the commit index ${index}`,
};

const ofLeader = 'the last index of this leader';
const bounds: Record<ImpossibleClaimKind, string> = {
  match: ofLeader,
  rejected: ofLeader,
  hint: 'the index that it rejects',
  'hint-term': 'the term of this leader',
  commit: ofLeader,
};
