/**
 * Linearizable reads at the leader. The answer to a read is the commit index at its arrival. The
 * leader gives it once it is certain that no other leader had committed more by then.
 *
 * Source: etcd-io/raft `raft.go`, `stepLeader` (`MsgReadIndex`); docs/raft-behaviour.md, section
 * 14; Raft thesis, section 6.4.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { ReadOnlyOption } from '../config.ts';
import { none } from '../ids.ts';
import { send } from '../messages/outbox.ts';
import type { RaftState } from '../state/raft-state.ts';
import { broadcastHeartbeat } from '../replication/heartbeats.ts';

const noBytes = new Uint8Array(0);

/**
 * The maximum of reads of another member that wait here. The leader drops further ones, and the
 * member asks again. etcd has no such bound, so one member can fill the memory of the leader.
 */
const waitingReadsMax = 1024;

/** Handles a read of the leader's own application, or one that a follower has forwarded. */
export function handleReadIndex(raft: RaftState, request: Message): void {
  if (raft.config.onlyVoterReadsAtOnce && raft.tracker.isOnlyVoter(raft.id)) {
    answer(raft, request, raft.log.committed);
    return;
  }
  if (!isOwn(raft, request) && waitingReadsOf(raft, request.from) >= waitingReadsMax) return;
  // Before its first commit of the term, the leader may have a commit index below that of an
  // earlier leader.
  if (!hasCommittedInTerm(raft)) {
    raft.pendingReads.push(request);
    return;
  }
  confirmOrAnswer(raft, request);
}

/** Continues the reads that waited for the first commit of the term; called after each commit. */
export function releasePendingReads(raft: RaftState): void {
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

/** Answers the reads that a quorum has confirmed; `context` is from a heartbeat's answer. */
export function confirmReads(raft: RaftState, from: bigint, context: Uint8Array): void {
  raft.readOnly.acknowledge(from, raft.readOnly.positionOf(context));
  const confirmed = raft.readOnly.takeConfirmed((positions) => raft.tracker.quorumOf(positions));
  for (const { request, index } of confirmed) answer(raft, request, index);
}

function confirmOrAnswer(raft: RaftState, request: Message): void {
  // If this node is the only voter, no other leader can exist. A leader that was removed from the
  // membership is not that voter: it asks for confirmation, because the voter may have become
  // leader and committed more. etcd's leader answers at once in this case.
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

function answer(raft: RaftState, request: Message, index: number): void {
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
function isOwn(raft: RaftState, { from }: Message): boolean {
  return from === none || from === raft.id;
}

function waitingReadsOf({ pendingReads, readOnly }: RaftState, member: bigint): number {
  let count = readOnly.countOf(member);
  for (const { from } of pendingReads) if (from === member) count += 1;
  return count;
}

function hasCommittedInTerm({ log, term }: RaftState): boolean {
  return log.matchTerm(log.committed, term);
}
