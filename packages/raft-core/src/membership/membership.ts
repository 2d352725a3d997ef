/**
 * The membership in force, and how a change or a snapshot replaces it. A change takes effect when
 * it is applied, not when it is appended.
 *
 * Source: etcd-io/raft `raft.go`, `applyConfChange`, `switchToConfig`; docs/raft-behaviour.md,
 * sections 11.4 to 11.6.
 */

import type { ConfChangeV2, ConfState } from '@babuza/raftpb';
import { describeConfState, describeMembership } from '../describe/configuration.ts';
import { hex } from '../describe/names.ts';
import { messageOf, RaftPanicError } from '../errors.ts';
import { none } from '../ids.ts';
import { panic } from '../logger.ts';
import type { RaftState } from '../state/raft-state.ts';
import { StateType } from '../ready.ts';
import { broadcastAppend, broadcastEntries, maybeCommit } from '../replication/appends.ts';
import { becomeFollower } from '../election/role-changes.ts';
import { traceAppliedChange } from '../trace/trace.ts';
import { confStateOf, type Membership } from '../tracker/membership-config.ts';
import { applyChange, restoreMembership } from './conf-change.ts';
import { sameMembership } from './invariants.ts';
import type { NewMemberDefaults } from './membership-draft.ts';

/**
 * Puts a committed change into effect, and returns the new membership.
 *
 * @throws RaftPanicError (`RAFT_CORE_PANIC`) when the change does not fit the membership. All nodes
 * apply the same changes, so this node has a different history.
 */
export function applyConfChange(raft: RaftState, change: ConfChangeV2): ConfState {
  const { config, progress } = raft.tracker;
  let next: Membership;
  try {
    next = applyChange({ config, progress }, change, newMemberDefaults(raft));
  } catch (error) {
    throw new RaftPanicError(messageOf(error), error);
  }
  return switchTo(raft, next);
}

/**
 * Puts the membership of a snapshot or of the storage into effect, with a new progress for each
 * member.
 */
export function restoreConfState(raft: RaftState, confState: ConfState): void {
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

function newMemberDefaults({ log, tracker }: RaftState): NewMemberDefaults {
  return { lastIndex: log.lastIndex(), newInflights: () => tracker.newInflights() };
}

function switchTo(raft: RaftState, membership: Membership): ConfState {
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
    // Without the option it leads on, does not count itself, and ends when another is elected.
    if (config.stepDownOnRemoval) becomeFollower(raft, raft.term, none);
    return confState;
  }
  if (confState.voters.length === 0) return confState;
  // The new quorum may already have acknowledged more entries. New members get their first append.
  if (maybeCommit(raft)) broadcastAppend(raft);
  else broadcastEntries(raft);
  if (raft.leadTransferee !== none && !tracker.isVoter(raft.leadTransferee)) {
    raft.leadTransferee = none;
  }
  return confState;
}
