/**
 * Proposals at the leader: they are checked, get their term and indexes, and enter the log, all or
 * none.
 *
 * Source: etcd-io/raft `raft.go`, `stepLeader` (`MsgProp`), `appendEntry`; docs/raft-behaviour.md,
 * sections 6.1, 7.2 and 11.3.
 */

import {
  confChangeAsV2,
  decodeConfChange,
  decodeConfChangeV2,
  EntryType,
  MessageType,
  type ConfChangeV2,
  type Entry,
} from '@babuza/raftpb';
import { describeConfChange, describeMembership } from './describe/configuration.ts';
import { hex } from './describe/names.ts';
import { payloadsBytes } from './entry-size.ts';
import { messageOf, ProposalDroppedError } from './errors.ts';
import { none } from './ids.ts';
import { panic } from './logger.ts';
import { send } from './outbox.ts';
import type { Raft } from './raft.ts';
import { traceProposedChange, traceReplicate } from './trace.ts';
import { isJoint } from './tracker.ts';

const noBytes = new Uint8Array(0);

/** The entry that takes the place of a change that was refused. */
const refusedChange: Entry = Object.freeze({ index: 0, term: 0, type: EntryType.Normal });

/**
 * Appends proposals at the leader.
 *
 * @throws ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`) when none of them entered the log.
 */
export function acceptProposal(raft: Raft, proposed: readonly Entry[]): void {
  const { logger } = raft.config;
  if (proposed.length === 0) panic(logger, `${hex(raft.id)} stepped empty MsgProp`);
  if (!raft.tracker.progress.has(raft.id)) throw new ProposalDroppedError('not-a-member');
  if (raft.leadTransferee !== none) {
    logger?.log(
      'debug',
      () =>
        `${hex(raft.id)} [term ${raft.term}] transfer leadership to ` +
        `${hex(raft.leadTransferee)} is in progress; dropping proposal`,
    );
    throw new ProposalDroppedError('transferring');
  }
  if (!raft.log.hasRoomFor(proposed.length)) throw new ProposalDroppedError('log-full');
  const checked = proposed.every(({ type }) => type === EntryType.Normal)
    ? proposed
    : proposed.map((entry, at) => checkedChange(raft, entry, raft.log.lastIndex() + at + 1));
  if (!appendEntries(raft, checked)) throw new ProposalDroppedError('uncommitted-limit');
}

/**
 * Appends entries of the leader's own term; the given ones stay as they are. False when that would
 * make too much of the log uncommitted. The acknowledgment to itself counts once the entries are
 * durable.
 */
export function appendEntries(raft: Raft, proposed: readonly Entry[]): boolean {
  const firstIndex = raft.log.lastIndex() + 1;
  if (!increaseUncommittedBytes(raft, payloadsBytes(proposed))) {
    raft.config.logger?.log(
      'warn',
      () =>
        `${hex(raft.id)} appending new entries to log would exceed uncommitted entry size limit; ` +
        'dropping proposal',
    );
    return false;
  }
  const { term } = raft;
  const entries = proposed.map(({ type, data }, at): Entry => {
    const index = firstIndex + at;
    return data === undefined ? { index, term, type } : { index, term, type, data };
  });
  traceReplicate(raft, entries);
  const acknowledgment = raft.draft(MessageType.AppResp, raft.id);
  acknowledgment.index = raft.log.append(entries);
  send(raft, acknowledgment);
  return true;
}

/** Entries of the leader were applied. It may have been counted too little, never too much. */
export function reduceUncommittedBytes(raft: Raft, entries: readonly Entry[]): void {
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - payloadsBytes(entries));
}

/** One proposal of any size fits into an empty tail, and one without payload always does. */
function increaseUncommittedBytes(raft: Raft, bytes: number): boolean {
  const sum = raft.uncommittedBytes + bytes;
  if (raft.uncommittedBytes > 0 && bytes > 0 && sum > raft.config.maxUncommittedEntriesSize) {
    return false;
  }
  raft.uncommittedBytes = sum;
  return true;
}

/** The entry, or an empty one where it is a change that may not be made now. */
function checkedChange(raft: Raft, entry: Entry, index: number): Entry {
  const change = decodedChange(raft, entry);
  if (change === undefined) return entry;
  const refusal = refusalOf(raft, change);
  if (refusal !== undefined && !raft.config.disableConfChangeValidation) {
    raft.config.logger?.log(
      'info',
      () =>
        `${hex(raft.id)} ignoring conf change ${describeConfChange(change)} at config ` +
        `${describeMembership(raft.tracker.config)}: ${refusal}`,
    );
    return refusedChange;
  }
  raft.pendingConfIndex = index;
  traceProposedChange(raft, change);
  return entry;
}

function refusalOf(raft: Raft, change: ConfChangeV2): string | undefined {
  const { pendingConfIndex, log, tracker } = raft;
  if (pendingConfIndex > log.applied) {
    return `possible unapplied conf change at index ${pendingConfIndex} (applied to ${log.applied})`;
  }
  // Whatever the transition: only the operations are looked at.
  const leaves = change.changes.length === 0;
  if (isJoint(tracker.config))
    return leaves ? undefined : 'must transition out of joint config first';
  return leaves ? 'not in joint state; refusing empty conf change' : undefined;
}

function decodedChange(raft: Raft, { type, data }: Entry): ConfChangeV2 | undefined {
  if (type === EntryType.Normal) return undefined;
  try {
    return type === EntryType.ConfChange
      ? confChangeAsV2(decodeConfChange(data ?? noBytes))
      : decodeConfChangeV2(data ?? noBytes);
  } catch (error) {
    return panic(raft.config.logger, messageOf(error), error);
  }
}
