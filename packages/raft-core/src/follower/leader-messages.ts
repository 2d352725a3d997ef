/**
 * How a node that is not the leader handles the appends, heartbeats and snapshots of the leader.
 *
 * Source: etcd-io/raft `raft.go`, `handleAppendEntries` and `handleHeartbeat`.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { hex } from '../describe/names.ts';
import { contradictsCommitted } from '../messages/impossible-claims.ts';
import { send } from '../messages/outbox.ts';
import type { RaftState } from '../state/raft-state.ts';
import { handleSnapshot } from './snapshot.ts';

export function handleFromLeader(raft: RaftState, message: Message): void {
  if (message.type === MessageType.App) handleAppend(raft, message);
  else if (message.type === MessageType.Heartbeat) handleHeartbeat(raft, message);
  else handleSnapshot(raft, message);
}

function handleAppend(raft: RaftState, message: Message): void {
  if (contradictsCommitted(raft, message)) return;
  const { log } = raft;
  const { index, logTerm } = message;
  const response = raft.draft(MessageType.AppResp, message.from);
  if (index < log.committed) {
    // An old append: committed entries match the log of every leader.
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

function handleHeartbeat(raft: RaftState, message: Message): void {
  raft.log.commitTo(message.commit);
  const response = raft.draft(MessageType.HeartbeatResp, message.from);
  if (message.context !== undefined) response.context = message.context;
  send(raft, response);
}
