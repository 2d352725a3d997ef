/**
 * Handing leadership to a member: it is brought up to date, nothing is proposed meanwhile, and then
 * it is told to campaign at once.
 *
 * Source: etcd-io/raft `raft.go`, `stepLeader` (`MsgTransferLeader`); docs/raft-behaviour.md,
 * section 13.1; Raft thesis, section 3.10.
 */

import { MessageType } from '@babuza/raftpb';
import { hex } from './describe/names.ts';
import { none } from './ids.ts';
import { send } from './outbox.ts';
import type { Progress } from './progress.ts';
import type { Raft } from './raft.ts';
import { sendAppend } from './replication.ts';

/** The leader was asked to hand leadership to `target`. */
export function startTransfer(raft: Raft, target: Progress): void {
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
  // It has an election timeout from now on.
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

/** A member has acknowledged entries: if it is the target and has all, it may campaign. */
export function finishTransfer(raft: Raft, member: Progress): void {
  if (member.id !== raft.leadTransferee || member.match !== raft.log.lastIndex()) return;
  raft.config.logger?.log(
    'info',
    () => `${hex(raft.id)} sent MsgTimeoutNow to ${hex(member.id)} after received MsgAppResp`,
  );
  sendTimeoutNow(raft, member.id);
}

function sendTimeoutNow(raft: Raft, to: bigint): void {
  send(raft, raft.draft(MessageType.TimeoutNow, to));
}
