/**
 * Linearizable reads at the leader: the commit index as of a read is the answer, once it is certain
 * that no other leader has committed anything by then.
 *
 * Source: etcd-io/raft `raft.go`, `stepLeader` (`MsgReadIndex`); docs/raft-behaviour.md, section
 * 14; Raft thesis, section 6.4.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { ReadOnlyOption } from './config.ts';
import { none } from './ids.ts';
import { send } from './outbox.ts';
import type { Raft } from './raft.ts';
import { broadcastHeartbeat } from './replication.ts';

const noBytes = new Uint8Array(0);

/**
 * So many reads of another member wait here at most. What comes above is dropped: the member asks
 * again. Without a bound, unlike in etcd, one member could fill the memory of the leader.
 */
const waitingReadsMax = 1024;

/** A read reached the leader, from its own application or from a follower. */
export function handleReadIndex(raft: Raft, request: Message): void {
  if (raft.config.onlyVoterReadsAtOnce && raft.tracker.isOnlyVoter(raft.id)) {
    answer(raft, request, raft.log.committed);
    return;
  }
  if (!isOwn(raft, request) && waitingReadsOf(raft, request.from) >= waitingReadsMax) return;
  // Until then the leader may not know of everything that earlier ones have committed.
  if (!hasCommittedInTerm(raft)) {
    raft.pendingReads.push(request);
    return;
  }
  confirmOrAnswer(raft, request);
}

/** The commit index has advanced: reads that waited for the first commit of the term go on. */
export function releasePendingReads(raft: Raft): void {
  if (raft.pendingReads.length === 0) return;
  if (!hasCommittedInTerm(raft)) {
    raft.config.logger?.log(
      'error',
      () => 'pending MsgReadIndex should be released only after first commit in current term',
    );
    return;
  }
  const requests = raft.pendingReads;
  raft.pendingReads = [];
  for (const request of requests) confirmOrAnswer(raft, request);
}

/** A member has answered a heartbeat that asked for confirmation. */
export function confirmReads(raft: Raft, from: bigint, context: Uint8Array): void {
  raft.readOnly.acknowledge(from, raft.readOnly.positionOf(context));
  const confirmed = raft.readOnly.takeConfirmed((positions) => raft.tracker.quorumOf(positions));
  for (const { request, index } of confirmed) answer(raft, request, index);
}

function confirmOrAnswer(raft: Raft, request: Message): void {
  // As the only voter: nobody else could have been elected. (A leader that was removed and leads on
  // is not that voter: it has to ask, unlike etcd's, which may answer with less than what the voter
  // has committed as a leader.)
  const isCertain =
    raft.config.readOnlyOption === ReadOnlyOption.LeaseBased || raft.tracker.isOnlyVoter(raft.id);
  if (isCertain) {
    answer(raft, request, raft.log.committed);
    return;
  }
  raft.readOnly.add(request, raft.log.committed);
  raft.readOnly.acknowledge(raft.id, raft.readOnly.newest);
  broadcastHeartbeat(raft);
}

function answer(raft: Raft, request: Message, index: number): void {
  if (isOwn(raft, request)) {
    raft.readStates.push({ index, requestContext: request.entries[0]?.data ?? noBytes });
    return;
  }
  const response = raft.draft(MessageType.ReadIndexResp, request.from);
  response.index = index;
  response.entries = request.entries;
  send(raft, response);
}

/** Whether the application of this node asks. */
function isOwn(raft: Raft, { from }: Message): boolean {
  return from === none || from === raft.id;
}

function waitingReadsOf({ pendingReads, readOnly }: Raft, member: bigint): number {
  let count = readOnly.countOf(member);
  for (const { from } of pendingReads) if (from === member) count += 1;
  return count;
}

function hasCommittedInTerm({ log, term }: Raft): boolean {
  return log.matchTerm(log.committed, term);
}
