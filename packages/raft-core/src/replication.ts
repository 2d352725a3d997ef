/**
 * What a leader sends: appends, snapshots where the log does not reach back far enough, heartbeats;
 * and how it commits.
 *
 * Source: etcd-io/raft `raft.go`, `maybeSendAppend`, `maybeCommit`; docs/raft-behaviour.md,
 * sections 6.3, 6.6, 8.2 and 15.1; Raft paper, section 5.3.
 */

import { MessageType } from '@babuza/raftpb';
import { describeProgress } from './describe/configuration.ts';
import { hex } from './describe/names.ts';
import { payloadsBytes } from './entry-size.ts';
import { RaftPanicError } from './errors.ts';
import { send } from './outbox.ts';
import { ProgressState, type Progress } from './progress.ts';
import type { Raft } from './raft.ts';
import { traceEvent } from './trace.ts';

/** Sends an append to everybody else, also an empty one. */
export function broadcastAppend(raft: Raft): void {
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) sendAppend(raft, member, true);
  }
}

/** Sends what is new to everybody else. */
export function broadcastEntries(raft: Raft): void {
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) sendAppend(raft, member, false);
  }
}

/**
 * Sends an append to a member that is not paused, or a snapshot if the log does not have what it
 * needs any more. Returns whether anything was sent.
 */
export function sendAppend(raft: Raft, member: Progress, evenIfEmpty: boolean): boolean {
  if (member.isPaused()) return false;
  const { log, config } = raft;
  const previousIndex = member.next - 1;
  const previousTerm = log.term(previousIndex);
  if (previousTerm === undefined) return sendSnapshot(raft, member);
  // A full window lets one empty append through per heartbeat response, by which losses are
  // noticed.
  const isBlocked = member.state === ProgressState.Replicate && member.inflights.full();
  const entries = isBlocked
    ? []
    : log.entriesFrom(member.next, config.maxSizePerMsg, config.maxEntriesPerMsg);
  if ((entries === undefined || entries.length === 0) && !evenIfEmpty) return false;
  if (entries === undefined) return sendSnapshot(raft, member);
  const append = raft.draft(MessageType.App, member.id);
  append.index = previousIndex;
  append.logTerm = previousTerm;
  append.entries = entries;
  append.commit = log.committed;
  send(raft, append);
  member.sentEntries(entries.length, payloadsBytes(entries));
  member.sentCommit = log.committed;
  return true;
}

function sendSnapshot(raft: Raft, member: Progress): boolean {
  const { log, config } = raft;
  const self = hex(raft.id);
  const to = hex(member.id);
  if (!member.recentActive) {
    config.logger?.log(
      'debug',
      () => `ignore sending snapshot to ${to} since it is not recently active`,
    );
    return false;
  }
  const snapshot = log.snapshot();
  if (snapshot === undefined) {
    config.logger?.log(
      'debug',
      () => `${self} failed to send snapshot to ${to} because snapshot is temporarily unavailable`,
    );
    return false;
  }
  const { index, term } = snapshot.metadata;
  if (index === 0) throw new RaftPanicError('need non-empty snapshot');
  config.logger?.log(
    'debug',
    () =>
      `${self} [firstindex: ${log.firstIndex()}, commit: ${log.committed}] sent ` +
      `snapshot[index: ${index}, term: ${term}] to ${to} [${describeProgress(member)}]`,
  );
  member.becomeSnapshot(index);
  config.logger?.log(
    'debug',
    () => `${self} paused sending replication messages to ${to} [${describeProgress(member)}]`,
  );
  const message = raft.draft(MessageType.Snap, member.id);
  message.snapshot = snapshot;
  send(raft, message);
  return true;
}

/** Tells everybody else that the leader lives, and asks for confirmation while reads wait. */
export function broadcastHeartbeat(raft: Raft): void {
  const context = raft.readOnly.heartbeatContext();
  for (const member of raft.tracker.members) {
    if (member.id === raft.id) continue;
    // Not further than what is known to match: behind it the member may have something else.
    const commit = Math.min(member.match, raft.log.committed);
    const heartbeat = raft.draft(MessageType.Heartbeat, member.id);
    heartbeat.commit = commit;
    if (context !== undefined) heartbeat.context = context;
    send(raft, heartbeat);
    member.sentCommit = commit;
  }
}

/** Commits what a quorum has, if that is of the leader's own term. Returns whether anything was. */
export function maybeCommit(raft: Raft): boolean {
  const advanced = raft.log.maybeCommit(raft.tracker.committed(), raft.term);
  traceEvent(raft, 'Commit');
  return advanced;
}
