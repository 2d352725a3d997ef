/**
 * Claims of members that cannot be true on a correct cluster. A leader has every entry that is
 * acknowledged to it or committed within its term, so a member that claims more has another log: it
 * belongs to another cluster, runs on another directory, or this node has lost entries. A leader
 * also has every entry that another member knows to be committed, so a leader that follows on from
 * another entry at such an index has another log too. Such a message is dropped as a whole: taking
 * it over, or answering it with the commit index, would count entries as stored that the member
 * does not have.
 *
 * The checks are not part of etcd, whose leader takes the index over and then sends snapshots
 * without an end, and whose followers acknowledge what contradicts their committed entries.
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
  | 'commit'
  /** The leader appends behind an entry of another term than the entry that is committed here. */
  | 'append-term';

/** A message of a member that was dropped, because what it claims cannot be true. */
export interface ImpossibleClaim {
  readonly from: bigint;
  readonly messageType: Type;
  readonly kind: ImpossibleClaimKind;
  /** The claimed number: an index, or a term for `hint-term` and `append-term`. */
  readonly claimed: number;
  /** The highest value that could be true; for `append-term` the only one. */
  readonly atMost: number;
  /** The term of this node. */
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

/**
 * Whether a follower must drop this append of its leader: the entry that it follows on from is
 * committed here, and has another term. Each leader has the committed entries as they are, so this
 * holds for old appends too.
 */
export function contradictsCommitted(raft: Raft, message: Message): boolean {
  const { log } = raft;
  const { index, logTerm } = message;
  if (index > log.committed) return false;
  const term = log.term(index);
  if (term === undefined || term === logTerm) return false;
  report(raft, message, { kind: 'append-term', claimed: logTerm, atMost: term });
  return true;
}

/**
 * Whoever calls itself the leader may be made up: so many members and kinds are reported in a term.
 */
const reportedMax = 256;

function report(raft: Raft, { from, type }: Message, bound: Bound): void {
  const name = `${from} ${bound.kind}`;
  const times = (raft.impossibleClaims.get(name) ?? 0) + 1;
  if (times === 1 && raft.impossibleClaims.size >= reportedMax) return;
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
    `it ${claims[kind](claimed)}, expected ${kind === 'append-term' ? '' : 'at most '}` +
    `${atMost}, ${bounds[kind]}. ` +
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
  'append-term': (term) => `appends behind an entry of term ${term}`,
};

const ofLeader = 'the last index of this leader';
const bounds: Record<ImpossibleClaimKind, string> = {
  match: ofLeader,
  rejected: ofLeader,
  hint: 'the index that it rejects',
  'hint-term': 'the term of this leader',
  commit: ofLeader,
  'append-term': 'the term of the entry that is committed here at that index',
};
