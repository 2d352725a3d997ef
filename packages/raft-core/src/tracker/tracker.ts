/**
 * The membership in force, with the replication progress and the vote of each member. The lists in
 * ascending order of ids are built when the membership changes, so that no message has to sort.
 *
 * Source: etcd-io/raft `tracker/tracker.go`; docs/raft-behaviour.md, sections 6.2, 8.1 and 11.1.
 */

import { ascending, type IdSet } from '../ids.ts';
import { Inflights } from './inflights.ts';
import {
  emptyMembership,
  isJoint,
  type Membership,
  type MembershipConfig,
} from './membership-config.ts';
import { Progress } from './progress.ts';
import { jointVote, majorityIndex, majorityOf, type VoteResult } from './quorum.ts';

/** The state of an election: the answers by kind, and what they decide. */
export interface Tally {
  readonly granted: number;
  readonly rejected: number;
  readonly result: VoteResult;
}

export class Tracker {
  readonly inflightMsgsMax: number;
  readonly inflightBytesMax: number;
  config: MembershipConfig = emptyMembership;
  /** The progress of every member, this node included. */
  progress: ReadonlyMap<bigint, Progress> = new Map();
  /** The values of `progress`, ascending by id. */
  members: readonly Progress[] = [];
  /** The first answer of each member to the current campaign: true for a granted vote. */
  readonly votes: Map<bigint, boolean> = new Map();
  #incoming: readonly Progress[] = [];
  #outgoing: readonly Progress[] = [];
  /** Reused by each computation of the commit index, which must not allocate. */
  readonly #scratch: number[] = [];

  constructor(inflightMsgsMax: number, inflightBytesMax: number) {
    this.inflightMsgsMax = inflightMsgsMax;
    this.inflightBytesMax = inflightBytesMax;
  }

  newInflights(): Inflights {
    return new Inflights(this.inflightMsgsMax, this.inflightBytesMax);
  }

  /** Puts a membership in force; it must have a progress for every voter. */
  switchTo(membership: Membership): void {
    this.config = membership.config;
    this.#setProgress(membership.progress);
  }

  /**
   * Forgets the progress of all members, for a new role. Only the log of this node is known to
   * match, up to `lastIndex`.
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

  /** Whether a quorum of both halves has sent a message since the last check. */
  quorumActive(): boolean {
    return hasActiveMajority(this.#incoming) && hasActiveMajority(this.#outgoing);
  }

  /**
   * The highest position that a quorum of both halves has confirmed. A voter that `positions` does
   * not have counts as 0.
   */
  quorumOf(positions: ReadonlyMap<bigint, number>): number {
    const indexOf = (half: IdSet): number =>
      majorityIndex(half.map((id) => positions.get(id) ?? 0));
    return Math.min(indexOf(this.config.incoming), indexOf(this.config.outgoing));
  }

  /** Whether `id` is the only voter of a membership that is not joint. */
  isOnlyVoter(id: bigint): boolean {
    const { incoming } = this.config;
    return incoming.length === 1 && incoming[0] === id && !isJoint(this.config);
  }

  isVoter(id: bigint): boolean {
    return this.config.incoming.includes(id) || this.config.outgoing.includes(id);
  }

  /**
   * Records the answer of a voter; only its first answer counts. The answers of other nodes, whose
   * ids may be made up, are not kept.
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
    // Assigning a length is slow even when it does not change.
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
