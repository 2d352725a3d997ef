/**
 * The dispatch of messages. `step` compares the term of a message with the term of the node, then
 * hands the message to the rule for its type, or to the role that the node has.
 *
 * Source: etcd-io/raft `raft.go`; docs/raft-behaviour.md, sections 1, 2 and 3.1.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { campaignOnTimeout } from './election/campaign.ts';
import { becomeFollower } from './election/role-changes.ts';
import { handleVoteRequest, inLease, rejectStalePreVote } from './election/votes.ts';
import { stepCandidate } from './follower/candidate.ts';
import { stepFollower } from './follower/follower.ts';
import { none } from './ids.ts';
import { stepLeader } from './leader/leader.ts';
import { send } from './messages/outbox.ts';
import { logHigherTerm, logIgnoredLowerTerm, logLeaseNotExpired } from './messages/term-lines.ts';
import { StateType } from './ready.ts';
import { handleApplied, handleAppended, handleAppendedAtOlderTerm } from './ready/storage-done.ts';
import type { RaftState } from './state/raft-state.ts';
import { traceReceive } from './trace/trace.ts';

/**
 * Handles one message from another node, from a storage thread, or from this node itself.
 *
 * @throws ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`) for a proposal that entered no log,
 * RaftPanicError (`RAFT_CORE_PANIC`) when the node cannot go on.
 */
export function step(raft: RaftState, message: Message): void {
  traceReceive(raft, message);
  if (message.term > raft.term) {
    if (!enterHigherTerm(raft, message)) return;
  } else if (message.term !== 0 && message.term < raft.term) {
    answerLowerTerm(raft, message);
    return;
  }
  switch (message.type) {
    case MessageType.Hup:
      campaignOnTimeout(raft);
      return;
    case MessageType.StorageAppendResp:
      handleAppended(raft, message);
      return;
    case MessageType.StorageApplyResp:
      handleApplied(raft, message.entries);
      return;
    case MessageType.Vote:
    case MessageType.PreVote:
      handleVoteRequest(raft, message);
      return;
    default:
      stepRole(raft, message);
  }
}

function stepRole(raft: RaftState, message: Message): void {
  if (raft.state === StateType.Leader) stepLeader(raft, message);
  else if (raft.state === StateType.Follower) stepFollower(raft, message);
  else stepCandidate(raft, message);
}

/** Returns false when the message must be ignored. */
function enterHigherTerm(raft: RaftState, message: Message): boolean {
  const { type, from, term } = message;
  const isVoteRequest = type === MessageType.Vote || type === MessageType.PreVote;
  if (isVoteRequest && inLease(raft, message)) {
    logLeaseNotExpired(raft, message);
    return false;
  }
  // A pre-vote request and its grant carry the term of a possible election. Nobody is in that term
  // yet, so this node stays in its own.
  if (type === MessageType.PreVote) return true;
  if (type === MessageType.PreVoteResp && !message.reject) return true;
  logHigherTerm(raft, message);
  const isFromLeader =
    type === MessageType.App || type === MessageType.Heartbeat || type === MessageType.Snap;
  becomeFollower(raft, term, isFromLeader ? from : none);
  return true;
}

function answerLowerTerm(raft: RaftState, message: Message): void {
  const { type, from } = message;
  const { checkQuorum: checksQuorum, preVote } = raft.config;
  const isFromLeader = type === MessageType.Heartbeat || type === MessageType.App;
  if (isFromLeader && (checksQuorum || preVote)) {
    // The answer tells the old leader of the newer term. With a lease or pre-votes, no vote request
    // would tell it.
    send(raft, raft.draft(MessageType.AppResp, from));
  } else if (type === MessageType.PreVote) rejectStalePreVote(raft, message);
  else if (type === MessageType.StorageAppendResp) handleAppendedAtOlderTerm(raft, message);
  else logIgnoredLowerTerm(raft, message);
}
