/**
 * How a leader handles the answers of one member, and reports about it.
 *
 * Source: etcd-io/raft `raft.go`, `stepLeader`.
 */

import type { Message } from '@babuza/raftpb';
import { describeProgress } from '../describe/configuration.ts';
import { hex } from '../describe/names.ts';
import { broadcastAppend, maybeCommit, sendAppend } from '../replication/appends.ts';
import type { RaftState } from '../state/raft-state.ts';
import { ProgressState, type Progress } from '../tracker/progress.ts';
import { confirmReads, releasePendingReads } from './reads.ts';
import { finishTransfer } from './transfer.ts';

/** A member has rejected an append, because its log differs at the entry before it. */
export function handleRejection(raft: RaftState, member: Progress, message: Message): void {
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
  // The hint skips the follower's entries of terms above the one that the append named. The leader
  // skips its own entries of terms above that of the hint. So each term costs at most one rejected
  // append, not each entry.
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

/** A member has acknowledged all entries up to `index`. */
export function handleAcknowledgment(raft: RaftState, member: Progress, index: number): void {
  const isSelf = member.id === raft.id;
  const endsProbing = member.match === index && member.state === ProgressState.Probe;
  if (!member.update(index) && !endsProbing) return;
  continueReplication(raft, member, index);
  if (maybeCommit(raft)) {
    releasePendingReads(raft);
    broadcastAppend(raft);
  } else if (!isSelf && member.canBumpCommit(raft.log.committed)) {
    sendAppend(raft, member, true);
  }
  if (isSelf) return;
  while (sendAppend(raft, member, false)) {
    // The window has room again: entries may have waited for it.
  }
  finishTransfer(raft, member);
}

/** Ends probing, or waiting for a snapshot, or frees the window of appends in flight. */
function continueReplication(raft: RaftState, member: Progress, index: number): void {
  if (member.state === ProgressState.Probe) member.becomeReplicate();
  else if (member.state === ProgressState.Replicate) member.inflights.freeUpTo(index);
  else if (member.match + 1 >= raft.log.firstIndex()) {
    // The log has all entries behind the acknowledged one, so no snapshot is needed any more.
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

/** A member has answered a heartbeat. `context` is that of the heartbeat. */
export function handleHeartbeatResponse(
  raft: RaftState,
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

/** The transport reports whether a snapshot has reached the member. */
export function handleSnapshotStatus(raft: RaftState, member: Progress, failed: boolean): void {
  if (member.state !== ProgressState.Snapshot) return;
  if (failed) member.pendingSnapshot = 0;
  member.becomeProbe();
  raft.config.logger?.log(
    'debug',
    () =>
      `${hex(raft.id)} snapshot ${failed ? 'failed' : 'succeeded'}, resumed sending replication ` +
      `messages to ${hex(member.id)} [${describeProgress(member)}]`,
  );
  // The next append is sent after the member has acknowledged the snapshot, or, when the snapshot
  // has failed, after its next answer to a heartbeat.
  member.msgAppFlowPaused = true;
}

/** The transport reports that a message has not reached the member. */
export function handleUnreachable(raft: RaftState, member: Progress): void {
  // Appends that were sent ahead are probably lost.
  if (member.state === ProgressState.Replicate) member.becomeProbe();
  raft.config.logger?.log(
    'debug',
    () =>
      `${hex(raft.id)} failed to send message to ${hex(member.id)} because it is unreachable ` +
      `[${describeProgress(member)}]`,
  );
}
