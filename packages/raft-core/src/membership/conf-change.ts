/**
 * Membership changes as pure functions: they return a new membership or throw, and never change the
 * one given. A simple change moves at most one voter. Every other change goes through a joint
 * membership, in which a majority of both halves must agree: Raft thesis, section 4.3.
 *
 * Source: etcd-io/raft `confchange/`; docs/raft-behaviour.md, section 11.
 */

import {
  ConfChangeType,
  entersJoint,
  leavesJoint,
  type ConfChangeSingle,
  type ConfChangeV2,
  type ConfState,
} from '@babuza/raftpb';
import { ConfChangeError } from '../errors.ts';
import { idSetOf, symmetricDifferenceCount } from '../ids.ts';
import { emptyMembership, isJoint, type Membership } from '../tracker/membership-config.ts';
import type { Progress } from '../tracker/progress.ts';
import { checkInvariants } from './invariants.ts';
import { MembershipDraft, type NewMemberDefaults } from './membership-draft.ts';

/**
 * Applies a change: a simple one, or one that enters or leaves a joint membership.
 *
 * @throws ConfChangeError (`RAFT_CORE_CONF_CHANGE`) when the membership does not allow it.
 */
export function applyChange(
  membership: Membership,
  change: ConfChangeV2,
  defaults: NewMemberDefaults,
): Membership {
  if (leavesJoint(change)) return leaveJoint(membership);
  const joint = entersJoint(change);
  if (joint === undefined) return simpleChange(membership, change.changes, defaults);
  return enterJoint(membership, joint.autoLeave, change.changes, defaults);
}

/**
 * Applies a simple change, which moves at most one voter.
 *
 * @throws ConfChangeError (`RAFT_CORE_CONF_CHANGE`) when it moves more, or the membership is joint.
 */
export function simpleChange(
  membership: Membership,
  changes: readonly ConfChangeSingle[],
  defaults: NewMemberDefaults,
): Membership {
  checkInvariants(membership);
  if (isJoint(membership.config)) {
    throw new ConfChangeError("can't apply simple config change in joint config");
  }
  const next = new MembershipDraft(membership, defaults);
  next.apply(changes);
  if (symmetricDifferenceCount(membership.config.incoming, next.incoming) > 1) {
    throw new ConfChangeError('more than one voter changed without entering joint config');
  }
  return next.finish();
}

/**
 * Enters a joint membership: the present voters become the outgoing half, and the operations change
 * the incoming half.
 *
 * @throws ConfChangeError (`RAFT_CORE_CONF_CHANGE`) when the membership does not allow it.
 */
export function enterJoint(
  membership: Membership,
  autoLeave: boolean,
  changes: readonly ConfChangeSingle[],
  defaults: NewMemberDefaults,
): Membership {
  checkInvariants(membership);
  if (isJoint(membership.config)) throw new ConfChangeError('config is already joint');
  if (membership.config.incoming.length === 0) {
    throw new ConfChangeError("can't make a zero-voter config joint");
  }
  const next = new MembershipDraft(membership, defaults);
  next.outgoing = next.incoming;
  next.apply(changes);
  next.autoLeave = autoLeave;
  return next.finish();
}

/**
 * Leaves a joint membership: drops the outgoing half.
 *
 * @throws ConfChangeError (`RAFT_CORE_CONF_CHANGE`) when the membership is not joint.
 */
export function leaveJoint(membership: Membership): Membership {
  checkInvariants(membership);
  const { config } = membership;
  if (!isJoint(config)) throw new ConfChangeError("can't leave a non-joint config");
  const learners = idSetOf([...config.learners, ...config.learnersNext]);
  const progress = new Map<bigint, Progress>();
  for (const [id, known] of membership.progress) {
    if (config.incoming.includes(id) || learners.includes(id)) {
      progress.set(id, known.asLearner(learners.includes(id)));
    }
  }
  const next = {
    config: { ...emptyMembership, incoming: config.incoming, learners },
    progress,
  };
  checkInvariants(next);
  return next;
}

/**
 * Returns the membership that a `ConfState` describes, with a new progress for each member.
 *
 * @throws ConfChangeError (`RAFT_CORE_CONF_CHANGE`) when it does not describe a valid membership.
 */
export function restoreMembership(confState: ConfState, defaults: NewMemberDefaults): Membership {
  let membership: Membership = { config: emptyMembership, progress: new Map() };
  const incoming = [
    ...operations(ConfChangeType.AddNode, confState.voters),
    ...operations(ConfChangeType.AddLearnerNode, confState.learners),
    ...operations(ConfChangeType.AddLearnerNode, confState.learnersNext),
  ];
  if (confState.votersOutgoing.length === 0) {
    for (const change of incoming) membership = simpleChange(membership, [change], defaults);
    return membership;
  }
  for (const change of operations(ConfChangeType.AddNode, confState.votersOutgoing)) {
    membership = simpleChange(membership, [change], defaults);
  }
  const leaving = operations(ConfChangeType.RemoveNode, confState.votersOutgoing);
  return enterJoint(membership, confState.autoLeave, [...leaving, ...incoming], defaults);
}

function operations(type: ConfChangeType, ids: readonly bigint[]): ConfChangeSingle[] {
  return ids.map((nodeId) => ({ type, nodeId }));
}
