/**
 * The classes of message types: local messages, responses, messages between nodes, votes.
 *
 * Source: etcd-io/raft `util.go`, `IsLocalMsg` and `IsResponseMsg`.
 */

import { MessageType } from '@babuza/raftpb';

/** Whether only a node itself or its storage threads may send messages of this type to it. */
export function isLocalMessage(type: MessageType): boolean {
  switch (type) {
    case MessageType.Hup:
    case MessageType.Beat:
    case MessageType.Unreachable:
    case MessageType.SnapStatus:
    case MessageType.CheckQuorum:
    case MessageType.StorageAppend:
    case MessageType.StorageAppendResp:
    case MessageType.StorageApply:
    case MessageType.StorageApplyResp:
      return true;
    default:
      return false;
  }
}

/** Whether the type is a response, which only a member may send. */
export function isResponseMessage(type: MessageType): boolean {
  switch (type) {
    case MessageType.AppResp:
    case MessageType.VoteResp:
    case MessageType.HeartbeatResp:
    case MessageType.Unreachable:
    case MessageType.ReadIndexResp:
    case MessageType.PreVoteResp:
    case MessageType.StorageAppendResp:
    case MessageType.StorageApplyResp:
      return true;
    default:
      return false;
  }
}

/** Whether messages of this type carry the term of their sender and are never forwarded. */
export function isBetweenNodes(type: MessageType): boolean {
  switch (type) {
    case MessageType.App:
    case MessageType.AppResp:
    case MessageType.Snap:
    case MessageType.Heartbeat:
    case MessageType.HeartbeatResp:
    case MessageType.TimeoutNow:
      return true;
    default:
      return isVote(type);
  }
}

/** Whether the type is a vote request or its answer, also for pre-votes. */
export function isVote(type: MessageType): boolean {
  switch (type) {
    case MessageType.Vote:
    case MessageType.VoteResp:
    case MessageType.PreVote:
    case MessageType.PreVoteResp:
      return true;
    default:
      return false;
  }
}
