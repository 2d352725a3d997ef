/**
 * What the storage threads report, and what `advance` reports in their place.
 *
 * Source: etcd-io/raft `rawnode.go`, `newStorageAppendMsg` and the like; docs/raft-behaviour.md,
 * section 10.
 */

import { MessageType, type Entry, type Message, type Snapshot } from '@babuza/raftpb';
import { hex, messageTypeName } from './describe/names.ts';
import { leaveJointWhenApplied } from './membership.ts';
import { reduceUncommittedBytes } from './proposal.ts';
import type { Raft } from './raft.ts';

const noEntries: readonly Entry[] = [];

/** Entries up to (`logTerm`, `index`), and perhaps a snapshot, are durable. */
export function handleAppended(raft: Raft, message: Message): void {
  if (message.index !== 0) raft.log.unstable.stableTo(message.logTerm, message.index);
  if (message.snapshot !== undefined) handleSnapshotStored(raft, message.snapshot);
}

/**
 * The same, from before the term changed. The entries may meanwhile be overwritten in the pipeline
 * of writes, and again by ones of the same term and index: what was written then says nothing about
 * what is written now. Another report follows, because the new term has to be written too.
 */
export function handleAppendedAtOlderTerm(raft: Raft, message: Message): void {
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

/** These entries were applied. */
export function handleApplied(raft: Raft, entries: readonly Entry[]): void {
  const index = entries.at(-1)?.index;
  if (index === undefined) return;
  appliedTo(raft, index, entries);
  reduceUncommittedBytes(raft, entries);
}

function handleSnapshotStored(raft: Raft, snapshot: Snapshot): void {
  const { index } = snapshot.metadata;
  raft.log.unstable.stableSnapshotTo(index);
  appliedTo(raft, index, noEntries);
}

function appliedTo(raft: Raft, index: number, entries: readonly Entry[]): void {
  raft.log.appliedTo(Math.max(index, raft.log.applied), entries);
  leaveJointWhenApplied(raft);
}
