/**
 * Proposals at the leader. All entries of a proposal are checked and enter the log together, or
 * none does.
 *
 * Source: etcd-io/raft `raft.go`, `stepLeader` (`MsgProp`), `appendEntry`; docs/raft-behaviour.md,
 * sections 6.1, 7.2 and 11.3.
 */

import {
  confChangeAsV2,
  decodeConfChange,
  decodeConfChangeV2,
  EntryType,
  type ConfChangeV2,
  type Entry,
} from '@babuza/raftpb';
import { describeConfChange, describeMembership } from '../describe/configuration.ts';
import { hex } from '../describe/names.ts';
import { messageOf, ProposalDroppedError } from '../errors.ts';
import { none } from '../ids.ts';
import { panic } from '../logger.ts';
import type { RaftState } from '../state/raft-state.ts';
import { traceProposedChange } from '../trace/trace.ts';
import { isJoint } from '../tracker/membership-config.ts';
import { appendEntries } from './append-entries.ts';

const noBytes = new Uint8Array(0);

/** The entry that replaces a membership change that the leader refuses. */
const refusedChange: Entry = Object.freeze({ index: 0, term: 0, type: EntryType.Normal });

/**
 * Appends the entries of a proposal at the leader.
 *
 * @throws ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`) when no entry has entered the log.
 */
export function acceptProposal(raft: RaftState, proposed: readonly Entry[]): void {
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

/** Returns the entry, or an empty entry in place of a change that must not be made now. */
function checkedChange(raft: RaftState, entry: Entry, index: number): Entry {
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

function refusalOf(raft: RaftState, change: ConfChangeV2): string | undefined {
  const { pendingConfIndex, log, tracker } = raft;
  if (pendingConfIndex > log.applied) {
    return `possible unapplied conf change at index ${pendingConfIndex} (applied to ${log.applied})`;
  }
  // A change without operations leaves the joint state; its transition does not matter.
  const leaves = change.changes.length === 0;
  if (isJoint(tracker.config))
    return leaves ? undefined : 'must transition out of joint config first';
  return leaves ? 'not in joint state; refusing empty conf change' : undefined;
}

function decodedChange(raft: RaftState, { type, data }: Entry): ConfChangeV2 | undefined {
  if (type === EntryType.Normal) return undefined;
  try {
    return type === EntryType.ConfChange
      ? confChangeAsV2(decodeConfChange(data ?? noBytes))
      : decodeConfChangeV2(data ?? noBytes);
  } catch (error) {
    return panic(raft.config.logger, messageOf(error), error);
  }
}
