/**
 * How a leader handles messages: requests of the application, and messages of the other members.
 *
 * Source: etcd-io/raft `raft.go`, `stepLeader`; docs/raft-behaviour.md, sections 2.5, 6.5 to 6.7
 * and 15.2.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { hex } from '../describe/names.ts';
import { checkQuorum } from '../election/quorum-check.ts';
import { isImpossible } from '../messages/impossible-claims.ts';
import { broadcastAppend } from '../replication/appends.ts';
import { broadcastHeartbeat } from '../replication/heartbeats.ts';
import { acceptProposal } from '../replication/proposals.ts';
import type { RaftState } from '../state/raft-state.ts';
import {
  handleAcknowledgment,
  handleHeartbeatResponse,
  handleRejection,
  handleSnapshotStatus,
  handleUnreachable,
} from './member-messages.ts';
import { handleReadIndex } from './reads.ts';
import { startTransfer } from './transfer.ts';

export function stepLeader(raft: RaftState, message: Message): void {
  switch (message.type) {
    case MessageType.Beat:
      broadcastHeartbeat(raft);
      return;
    case MessageType.CheckQuorum:
      checkQuorum(raft);
      return;
    case MessageType.Prop:
      acceptProposal(raft, message.entries);
      broadcastAppend(raft);
      return;
    case MessageType.ReadIndex:
      handleReadIndex(raft, message);
      return;
    case MessageType.ForgetLeader:
      return;
    default:
      stepMember(raft, message);
  }
}

/** Handles a message of or about one member. */
function stepMember(raft: RaftState, message: Message): void {
  const member = raft.tracker.progress.get(message.from);
  if (member === undefined) {
    raft.config.logger?.log(
      'debug',
      () => `${hex(raft.id)} no progress available for ${hex(message.from)}`,
    );
    return;
  }
  if (isImpossible(raft, message)) return;
  switch (message.type) {
    case MessageType.AppResp:
      member.recentActive = true;
      if (message.reject) handleRejection(raft, member, message);
      else handleAcknowledgment(raft, member, message.index);
      return;
    case MessageType.HeartbeatResp:
      handleHeartbeatResponse(raft, member, message.context);
      return;
    case MessageType.SnapStatus:
      handleSnapshotStatus(raft, member, message.reject);
      return;
    case MessageType.Unreachable:
      handleUnreachable(raft, member);
      return;
    case MessageType.TransferLeader:
      startTransfer(raft, member);
      return;
    default:
  }
}
