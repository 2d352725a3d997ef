/**
 * Work for the storage threads as messages, with what is to be delivered when it is done. Without
 * asynchronous writes the same answers are stepped by `advance`, so that one path serves both.
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
import { localAppendThread, localApplyThread } from './ids.ts';
import type { Raft } from './raft.ts';

/** What of a Ready is to be written. */
export interface AppendWork {
  readonly hardState?: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot?: Snapshot | undefined;
}

/** Work for the append thread, if there is any: also when only answers wait for older work. */
export function storageAppend(raft: Raft, work: AppendWork): Message | undefined {
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
  // A copy: more answers may come before the Ready is taken.
  message.responses = done === undefined ? responses.slice() : [...responses, done];
  return message;
}

/**
 * The report that everything up to the end of the log is durable, if anything is unstable: also
 * what was handed out before. It names the last entry of the log, not of this Ready, so that the
 * one report that has the current term attests everything.
 */
export function storageAppendDone(raft: Raft, snapshot: Snapshot | undefined): Message | undefined {
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

/** Work for the apply thread, if there is any. */
export function storageApply(raft: Raft, entries: readonly Entry[]): Message | undefined {
  const done = storageApplyDone(raft, entries);
  if (done === undefined) return undefined;
  const message = draftMessage(MessageType.StorageApply, localApplyThread, raft.id, 0);
  message.entries = entries;
  message.responses = [done];
  return message;
}

/** The report that these entries were applied. */
export function storageApplyDone(raft: Raft, entries: readonly Entry[]): Message | undefined {
  if (entries.length === 0) return undefined;
  const message = draftMessage(MessageType.StorageApplyResp, raft.id, localApplyThread, 0);
  message.entries = entries;
  return message;
}
