/**
 * How followers handle messages: they obey the leader of their term, and forward to it what only a
 * leader can do.
 *
 * Source: etcd-io/raft `raft.go`, `stepFollower`, `stepCandidate`; docs/raft-behaviour.md, sections
 * 2.5, 6.4, 6.6 and 13.2.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { ReadOnlyOption } from '../config.ts';
import { hex } from '../describe/names.ts';
import { startCampaign } from '../election/campaign.ts';
import { none } from '../ids.ts';
import type { RaftState } from '../state/raft-state.ts';
import { forwardProposal, forwardToLeader } from './forwarding.ts';
import { handleFromLeader } from './leader-messages.ts';

const noBytes = new Uint8Array(0);

export function stepFollower(raft: RaftState, message: Message): void {
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
      // No pre-vote is needed: the leader itself has asked for the campaign.
      startCampaign(raft, 'transfer');
      return;
    case MessageType.ReadIndexResp:
      handleReadIndexResponse(raft, message);
      return;
    default:
  }
}

function forgetLeader(raft: RaftState): void {
  const { logger, readOnlyOption } = raft.config;
  if (readOnlyOption === ReadOnlyOption.LeaseBased) {
    // The lease is valid only as long as this node does not vote for another candidate.
    logger?.log('error', () => 'ignoring MsgForgetLeader due to ReadOnlyLeaseBased');
    return;
  }
  if (raft.lead === none) return;
  const { lead } = raft;
  logger?.log('info', () => `${hex(raft.id)} forgetting leader ${hex(lead)} at term ${raft.term}`);
  raft.lead = none;
}

function handleReadIndexResponse(raft: RaftState, message: Message): void {
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
