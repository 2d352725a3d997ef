/**
 * What a leader does with messages, above all with the answers of the others.
 *
 * Source: etcd-io/raft `raft.go`, `stepLeader`; docs/raft-behaviour.md, sections 2.5, 6.5 to 6.7
 * and 15.2.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import { describeProgress } from './describe/configuration.ts';
import { hex } from './describe/names.ts';
import { checkQuorum } from './election.ts';
import { ProgressState, type Progress } from './progress.ts';
import { acceptProposal } from './proposal.ts';
import { isImpossible } from './impossible-claims.ts';
import type { Raft } from './raft.ts';
import { confirmReads, handleReadIndex, releasePendingReads } from './reads.ts';
import { broadcastAppend, broadcastHeartbeat, maybeCommit, sendAppend } from './replication.ts';
import { finishTransfer, startTransfer } from './transfer.ts';

export function stepLeader(raft: Raft, message: Message): void {
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
      stepLeaderAbout(raft, message);
  }
}

/** Everything else is about a member. */
function stepLeaderAbout(raft: Raft, message: Message): void {
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

function handleRejection(raft: Raft, member: Progress, message: Message): void {
  const { logger } = raft.config;
  const { rejectHint, logTerm, index } = message;
  const self = hex(raft.id);
  const from = hex(member.id);
  logger?.log(
    'debug',
    () =>
      `${self} received MsgAppResp(rejected, hint: (index ${rejectHint}, term ${logTerm})) ` +
      `from ${from} for index ${index}`,
  );
  // The follower has skipped its terms above ours; we skip ours above its. So at most one append
  // is needed per term, not per entry.
  const probeIndex =
    logTerm > 0 ? raft.log.findConflictByTerm(rejectHint, logTerm).index : rejectHint;
  if (!member.decrease(index, probeIndex)) return;
  logger?.log(
    'debug',
    () => `${self} decreased progress of ${from} to [${describeProgress(member)}]`,
  );
  if (member.state === ProgressState.Replicate) member.becomeProbe();
  sendAppend(raft, member, true);
}

function handleAcknowledgment(raft: Raft, member: Progress, index: number): void {
  const isSelf = member.id === raft.id;
  const endsProbing = member.match === index && member.state === ProgressState.Probe;
  if (!member.update(index) && !endsProbing) return;
  moveOn(raft, member, index);
  if (maybeCommit(raft)) {
    releasePendingReads(raft);
    broadcastAppend(raft);
  } else if (!isSelf && member.canBumpCommit(raft.log.committed)) {
    sendAppend(raft, member, true);
  }
  if (isSelf) return;
  while (sendAppend(raft, member, false)) {
    // As long as the window allows: entries may have waited for room in it.
  }
  finishTransfer(raft, member);
}

/** An acknowledgment ends probing and waiting for a snapshot, and frees the window. */
function moveOn(raft: Raft, member: Progress, index: number): void {
  if (member.state === ProgressState.Probe) member.becomeReplicate();
  else if (member.state === ProgressState.Replicate) member.inflights.freeUpTo(index);
  else if (member.match + 1 >= raft.log.firstIndex()) {
    // Whatever snapshot was on its way: from here on the log suffices.
    raft.config.logger?.log(
      'debug',
      () =>
        `${hex(raft.id)} recovered from needing snapshot, resumed sending replication messages ` +
        `to ${hex(member.id)} [${describeProgress(member)}]`,
    );
    member.becomeProbe();
    member.becomeReplicate();
  }
}

function handleHeartbeatResponse(
  raft: Raft,
  member: Progress,
  context: Uint8Array | undefined,
): void {
  member.recentActive = true;
  member.msgAppFlowPaused = false;
  if (member.match < raft.log.lastIndex() || member.state === ProgressState.Probe) {
    sendAppend(raft, member, true);
  }
  if (context !== undefined && context.length > 0) confirmReads(raft, member.id, context);
}

function handleSnapshotStatus(raft: Raft, member: Progress, failed: boolean): void {
  if (member.state !== ProgressState.Snapshot) return;
  if (failed) member.pendingSnapshot = 0;
  member.becomeProbe();
  raft.config.logger?.log(
    'debug',
    () =>
      `${hex(raft.id)} snapshot ${failed ? 'failed' : 'succeeded'}, resumed sending replication ` +
      `messages to ${hex(member.id)} [${describeProgress(member)}]`,
  );
  // After success its acknowledgment is awaited, after failure the next answer to a heartbeat.
  member.msgAppFlowPaused = true;
}

function handleUnreachable(raft: Raft, member: Progress): void {
  // What was sent ahead is probably lost.
  if (member.state === ProgressState.Replicate) member.becomeProbe();
  raft.config.logger?.log(
    'debug',
    () =>
      `${hex(raft.id)} failed to send message to ${hex(member.id)} because it is unreachable ` +
      `[${describeProgress(member)}]`,
  );
}
