/**
 * How a node handles the reports that storage work is done. They come from the storage threads, or
 * from `RawNode.advance`.
 *
 * Source: etcd-io/raft `rawnode.go`, `newStorageAppendMsg` and the like; docs/raft-behaviour.md,
 * section 10.
 */

import { MessageType, type Entry, type Message, type Snapshot } from '@babuza/raftpb';
import { hex, messageTypeName } from '../describe/names.ts';
import { leaveJointWhenApplied } from '../membership/leave-joint.ts';
import { reduceUncommittedBytes } from '../replication/append-entries.ts';
import type { RaftState } from '../state/raft-state.ts';

const noEntries: readonly Entry[] = [];

/** The entries up to `index`, of term `logTerm`, and the snapshot if there is one, are durable. */
export function handleAppended(raft: RaftState, message: Message): void {
  if (message.index !== 0) raft.log.unstable.stableTo(message.logTerm, message.index);
  if (message.snapshot !== undefined) handleSnapshotStored(raft, message.snapshot);
}

/**
 * Handles a report of work that was handed out in an earlier term. It does not count for entries:
 * later writes in the queue may overwrite them, and then write entries of the same index and term
 * again. A report of the present term follows, because its hard state must be written too. A
 * snapshot holds committed entries only, so its report counts in every term.
 */
export function handleAppendedAtOlderTerm(raft: RaftState, message: Message): void {
  if (message.index !== 0) {
    raft.config.logger?.log(
      'info',
      () =>
        `${hex(raft.id)} [term: ${raft.term}] ignored entry appends from a ` +
        `${messageTypeName(MessageType.StorageAppendResp)} message with lower term ` +
        `[term: ${message.term}]`,
    );
  }
  if (message.snapshot !== undefined) handleSnapshotStored(raft, message.snapshot);
}

/** The application has applied these entries. */
export function handleApplied(raft: RaftState, entries: readonly Entry[]): void {
  const index = entries.at(-1)?.index;
  if (index === undefined) return;
  appliedTo(raft, index, entries);
  reduceUncommittedBytes(raft, entries);
}

function handleSnapshotStored(raft: RaftState, snapshot: Snapshot): void {
  const { index } = snapshot.metadata;
  raft.log.unstable.stableSnapshotTo(index);
  appliedTo(raft, index, noEntries);
}

function appliedTo(raft: RaftState, index: number, entries: readonly Entry[]): void {
  raft.log.appliedTo(Math.max(index, raft.log.applied), entries);
  leaveJointWhenApplied(raft);
}
