/**
 * How a leader replicates its log: it sends appends, or a snapshot to a member whose next entry was
 * compacted, and commits what a quorum has acknowledged.
 *
 * Source: etcd-io/raft `raft.go`, `maybeSendAppend`, `maybeCommit`; docs/raft-behaviour.md,
 * sections 6.3, 6.6, 8.2 and 15.1; Raft paper, section 5.3.
 */

import { MessageType } from '@babuza/raftpb';
import { describeProgress } from '../describe/configuration.ts';
import { hex } from '../describe/names.ts';
import { payloadsBytes } from '../log/entry-size.ts';
import { RaftPanicError } from '../errors.ts';
import { send } from '../messages/outbox.ts';
import { ProgressState, type Progress } from '../tracker/progress.ts';
import type { RaftState } from '../state/raft-state.ts';
import { traceEvent } from '../trace/trace.ts';

/** Sends an append to every other member, even an empty one, which tells the commit index. */
export function broadcastAppend(raft: RaftState): void {
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) sendAppend(raft, member, true);
  }
}

/** Sends new entries to every other member that lacks some. */
export function broadcastEntries(raft: RaftState): void {
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) sendAppend(raft, member, false);
  }
}

/**
 * Sends an append to a member that is not paused, or a snapshot if the log no longer has the
 * entries that the member needs. Returns whether anything was sent.
 */
export function sendAppend(raft: RaftState, member: Progress, evenIfEmpty: boolean): boolean {
  if (member.isPaused()) return false;
  const { log, config } = raft;
  const previousIndex = member.next - 1;
  const previousTerm = log.term(previousIndex);
  if (previousTerm === undefined) return sendSnapshot(raft, member);
  // When the window is full, each heartbeat response lets one empty append through. Its rejection
  // or acknowledgment shows whether appends were lost.
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

function sendSnapshot(raft: RaftState, member: Progress): boolean {
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

/**
 * Commits the entries that a quorum has acknowledged, if the last of them is of this leader's term.
 * Returns whether the commit index has advanced.
 */
export function maybeCommit(raft: RaftState): boolean {
  const advanced = raft.log.maybeCommit(raft.tracker.committed(), raft.term);
  traceEvent(raft, 'Commit');
  return advanced;
}
