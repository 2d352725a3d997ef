/**
 * The membership as a value.
 *
 * Source: etcd-io/raft `tracker/tracker.go`, `type Config struct`.
 */

import type { ConfState } from '@babuza/raftpb';
import { emptyIdSet, union, type IdSet } from '../ids.ts';
import type { Progress } from './progress.ts';

/**
 * The voters and learners of a group. Immutable. `checkInvariants` in `membership/invariants.ts`
 * has its invariants.
 */
export interface MembershipConfig {
  /** The voters; in a joint membership, those of the incoming half. */
  readonly incoming: IdSet;
  /** The voters of the outgoing half; empty unless the membership is joint. */
  readonly outgoing: IdSet;
  readonly learners: IdSet;
  /** Outgoing voters that become learners when the joint membership is left. */
  readonly learnersNext: IdSet;
  /** The leader leaves the joint membership by itself once it is applied. */
  readonly autoLeave: boolean;
}

export const emptyMembership: MembershipConfig = Object.freeze({
  incoming: emptyIdSet,
  outgoing: emptyIdSet,
  learners: emptyIdSet,
  learnersNext: emptyIdSet,
  autoLeave: false,
});

/** A membership with the progress of each member. */
export interface Membership {
  readonly config: MembershipConfig;
  readonly progress: ReadonlyMap<bigint, Progress>;
}

export function isJoint(config: MembershipConfig): boolean {
  return config.outgoing.length > 0;
}

/** The voters of both halves. */
export function votersOf(config: MembershipConfig): IdSet {
  return union(config.incoming, config.outgoing);
}

/** The membership as it is stored and sent; its lists are ascending. */
export function confStateOf(config: MembershipConfig): ConfState {
  return {
    voters: config.incoming,
    learners: config.learners,
    votersOutgoing: config.outgoing,
    learnersNext: config.learnersNext,
    autoLeave: config.autoLeave,
  };
}
