/**
 * The membership, and what the node knows of each member: progress of replication and votes. Lists
 * in ascending order of ids are made when the membership changes, so that no message has to sort.
 *
 * Source: etcd-io/raft `tracker/tracker.go`; docs/raft-behaviour.md, sections 6.2, 8.1 and 11.1.
 */

import type { ConfState } from '@babuza/raftpb';
import { ascending, emptyIdSet, union, type IdSet } from './ids.ts';
import { Inflights } from './inflights.ts';
import { Progress } from './progress.ts';
import { jointVote, majorityIndex, majorityOf, type VoteResult } from './quorum.ts';

/** A membership. Invariants: see `checkInvariants` in `conf-change.ts`. Immutable. */
export interface MembershipConfig {
  /** The voters; while joint, those of the incoming half. */
  readonly incoming: IdSet;
  /** The voters of the outgoing half; empty when not joint. */
  readonly outgoing: IdSet;
  readonly learners: IdSet;
  /** Outgoing voters that become learners when the joint state is left. */
  readonly learnersNext: IdSet;
  /** The joint state is left as soon as it is reached. */
  readonly autoLeave: boolean;
}

export const emptyMembership: MembershipConfig = Object.freeze({
  incoming: emptyIdSet,
  outgoing: emptyIdSet,
  learners: emptyIdSet,
  learnersNext: emptyIdSet,
  autoLeave: false,
});

/** A membership and the progress of each member. */
export interface Membership {
  readonly config: MembershipConfig;
  readonly progress: ReadonlyMap<bigint, Progress>;
}

/** What an election has come to, in numbers. */
export interface Tally {
  readonly granted: number;
  readonly rejected: number;
  readonly result: VoteResult;
}

export function isJoint(config: MembershipConfig): boolean {
  return config.outgoing.length > 0;
}

/** The voters of both halves. */
export function votersOf(config: MembershipConfig): IdSet {
  return union(config.incoming, config.outgoing);
}

/** The membership as it is written and sent, lists ascending. */
export function confStateOf(config: MembershipConfig): ConfState {
  return {
    voters: config.incoming,
    learners: config.learners,
    votersOutgoing: config.outgoing,
    learnersNext: config.learnersNext,
    autoLeave: config.autoLeave,
  };
}

export class Tracker {
  readonly inflightMsgsMax: number;
  readonly inflightBytesMax: number;
  config: MembershipConfig = emptyMembership;
  /** Every member's progress, also the own. */
  progress: ReadonlyMap<bigint, Progress> = new Map();
  /** The same, ascending by id. */
  members: readonly Progress[] = [];
  /** Who answered the vote request of the current campaign, and how. */
  readonly votes: Map<bigint, boolean> = new Map();
  #incoming: readonly Progress[] = [];
  #outgoing: readonly Progress[] = [];
  /** Reused by every look at the quorum. */
  readonly #scratch: number[] = [];

  constructor(inflightMsgsMax: number, inflightBytesMax: number) {
    this.inflightMsgsMax = inflightMsgsMax;
    this.inflightBytesMax = inflightBytesMax;
  }

  newInflights(): Inflights {
    return new Inflights(this.inflightMsgsMax, this.inflightBytesMax);
  }

  /** Takes over a membership; every voter has a progress. */
  switchTo(membership: Membership): void {
    this.config = membership.config;
    this.#setProgress(membership.progress);
  }

  /**
   * Begins anew with every member, for a new role: nothing is known of anybody but the own log up
   * to `lastIndex`.
   */
  resetProgress(self: bigint, lastIndex: number): void {
    const fresh = new Map<bigint, Progress>();
    for (const { id, isLearner } of this.members) {
      const match = id === self ? lastIndex : 0;
      const inflights = this.newInflights();
      fresh.set(id, new Progress({ id, match, next: lastIndex + 1, inflights, isLearner }));
    }
    this.#setProgress(fresh);
  }

  /** The highest index that is durable on a quorum of both halves. */
  committed(): number {
    return Math.min(this.#majorityMatch(this.#incoming), this.#majorityMatch(this.#outgoing));
  }

  /** Whether a quorum of both halves was heard from since the last check. */
  quorumActive(): boolean {
    return hasActiveMajority(this.#incoming) && hasActiveMajority(this.#outgoing);
  }

  /** The highest of these positions that a quorum of both halves has confirmed; unknown is 0. */
  quorumOf(positions: ReadonlyMap<bigint, number>): number {
    const indexOf = (half: IdSet): number =>
      majorityIndex(half.map((id) => positions.get(id) ?? 0));
    return Math.min(indexOf(this.config.incoming), indexOf(this.config.outgoing));
  }

  /** Whether this is the only voter, and the membership is not joint. */
  isOnlyVoter(id: bigint): boolean {
    const { incoming } = this.config;
    return incoming.length === 1 && incoming[0] === id && !isJoint(this.config);
  }

  isVoter(id: bigint): boolean {
    return this.config.incoming.includes(id) || this.config.outgoing.includes(id);
  }

  /**
   * Notes an answer; only the first of a voter counts. Those of other nodes, whose ids may be made
   * up, are not kept.
   */
  recordVote(id: bigint, granted: boolean): void {
    if (this.isVoter(id) && !this.votes.has(id)) this.votes.set(id, granted);
  }

  tallyVotes(): Tally {
    let granted = 0;
    let rejected = 0;
    for (const { id, isLearner } of this.members) {
      const vote = this.votes.get(id);
      if (isLearner || vote === undefined) continue;
      if (vote) granted += 1;
      else rejected += 1;
    }
    const result = jointVote(this.config.incoming, this.config.outgoing, this.votes);
    return { granted, rejected, result };
  }

  #setProgress(progress: ReadonlyMap<bigint, Progress>): void {
    this.progress = progress;
    this.members = [...progress.values()].sort((a, b) => ascending(a.id, b.id));
    this.#incoming = this.members.filter(({ id }) => this.config.incoming.includes(id));
    this.#outgoing = this.members.filter(({ id }) => this.config.outgoing.includes(id));
  }

  #majorityMatch(half: readonly Progress[]): number {
    if (half.length === 0) return Infinity;
    const scratch = this.#scratch;
    // Setting a length is a call into the engine, also when it stays what it was.
    if (scratch.length !== half.length) scratch.length = half.length;
    for (let at = 0; at < half.length; at += 1) scratch[at] = half[at]?.match ?? 0;
    return majorityIndex(scratch);
  }
}

function hasActiveMajority(half: readonly Progress[]): boolean {
  if (half.length === 0) return true;
  let active = 0;
  for (const { recentActive } of half) if (recentActive) active += 1;
  return active >= majorityOf(half.length);
}
