/**
 * The checks for claims that cannot be true in a correct cluster. A leader has every entry that is
 * acknowledged to it or committed in its term. A member that claims more has a log of another
 * history: it belongs to another cluster, uses another directory, or this node has lost entries.
 * The same holds for a leader whose append contradicts an entry that is committed here. Such a
 * message is dropped. If it were accepted, or answered with the commit index, the leader would
 * count entries as stored that the member does not have.
 *
 * etcd's raft has no such checks: its leader accepts the index and then sends snapshots without
 * end, and its followers acknowledge appends that contradict their committed entries.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { messageTypeName } from '../describe/names.ts';
import type { RaftState } from '../state/raft-state.ts';
import type { ImpossibleClaim, ImpossibleClaimKind } from './impossible-claim.ts';

type Bound = Pick<ImpossibleClaim, 'kind' | 'claimed' | 'atMost'>;

/**
 * Whether the leader must drop this message of a member. Only the 1st, 10th, 100th, … claim of the
 * same member and kind is reported, so that a member that repeats it cannot flood the log.
 */
export function isImpossible(raft: RaftState, message: Message): boolean {
  const bound = brokenBound(raft, message);
  if (bound === undefined) return false;
  report(raft, message, bound);
  return true;
}

function brokenBound({ log, term }: RaftState, message: Message): Bound | undefined {
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
 * Whether a follower must drop this append of its leader: the entry before the appended ones is
 * committed here with another term. Each leader has all committed entries, so no correct append
 * contradicts one, however old it is.
 */
export function contradictsCommitted(raft: RaftState, message: Message): boolean {
  const { log } = raft;
  const { index, logTerm } = message;
  if (index > log.committed) return false;
  const term = log.term(index);
  if (term === undefined || term === logTerm) return false;
  report(raft, message, { kind: 'append-term', claimed: logTerm, atMost: term });
  return true;
}

/**
 * The maximum of members and kinds that are reported in a term. A message from a made-up leader
 * could otherwise fill the memory of this node.
 */
const reportedMax = 256;

function report(raft: RaftState, { from, type }: Message, bound: Bound): void {
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

/** Unlike etcd's log lines, this one has decimal ids, because operators configure them so. */
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
