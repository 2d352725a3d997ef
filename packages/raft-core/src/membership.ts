/**
 * The membership in force: how a change or a snapshot makes another one take its place, and how a
 * joint one is left by itself. Changes take effect when they are applied.
 *
 * Source: etcd-io/raft `raft.go`, `applyConfChange`, `switchToConfig`; docs/raft-behaviour.md,
 * sections 11.4 to 11.6.
 */

import {
  EntryType,
  MessageType,
  newMessage,
  type ConfChangeV2,
  type ConfState,
} from '@babuza/raftpb';
import {
  applyChange,
  restoreMembership,
  sameMembership,
  type NewMemberDefaults,
} from './conf-change.ts';
import { describeConfState, describeMembership } from './describe/configuration.ts';
import { hex } from './describe/names.ts';
import { codeOf, messageOf, RaftPanicError } from './errors.ts';
import { none } from './ids.ts';
import { panic } from './logger.ts';
import type { Raft } from './raft.ts';
import { StateType } from './ready.ts';
import { broadcastAppend, broadcastEntries, maybeCommit } from './replication.ts';
import { becomeFollower } from './roles.ts';
import { traceAppliedChange } from './trace.ts';
import { confStateOf, type Membership } from './tracker.ts';

/**
 * Makes a committed change take effect, and returns the new membership.
 *
 * @throws RaftPanicError (`RAFT_CORE_PANIC`) when it is not possible: all nodes apply the same.
 */
export function applyConfChange(raft: Raft, change: ConfChangeV2): ConfState {
  const { config, progress } = raft.tracker;
  let next: Membership;
  try {
    next = applyChange({ config, progress }, change, newMemberDefaults(raft));
  } catch (error) {
    throw new RaftPanicError(messageOf(error), error);
  }
  return switchTo(raft, next);
}

/** Takes over the membership of a snapshot or of the storage; every member begins anew. */
export function restoreConfState(raft: Raft, confState: ConfState): void {
  let membership: Membership;
  try {
    membership = restoreMembership(confState, newMemberDefaults(raft));
  } catch (error) {
    return panic(
      raft.config.logger,
      `unable to restore config ${describeConfState(confState)}: ${messageOf(error)}`,
      error,
    );
  }
  raft.tracker.votes.clear();
  const restored = switchTo(raft, membership);
  if (!sameMembership(restored, confState)) {
    panic(
      raft.config.logger,
      'the configuration cannot be restored unchanged: ' +
        `${describeConfState(confState)} became ${describeConfState(restored)}`,
    );
  }
}

/**
 * The application has come further: a joint membership that is to be left by itself is left now.
 */
export function leaveJointWhenApplied(raft: Raft): void {
  const { config } = raft.tracker;
  if (
    !config.autoLeave ||
    raft.state !== StateType.Leader ||
    // Then the change that leaves it is in the log already, or another one was.
    raft.log.applied < raft.pendingConfIndex
  ) {
    return;
  }
  const { logger } = raft.config;
  try {
    // Without payload, so that no limit refuses it.
    const entries = [{ index: 0, term: 0, type: EntryType.ConfChangeV2 }];
    raft.step(newMessage({ type: MessageType.Prop, entries }));
  } catch (error) {
    if (codeOf(error) !== 'RAFT_CORE_PROPOSAL_DROPPED') throw error;
    logger?.log(
      'debug',
      () =>
        'not initiating automatic transition out of joint configuration ' +
        `${describeMembership(config)}: ${messageOf(error)}`,
    );
    return;
  }
  logger?.log(
    'info',
    () =>
      `initiating automatic transition out of joint configuration ${describeMembership(config)}`,
  );
}

function newMemberDefaults({ log, tracker }: Raft): NewMemberDefaults {
  return { lastIndex: log.lastIndex(), newInflights: () => tracker.newInflights() };
}

function switchTo(raft: Raft, membership: Membership): ConfState {
  const { tracker, config } = raft;
  traceAppliedChange(raft, membership.config);
  tracker.switchTo(membership);
  config.logger?.log(
    'info',
    () => `${hex(raft.id)} switched to configuration ${describeMembership(membership.config)}`,
  );
  const confState = confStateOf(membership.config);
  const own = tracker.progress.get(raft.id);
  raft.isLearner = own?.isLearner ?? false;
  if (raft.state !== StateType.Leader) return confState;
  if (own === undefined || own.isLearner) {
    // Otherwise it stays leader without counting itself, until the others elect one.
    if (config.stepDownOnRemoval) becomeFollower(raft, raft.term, none);
    return confState;
  }
  if (confState.voters.length === 0) return confState;
  // A smaller quorum may suffice for what waits; and new members must hear of us.
  if (maybeCommit(raft)) broadcastAppend(raft);
  else broadcastEntries(raft);
  if (raft.leadTransferee !== none && !tracker.isVoter(raft.leadTransferee)) {
    raft.leadTransferee = none;
  }
  return confState;
}
