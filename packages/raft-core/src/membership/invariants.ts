/**
 * The invariants of a membership, and the comparison of two memberships.
 *
 * Source: etcd-io/raft `confchange/confchange.go`, `checkInvariants`; `raftpb/confstate.go`,
 * `Equivalent`.
 */

import type { ConfState } from '@babuza/raftpb';
import { ConfChangeError } from '../errors.ts';
import { idSetOf, symmetricDifferenceCount } from '../ids.ts';
import { isJoint, type Membership } from '../tracker/membership-config.ts';

/** Whether two memberships are equal; the order of their ids does not matter. */
export function sameMembership(a: ConfState, b: ConfState): boolean {
  return (
    sameIds(a.voters, b.voters) &&
    sameIds(a.learners, b.learners) &&
    sameIds(a.votersOutgoing, b.votersOutgoing) &&
    sameIds(a.learnersNext, b.learnersNext) &&
    a.autoLeave === b.autoLeave
  );
}

function sameIds(a: readonly bigint[], b: readonly bigint[]): boolean {
  return a.length === b.length && symmetricDifferenceCount(idSetOf(a), idSetOf(b)) === 0;
}

/** @throws ConfChangeError (`RAFT_CORE_CONF_CHANGE`) when an invariant is broken. */
export function checkInvariants({ config, progress }: Membership): void {
  const { incoming, outgoing, learners, learnersNext, autoLeave } = config;
  for (const id of idSetOf([...incoming, ...outgoing, ...learners, ...learnersNext])) {
    if (!progress.has(id)) throw new ConfChangeError(`no progress for ${id}`);
  }
  for (const id of learnersNext) {
    if (!outgoing.includes(id)) {
      throw new ConfChangeError(`${id} is in LearnersNext, but not Voters[1]`);
    }
    if (progress.get(id)?.isLearner === true) {
      throw new ConfChangeError(`${id} is in LearnersNext, but is already marked as learner`);
    }
  }
  for (const id of learners) {
    if (outgoing.includes(id)) throw new ConfChangeError(`${id} is in Learners and Voters[1]`);
    if (incoming.includes(id)) throw new ConfChangeError(`${id} is in Learners and Voters[0]`);
    if (progress.get(id)?.isLearner !== true) {
      throw new ConfChangeError(`${id} is in Learners, but is not marked as learner`);
    }
  }
  if (isJoint(config)) return;
  if (learnersNext.length > 0) {
    throw new ConfChangeError('cfg.LearnersNext must be nil when not joint');
  }
  if (autoLeave) throw new ConfChangeError('AutoLeave must be false when not joint');
}
