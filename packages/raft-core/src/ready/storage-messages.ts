/**
 * The storage work of a Ready as messages to the two storage threads. Each message has the
 * responses that the thread must deliver when the work is done. Without asynchronous writes,
 * `advance` steps the same responses, so that both ways share one path.
 *
 * Source: etcd-io/raft `rawnode.go`, `newStorageAppendMsg` and the like; docs/raft-behaviour.md,
 * section 10.
 */

import {
  draftMessage,
  MessageType,
  type Entry,
  type HardState,
  type Message,
  type Snapshot,
} from '@babuza/raftpb';
import { localAppendThread, localApplyThread } from '../ids.ts';
import type { RaftState } from '../state/raft-state.ts';

/** The parts of a Ready that are to be written. */
export interface AppendWork {
  readonly hardState?: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot?: Snapshot | undefined;
}

/**
 * Returns the work for the append thread, or nothing. Answers that wait for older writes are work
 * too.
 */
export function storageAppend(raft: RaftState, work: AppendWork): Message | undefined {
  const { hardState, entries, snapshot } = work;
  const responses = raft.messagesAfterAppend;
  const isNeeded =
    hardState !== undefined || entries.length > 0 || snapshot !== undefined || responses.length > 0;
  if (!isNeeded) return undefined;
  const message = draftMessage(MessageType.StorageAppend, localAppendThread, raft.id, 0);
  message.entries = entries;
  if (snapshot !== undefined) message.snapshot = snapshot;
  if (hardState !== undefined) {
    message.term = hardState.term;
    message.vote = hardState.vote;
    message.commit = hardState.commit;
  }
  const done = storageAppendDone(raft, snapshot);
  // The array is copied, because more answers may be added before the Ready is accepted.
  message.responses = done === undefined ? responses.slice() : [...responses, done];
  return message;
}

/**
 * Returns the report that the whole log is durable, or nothing when nothing is unstable. It names
 * the last entry of the log, not of this Ready. Reports of earlier terms do not count, so the first
 * one of the present term must cover the entries that were handed out before it.
 */
export function storageAppendDone(
  raft: RaftState,
  snapshot: Snapshot | undefined,
): Message | undefined {
  const hasEntries = raft.log.unstable.length > 0;
  if (!hasEntries && snapshot === undefined) return undefined;
  const { id, term, log } = raft;
  const message = draftMessage(MessageType.StorageAppendResp, id, localAppendThread, term);
  if (hasEntries) {
    message.index = log.lastIndex();
    message.logTerm = log.lastTerm();
  }
  if (snapshot !== undefined) message.snapshot = snapshot;
  return message;
}

/** Returns the work for the apply thread, or nothing. */
export function storageApply(raft: RaftState, entries: readonly Entry[]): Message | undefined {
  const done = storageApplyDone(raft, entries);
  if (done === undefined) return undefined;
  const message = draftMessage(MessageType.StorageApply, localApplyThread, raft.id, 0);
  message.entries = entries;
  message.responses = [done];
  return message;
}

/** Returns the report that these entries were applied, or nothing without entries. */
export function storageApplyDone(raft: RaftState, entries: readonly Entry[]): Message | undefined {
  if (entries.length === 0) return undefined;
  const message = draftMessage(MessageType.StorageApplyResp, raft.id, localApplyThread, 0);
  message.entries = entries;
  return message;
}
