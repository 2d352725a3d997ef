/**
 * Elections: campaigning, voting, counting, and the leader's check that it still has a quorum.
 *
 * Source: etcd-io/raft `raft.go`; docs/raft-behaviour.md, sections 3 and 4; Raft paper, section
 * 5.2; Raft thesis, sections 6.2 (CheckQuorum), 6.4 (lease) and 9.6 (PreVote).
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { hex, messageTypeName } from './describe/names.ts';
import { none } from './ids.ts';
import { send } from './outbox.ts';
import { VoteResult } from './quorum.ts';
import type { Raft } from './raft.ts';
import { StateType } from './ready.ts';
import { broadcastAppend } from './replication.ts';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.ts';
import { logVote } from './term-lines.ts';
import { votersOf } from './tracker.ts';
import { holdsCampaignBack } from './withdrawal.ts';

/**
 * `transfer`: the old leader asked for it, so the lease does not hold and no pre-vote is needed.
 */
type Campaign = 'pre-election' | 'election' | 'transfer';

/** The context of a vote request that may pass the lease. */
const transferContext = new TextEncoder().encode('CampaignTransfer');

/** Starts an election of the configured kind, if this node may. */
export function campaignOnTimeout(raft: Raft): void {
  // It has not heard from its leader for an election timeout: while it may not campaign, it votes
  // for others.
  if (raft.withholdsCampaigns && raft.state === StateType.Follower) raft.lead = none;
  hup(raft, raft.config.preVote ? 'pre-election' : 'election');
}

/** Starts an election, if this node may. */
export function hup(raft: Raft, kind: Campaign): void {
  const { logger } = raft.config;
  const self = hex(raft.id);
  if (raft.state === StateType.Leader) {
    logger?.log('debug', () => `${self} ignoring MsgHup because already leader`);
    return;
  }
  if (holdsCampaignBack(raft)) return;
  if (!raft.promotable()) {
    logger?.log('warn', () => `${self} is unpromotable and can not campaign`);
    return;
  }
  // Otherwise a node could win by a membership that is no longer the one in force.
  const hasUnapplied = raft.log.hasUnappliedConfChange();
  if (hasUnapplied !== false) {
    const reason =
      hasUnapplied === true
        ? 'there are still pending configuration changes to apply'
        : 'the entries that it has not applied cannot be read at the moment';
    logger?.log('warn', () => `${self} cannot campaign at term ${raft.term} since ${reason}`);
    return;
  }
  // The next term could not be told from this one.
  if (raft.term === Number.MAX_SAFE_INTEGER) {
    logger?.log('error', () => `${self} cannot campaign: term ${raft.term} is the last one`);
    return;
  }
  // A leader begins with an entry.
  if (!raft.log.hasRoomFor(1)) {
    logger?.log('error', () => `${self} cannot campaign: the log is full`);
    return;
  }
  logger?.log('info', () => `${self} is starting a new election at term ${raft.term}`);
  campaign(raft, kind);
}

function campaign(raft: Raft, kind: Campaign): void {
  const isPreElection = kind === 'pre-election';
  if (isPreElection) becomePreCandidate(raft);
  else becomeCandidate(raft);
  const type = isPreElection ? MessageType.PreVote : MessageType.Vote;
  const term = isPreElection ? raft.term + 1 : raft.term;
  const index = raft.log.lastIndex();
  const logTerm = raft.log.lastTerm();
  for (const id of votersOf(raft.tracker.config)) {
    if (id === raft.id) {
      // The own vote counts when it is durable, as every other.
      const vote = raft.draft(responseTypeOf(type), id);
      vote.term = term;
      send(raft, vote);
      continue;
    }
    raft.config.logger?.log(
      'info',
      () =>
        `${hex(raft.id)} [logterm: ${logTerm}, index: ${index}] sent ${messageTypeName(type)} ` +
        `request to ${hex(id)} at term ${raft.term}`,
    );
    const request = raft.draft(type, id);
    request.term = term;
    request.index = index;
    request.logTerm = logTerm;
    if (kind === 'transfer') request.context = transferContext;
    send(raft, request);
  }
}

/** Whether a living leader forbids this node to listen to candidates. */
export function inLease(raft: Raft, request: Message): boolean {
  if (isTransfer(request.context)) return false;
  return (
    raft.config.checkQuorum && raft.lead !== none && raft.electionElapsed < raft.config.electionTick
  );
}

/** Votes, in every role, also as a learner: a promoted one may not know of it yet. */
export function handleVoteRequest(raft: Raft, request: Message): void {
  const { type, from, term } = request;
  const mayVote =
    raft.vote === from ||
    (raft.vote === none && raft.lead === none) ||
    (type === MessageType.PreVote && term > raft.term);
  const response = raft.draft(responseTypeOf(type), from);
  if (mayVote && raft.log.isUpToDate(request.index, request.logTerm)) {
    logVote(raft, 'cast', request);
    // The term that was asked about: for a pre-vote it is not ours.
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
 * In a cluster where only some use pre-votes, silence here could keep everybody from being elected.
 */
export function rejectStalePreVote(raft: Raft, request: Message): void {
  logVote(raft, 'rejected', request);
  const response = raft.draft(MessageType.PreVoteResp, request.from);
  response.term = raft.term;
  response.reject = true;
  send(raft, response);
}

/** A candidate or pre-candidate got an answer of the type that fits its role. */
export function handleVoteResponse(raft: Raft, response: Message): void {
  const { type, from, reject } = response;
  const { logger } = raft.config;
  const self = hex(raft.id);
  const name = messageTypeName(type);
  logger?.log(
    'info',
    () =>
      `${self} received ${name}${reject ? ' rejection' : ''} from ${hex(from)} ` +
      `at term ${raft.term}`,
  );
  raft.tracker.recordVote(from, !reject);
  const { granted, rejected, result } = raft.tracker.tallyVotes();
  logger?.log(
    'info',
    () => `${self} has received ${granted} ${name} votes and ${rejected} vote rejections`,
  );
  if (result === VoteResult.Lost) {
    // Not to the term of the answer: a granted pre-vote has a future one.
    becomeFollower(raft, raft.term, none);
  } else if (result === VoteResult.Won) {
    if (raft.state === StateType.Candidate) {
      becomeLeader(raft);
      broadcastAppend(raft);
    } else if (!holdsCampaignBack(raft)) campaign(raft, 'election');
  }
}

/** The leader steps down if it has not heard from a quorum since the last check. */
export function checkQuorum(raft: Raft): void {
  if (!raft.tracker.quorumActive()) {
    raft.config.logger?.log(
      'warn',
      () => `${hex(raft.id)} stepped down to follower since quorum is not active`,
    );
    becomeFollower(raft, raft.term, none);
  }
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) member.recentActive = false;
  }
}

function responseTypeOf(type: MessageType): MessageType {
  return type === MessageType.PreVote ? MessageType.PreVoteResp : MessageType.VoteResp;
}

function isTransfer(context: Uint8Array | undefined): boolean {
  return (
    context !== undefined &&
    context.length === transferContext.length &&
    context.every((byte, at) => byte === transferContext[at])
  );
}
