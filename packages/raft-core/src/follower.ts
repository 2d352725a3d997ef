/**
 * What followers and candidates do with messages: they follow whoever leads their term, and pass on
 * what is for the leader.
 *
 * Source: etcd-io/raft `raft.go`, `stepFollower`, `stepCandidate`; docs/raft-behaviour.md, sections
 * 2.5, 6.4, 6.6 and 13.2.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { ReadOnlyOption } from './config.ts';
import { hex, stateTypeName } from './describe/names.ts';
import { handleVoteResponse, hup } from './election.ts';
import { ProposalDroppedError } from './errors.ts';
import { none } from './ids.ts';
import { contradictsCommitted } from './impossible-claims.ts';
import { send } from './outbox.ts';
import type { Raft } from './raft.ts';
import { StateType } from './ready.ts';
import { becomeFollower } from './roles.ts';
import { handleSnapshot } from './snapshot.ts';

const noBytes = new Uint8Array(0);

/** A candidate, or a pre-candidate: they differ in the answers that they count. */
export function stepCandidate(raft: Raft, message: Message): void {
  const { logger } = raft.config;
  switch (message.type) {
    case MessageType.Prop:
      dropProposalWithoutLeader(raft);
      return;
    case MessageType.App:
    case MessageType.Heartbeat:
    case MessageType.Snap:
      // Someone else has won this term.
      becomeFollower(raft, raft.term, message.from);
      handleFromLeader(raft, message);
      return;
    case MessageType.VoteResp:
      if (raft.state === StateType.Candidate) handleVoteResponse(raft, message);
      return;
    case MessageType.PreVoteResp:
      if (raft.state === StateType.PreCandidate) handleVoteResponse(raft, message);
      return;
    case MessageType.TimeoutNow:
      logger?.log(
        'debug',
        () =>
          `${hex(raft.id)} [term ${raft.term} state ${stateTypeName(raft.state)}] ` +
          `ignored MsgTimeoutNow from ${hex(message.from)}`,
      );
      return;
    default:
  }
}

export function stepFollower(raft: Raft, message: Message): void {
  switch (message.type) {
    case MessageType.Prop:
      forwardProposal(raft, message);
      return;
    case MessageType.App:
    case MessageType.Heartbeat:
    case MessageType.Snap:
      raft.electionElapsed = 0;
      raft.lead = message.from;
      handleFromLeader(raft, message);
      return;
    case MessageType.TransferLeader:
      forwardToLeader(raft, message, 'leader transfer msg');
      return;
    case MessageType.ReadIndex:
      forwardToLeader(raft, message, 'index reading msg');
      return;
    case MessageType.ForgetLeader:
      forgetLeader(raft);
      return;
    case MessageType.TimeoutNow:
      raft.config.logger?.log(
        'info',
        () =>
          `${hex(raft.id)} [term ${raft.term}] received MsgTimeoutNow from ` +
          `${hex(message.from)} and starts an election to get leadership.`,
      );
      // Without a pre-vote: the leader itself has asked for it.
      hup(raft, 'transfer');
      return;
    case MessageType.ReadIndexResp:
      handleReadIndexResponse(raft, message);
      return;
    default:
  }
}

function handleFromLeader(raft: Raft, message: Message): void {
  if (message.type === MessageType.App) handleAppend(raft, message);
  else if (message.type === MessageType.Heartbeat) handleHeartbeat(raft, message);
  else handleSnapshot(raft, message);
}

function handleAppend(raft: Raft, message: Message): void {
  if (contradictsCommitted(raft, message)) return;
  const { log } = raft;
  const { index, logTerm } = message;
  const response = raft.draft(MessageType.AppResp, message.from);
  if (index < log.committed) {
    // An old message; what is committed matches in any case.
    response.index = log.committed;
    send(raft, response);
    return;
  }
  const matched = log.maybeAppend(index, logTerm, message.entries, message.commit);
  if (matched !== undefined) {
    response.index = matched;
    send(raft, response);
    return;
  }
  raft.config.logger?.log(
    'debug',
    () =>
      `${hex(raft.id)} [logterm: ${log.termOrZero(index)}, index: ${index}] rejected MsgApp ` +
      `[logterm: ${logTerm}, index: ${index}] from ${hex(message.from)}`,
  );
  const hint = log.findConflictByTerm(Math.min(index, log.lastIndex()), logTerm);
  response.index = index;
  response.reject = true;
  response.rejectHint = hint.index;
  response.logTerm = hint.term;
  send(raft, response);
}

function handleHeartbeat(raft: Raft, message: Message): void {
  raft.log.commitTo(message.commit);
  const response = raft.draft(MessageType.HeartbeatResp, message.from);
  if (message.context !== undefined) response.context = message.context;
  send(raft, response);
}

function forwardProposal(raft: Raft, message: Message): void {
  if (raft.lead === none) dropProposalWithoutLeader(raft);
  if (raft.config.disableProposalForwarding) {
    raft.config.logger?.log(
      'info',
      () =>
        `${hex(raft.id)} not forwarding to leader ${hex(raft.lead)} at term ${raft.term}; ` +
        'dropping proposal',
    );
    throw new ProposalDroppedError('not-forwarded');
  }
  forward(raft, message);
}

function dropProposalWithoutLeader(raft: Raft): never {
  raft.config.logger?.log(
    'info',
    () => `${hex(raft.id)} no leader at term ${raft.term}; dropping proposal`,
  );
  throw new ProposalDroppedError('no-leader');
}

function forwardToLeader(raft: Raft, message: Message, what: string): void {
  if (raft.lead !== none) {
    forward(raft, message);
    return;
  }
  raft.config.logger?.log(
    'info',
    () => `${hex(raft.id)} no leader at term ${raft.term}; dropping ${what}`,
  );
}

/**
 * Passes a copy on to the leader, in the name of who sent it: the message itself is the caller's.
 */
function forward(raft: Raft, message: Message): void {
  const copy = raft.draft(message.type, raft.lead);
  if (message.from !== none) copy.from = message.from;
  copy.entries = message.entries;
  if (message.context !== undefined) copy.context = message.context;
  send(raft, copy);
}

function forgetLeader(raft: Raft): void {
  const { logger, readOnlyOption } = raft.config;
  if (readOnlyOption === ReadOnlyOption.LeaseBased) {
    // The leader's lease counts on this node not to vote.
    logger?.log('error', () => 'ignoring MsgForgetLeader due to ReadOnlyLeaseBased');
    return;
  }
  if (raft.lead === none) return;
  const { lead } = raft;
  logger?.log('info', () => `${hex(raft.id)} forgetting leader ${hex(lead)} at term ${raft.term}`);
  raft.lead = none;
}

function handleReadIndexResponse(raft: Raft, message: Message): void {
  const [entry] = message.entries;
  if (entry === undefined || message.entries.length !== 1) {
    raft.config.logger?.log(
      'error',
      () =>
        `${hex(raft.id)} invalid format of MsgReadIndexResp from ${hex(message.from)}, ` +
        `entries count: ${message.entries.length}`,
    );
    return;
  }
  raft.readStates.push({ index: message.index, requestContext: entry.data ?? noBytes });
}
