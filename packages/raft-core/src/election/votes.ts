/**
 * The votes of this node: when it grants one, when it refuses, and when it ignores the request.
 *
 * Source: etcd-io/raft `raft.go`, `Step`; Raft paper, section 5.2; Raft thesis, sections 6.4
 * (lease) and 9.6 (PreVote).
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { none } from '../ids.ts';
import { send } from '../messages/outbox.ts';
import { logVote } from '../messages/term-lines.ts';
import type { RaftState } from '../state/raft-state.ts';

/** The context of a vote request that was caused by a leadership transfer; it ignores the lease. */
export const transferContext: Uint8Array = new TextEncoder().encode('CampaignTransfer');

/** Whether this node ignores vote requests because it has heard from a leader recently. */
export function inLease(raft: RaftState, request: Message): boolean {
  if (isTransfer(request.context)) return false;
  return (
    raft.config.checkQuorum && raft.lead !== none && raft.electionElapsed < raft.config.electionTick
  );
}

/**
 * Answers a vote request in any role. A learner votes too: it may have been made a voter by a
 * change that it has not applied yet.
 */
export function handleVoteRequest(raft: RaftState, request: Message): void {
  const { type, from, term } = request;
  const mayVote =
    raft.vote === from ||
    (raft.vote === none && raft.lead === none) ||
    (type === MessageType.PreVote && term > raft.term);
  const response = raft.draft(responseTypeOf(type), from);
  if (mayVote && raft.log.isUpToDate(request.index, request.logTerm)) {
    logVote(raft, 'cast', request);
    // The answer carries the term of the request. For a pre-vote this node is not in that term.
    response.term = term;
    send(raft, response);
    if (type === MessageType.Vote) {
      raft.electionElapsed = 0;
      raft.vote = from;
    }
    return;
  }
  logVote(raft, 'rejected', request);
  response.term = raft.term;
  response.reject = true;
  send(raft, response);
}

/**
 * Rejects a pre-vote request of a lower term, so that its sender learns of the term. Without the
 * answer, a cluster in which only some nodes use pre-votes could stay without a leader.
 */
export function rejectStalePreVote(raft: RaftState, request: Message): void {
  logVote(raft, 'rejected', request);
  const response = raft.draft(MessageType.PreVoteResp, request.from);
  response.term = raft.term;
  response.reject = true;
  send(raft, response);
}

export function responseTypeOf(type: MessageType): MessageType {
  return type === MessageType.PreVote ? MessageType.PreVoteResp : MessageType.VoteResp;
}

function isTransfer(context: Uint8Array | undefined): boolean {
  return (
    context !== undefined &&
    context.length === transferContext.length &&
    context.every((byte, at) => byte === transferContext[at])
  );
}
