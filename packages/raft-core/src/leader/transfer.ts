/**
 * Leadership transfer. The leader accepts no proposals, sends the target the entries that it lacks,
 * and then tells it to campaign at once.
 *
 * Source: etcd-io/raft `raft.go`, `stepLeader` (`MsgTransferLeader`); docs/raft-behaviour.md,
 * section 13.1; Raft thesis, section 3.10.
 */

import { MessageType } from '@babuza/raftpb';
import { hex } from '../describe/names.ts';
import { none } from '../ids.ts';
import { send } from '../messages/outbox.ts';
import type { Progress } from '../tracker/progress.ts';
import type { RaftState } from '../state/raft-state.ts';
import { sendAppend } from '../replication/appends.ts';

/** Starts a transfer to `target`, and aborts a transfer to another member. */
export function startTransfer(raft: RaftState, target: Progress): void {
  const { logger } = raft.config;
  const self = hex(raft.id);
  if (target.isLearner) {
    logger?.log('debug', () => `${self} is learner. Ignored transferring leadership`);
    return;
  }
  const current = raft.leadTransferee;
  if (current === target.id) {
    logger?.log(
      'info',
      () =>
        `${self} [term ${raft.term}] transfer leadership to ${hex(current)} is in progress, ` +
        `ignores request to same node ${hex(current)}`,
    );
    return;
  }
  if (current !== none) {
    raft.leadTransferee = none;
    logger?.log(
      'info',
      () => `${self} [term ${raft.term}] abort previous transferring leadership to ${hex(current)}`,
    );
  }
  if (target.id === raft.id) {
    logger?.log(
      'debug',
      () => `${self} is already leader. Ignored transferring leadership to self`,
    );
    return;
  }
  const to = hex(target.id);
  logger?.log('info', () => `${self} [term ${raft.term}] starts to transfer leadership to ${to}`);
  // The transfer may take an election timeout, counted from here.
  raft.electionElapsed = 0;
  raft.leadTransferee = target.id;
  if (target.match === raft.log.lastIndex()) {
    sendTimeoutNow(raft, target.id);
    logger?.log(
      'info',
      () => `${self} sends MsgTimeoutNow to ${to} immediately as ${to} already has up-to-date log`,
    );
  } else sendAppend(raft, target, true);
}

/** Tells the target of a transfer to campaign once it has acknowledged the whole log. */
export function finishTransfer(raft: RaftState, member: Progress): void {
  if (member.id !== raft.leadTransferee || member.match !== raft.log.lastIndex()) return;
  raft.config.logger?.log(
    'info',
    () => `${hex(raft.id)} sent MsgTimeoutNow to ${hex(member.id)} after received MsgAppResp`,
  );
  sendTimeoutNow(raft, member.id);
}

function sendTimeoutNow(raft: RaftState, to: bigint): void {
  send(raft, raft.draft(MessageType.TimeoutNow, to));
}
