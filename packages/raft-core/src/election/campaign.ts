/**
 * Campaigns: when a node starts one, the requests that it sends, and the votes that it counts.
 *
 * Source: etcd-io/raft `raft.go`; docs/raft-behaviour.md, sections 3 and 4; Raft paper, section
 * 5.2; Raft thesis, sections 6.2 (CheckQuorum), 6.4 (lease) and 9.6 (PreVote).
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { hex, messageTypeName } from '../describe/names.ts';
import { none } from '../ids.ts';
import { send } from '../messages/outbox.ts';
import { StateType } from '../ready.ts';
import { broadcastAppend } from '../replication/appends.ts';
import type { RaftState } from '../state/raft-state.ts';
import { votersOf } from '../tracker/membership-config.ts';
import { VoteResult } from '../tracker/quorum.ts';
import {
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  becomePreCandidate,
} from './role-changes.ts';
import { responseTypeOf, transferContext } from './votes.ts';
import { holdsCampaignBack } from './withdrawal.ts';

/**
 * The kind of a campaign. For `transfer`, the old leader has asked this node to take over: the
 * lease does not protect that leader, and no pre-vote is needed.
 */
type Campaign = 'pre-election' | 'election' | 'transfer';

/** Starts a campaign of the configured kind, unless this node must not campaign. */
export function campaignOnTimeout(raft: RaftState): void {
  // The leader has been silent for an election timeout. A follower that must not campaign forgets
  // it, so that it can vote for another candidate in this term.
  if (raft.withholdsCampaigns && raft.state === StateType.Follower) raft.lead = none;
  startCampaign(raft, raft.config.preVote ? 'pre-election' : 'election');
}

/** Starts a campaign, unless this node must not campaign; the log then says why (etcd: `hup`). */
export function startCampaign(raft: RaftState, kind: Campaign): void {
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
  // A committed membership change that is not applied may alter the quorum. Counting votes by the
  // old membership could then elect two leaders.
  const hasUnapplied = raft.log.hasUnappliedConfChange();
  if (hasUnapplied !== false) {
    const reason =
      hasUnapplied === true
        ? 'there are still pending configuration changes to apply'
        : 'the entries that it has not applied cannot be read at the moment';
    logger?.log('warn', () => `${self} cannot campaign at term ${raft.term} since ${reason}`);
    return;
  }
  // A JavaScript number does not hold the next term exactly.
  if (raft.term === Number.MAX_SAFE_INTEGER) {
    logger?.log('error', () => `${self} cannot campaign: term ${raft.term} is the last one`);
    return;
  }
  // A new leader appends an entry.
  if (!raft.log.hasRoomFor(1)) {
    logger?.log('error', () => `${self} cannot campaign: the log is full`);
    return;
  }
  logger?.log('info', () => `${self} is starting a new election at term ${raft.term}`);
  campaign(raft, kind);
}

function campaign(raft: RaftState, kind: Campaign): void {
  const isPreElection = kind === 'pre-election';
  if (isPreElection) becomePreCandidate(raft);
  else becomeCandidate(raft);
  const type = isPreElection ? MessageType.PreVote : MessageType.Vote;
  const term = isPreElection ? raft.term + 1 : raft.term;
  const index = raft.log.lastIndex();
  const logTerm = raft.log.lastTerm();
  for (const id of votersOf(raft.tracker.config)) {
    if (id === raft.id) {
      // The vote of this node for itself counts once it is durable, like every other vote.
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

/** Counts an answer to the vote request of this candidate or pre-candidate. */
export function handleVoteResponse(raft: RaftState, response: Message): void {
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
    // This node stays in its own term: a granted pre-vote carries the term after it.
    becomeFollower(raft, raft.term, none);
  } else if (result === VoteResult.Won) {
    if (raft.state === StateType.Candidate) {
      becomeLeader(raft);
      broadcastAppend(raft);
    } else if (!holdsCampaignBack(raft)) campaign(raft, 'election');
  }
}
