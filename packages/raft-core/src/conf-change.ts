/**
 * Changes of the membership as pure functions: a membership and operations in, a new membership
 * out, or an error and nothing happened. Simple changes move at most one voter; everything else
 * goes through a joint state, in which both halves must agree: Raft thesis, section 4.3.
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
import { ConfChangeError } from './errors.ts';
import { idSetOf, none, symmetricDifferenceCount, withId, withoutId, type IdSet } from './ids.ts';
import type { Inflights } from './inflights.ts';
import { Progress } from './progress.ts';
import { emptyMembership, isJoint, type Membership, type MembershipConfig } from './tracker.ts';

/** What a member that is added starts with. */
export interface NewMemberDefaults {
  readonly lastIndex: number;
  readonly newInflights: () => Inflights;
}

/** Applies a change, by joint consensus or not, as the change says. Throws `ConfChangeError`. */
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

/** Changes at most one voter. Throws `ConfChangeError`. */
export function simpleChange(
  membership: Membership,
  changes: readonly ConfChangeSingle[],
  defaults: NewMemberDefaults,
): Membership {
  checkInvariants(membership);
  if (isJoint(membership.config)) {
    throw new ConfChangeError("can't apply simple config change in joint config");
  }
  const next = new Draft(membership, defaults);
  next.apply(changes);
  if (symmetricDifferenceCount(membership.config.incoming, next.incoming) > 1) {
    throw new ConfChangeError('more than one voter changed without entering joint config');
  }
  return next.finish();
}

/** Makes the voters the outgoing half, and changes the incoming one. Throws `ConfChangeError`. */
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
  const next = new Draft(membership, defaults);
  next.outgoing = next.incoming;
  next.apply(changes);
  next.autoLeave = autoLeave;
  return next.finish();
}

/** Drops the outgoing half. Throws `ConfChangeError`. */
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
 * The membership that a `ConfState` describes, every member with a new progress. Throws
 * `ConfChangeError` when it describes none.
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

/** Whether two memberships are the same, whatever the order of their ids. */
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

/** Throws `ConfChangeError` when a membership contradicts itself. */
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

/** A membership that is being changed; the one it came from stays as it is. */
class Draft {
  incoming: IdSet;
  outgoing: IdSet;
  autoLeave: boolean;
  #learners: IdSet;
  #learnersNext: IdSet;
  readonly #progress: Map<bigint, Progress>;
  readonly #defaults: NewMemberDefaults;

  constructor({ config, progress }: Membership, defaults: NewMemberDefaults) {
    this.incoming = config.incoming;
    this.outgoing = config.outgoing;
    this.autoLeave = config.autoLeave;
    this.#learners = config.learners;
    this.#learnersNext = config.learnersNext;
    this.#progress = new Map(progress);
    this.#defaults = defaults;
  }

  apply(changes: readonly ConfChangeSingle[]): void {
    for (const change of changes) {
      // The way to say that a committed change was rejected.
      if (change.nodeId === none) continue;
      this.#applyOne(change);
    }
    if (this.incoming.length === 0) throw new ConfChangeError('removed all voters');
  }

  finish(): Membership {
    const config: MembershipConfig = {
      incoming: this.incoming,
      outgoing: this.outgoing,
      learners: this.#learners,
      learnersNext: this.#learnersNext,
      autoLeave: this.autoLeave,
    };
    const membership = { config, progress: this.#progress };
    checkInvariants(membership);
    return membership;
  }

  #applyOne({ type, nodeId }: ConfChangeSingle): void {
    switch (type) {
      case ConfChangeType.AddNode:
        this.#addVoter(nodeId);
        return;
      case ConfChangeType.AddLearnerNode:
        this.#addLearner(nodeId);
        return;
      case ConfChangeType.RemoveNode:
        this.#remove(nodeId);
        return;
      case ConfChangeType.UpdateNode:
        return;
      default:
        throw new ConfChangeError(`unexpected conf type ${String(type)}`);
    }
  }

  #addVoter(id: bigint): void {
    const known = this.#progress.get(id);
    this.#progress.set(id, known?.asLearner(false) ?? this.#newProgress(id, false));
    this.#learners = withoutId(this.#learners, id);
    this.#learnersNext = withoutId(this.#learnersNext, id);
    this.incoming = withId(this.incoming, id);
  }

  #addLearner(id: bigint): void {
    const known = this.#progress.get(id);
    if (known === undefined) {
      this.#learners = withId(this.#learners, id);
      this.#progress.set(id, this.#newProgress(id, true));
      return;
    }
    if (known.isLearner) return;
    this.#remove(id);
    // An outgoing voter still votes: it becomes a learner when the joint state is left.
    if (this.outgoing.includes(id)) {
      this.#learnersNext = withId(this.#learnersNext, id);
      this.#progress.set(id, known);
    } else {
      this.#learners = withId(this.#learners, id);
      this.#progress.set(id, known.asLearner(true));
    }
  }

  #remove(id: bigint): void {
    if (!this.#progress.has(id)) return;
    this.incoming = withoutId(this.incoming, id);
    this.#learners = withoutId(this.#learners, id);
    this.#learnersNext = withoutId(this.#learnersNext, id);
    if (!this.outgoing.includes(id)) this.#progress.delete(id);
  }

  #newProgress(id: bigint, isLearner: boolean): Progress {
    const { lastIndex, newInflights } = this.#defaults;
    return new Progress({
      id,
      isLearner,
      // Probing begins at the end of the log, and one rejection later where the log begins.
      next: Math.max(lastIndex, 1),
      inflights: newInflights(),
      // Otherwise adding a member could make the leader step down before it had a chance to answer.
      recentActive: true,
    });
  }
}

function operations(type: ConfChangeType, ids: readonly bigint[]): ConfChangeSingle[] {
  return ids.map((nodeId) => ({ type, nodeId }));
}
