/**
 * How candidates and pre-candidates handle messages.
 *
 * Source: etcd-io/raft `raft.go`, `stepCandidate`.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { hex, stateTypeName } from '../describe/names.ts';
import { handleVoteResponse } from '../election/campaign.ts';
import { becomeFollower } from '../election/role-changes.ts';
import { StateType } from '../ready.ts';
import type { RaftState } from '../state/raft-state.ts';
import { dropProposalWithoutLeader } from './forwarding.ts';
import { handleFromLeader } from './leader-messages.ts';

/** A candidate counts answers to vote requests, a pre-candidate those to pre-vote requests. */
export function stepCandidate(raft: RaftState, message: Message): void {
  const { logger } = raft.config;
  switch (message.type) {
    case MessageType.Prop:
      dropProposalWithoutLeader(raft);
      return;
    case MessageType.App:
    case MessageType.Heartbeat:
    case MessageType.Snap:
      // Another candidate has won the election of this term.
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
