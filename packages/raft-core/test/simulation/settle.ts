/**
 * The end of a run. No more faults are injected, and the group must settle: there is a leader, a
 * new proposal is committed, the membership is not joint, and all members have applied the same
 * entries.
 *
 * The simulated operator helps: it stops nodes that were removed, starts members that are down,
 * leaves a joint membership without `autoLeave`, and takes snapshots for new members.
 */

import { leaveJointChange } from '@babuza/raftpb';
import { jointVote, VoteResult } from '../../src/tracker/quorum.ts';
import type { RaftState } from '../../src/state/raft-state.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';
import type { Users } from './users.ts';
import { demand } from './violation.ts';

const settleMsMax = 20_000;
const roundMs = 50;
/** The time in which a leader is heard, and old leaders learn of the new term. */
const calmFirstMs = 500;
const roundsOfPatience = 100;

/** Runs the group until it has settled. Throws a `Violation` when it does not settle. */
export function settle(world: World, nodes: readonly SimulatedNode[], users: Users): void {
  const { scheduler, counters } = world;
  const settling = new Settling(world, nodes, users);
  const deadline = scheduler.now + settleMsMax;
  for (const node of nodes) if (node.raw === undefined) node.start();
  let nextRound = scheduler.now + calmFirstMs;
  while (scheduler.step()) {
    if (scheduler.now < nextRound) continue;
    nextRound = scheduler.now + roundMs;
    if (settling.isDone()) {
      counters.add('settled');
      return;
    }
    if (scheduler.now >= deadline) {
      const reason = settling.knownReason();
      demand(reason !== undefined, 'liveness', () => settling.describe());
      if (reason !== undefined) counters.add(reason);
      return;
    }
    settling.help();
  }
}

class Settling {
  readonly #world: World;
  readonly #nodes: readonly SimulatedNode[];
  readonly #users: Users;
  /** The position of the proposal that was made after the faults ended. */
  #proposedAt: number | undefined;
  #roundsWithoutLeader = 0;

  constructor(world: World, nodes: readonly SimulatedNode[], users: Users) {
    this.#world = world;
    this.#nodes = nodes;
    this.#users = users;
  }

  isDone(): boolean {
    const leader = this.#leader();
    const { ledger } = this.#world.checker;
    if (leader === undefined || this.#proposedAt === undefined) return false;
    const { log, tracker } = leader.running.unsafeRaft;
    if (ledger.commit < this.#proposedAt || log.committed !== log.lastIndex()) return false;
    if (tracker.config.outgoing.length > 0) return false;
    return this.#nodes.every(({ id, raw, application }) => {
      if (!tracker.progress.has(id)) return true;
      const { applied, digest } = application;
      return raw !== undefined && applied === ledger.commit && digest === leader.application.digest;
    });
  }

  /** Why the group cannot settle, if the reason is a known limit of etcd's raft. */
  knownReason(): 'strandedByRemoval' | 'strandedByTerm' | undefined {
    const leader = this.#leader()?.running.unsafeRaft;
    if (leader === undefined) return this.#canElect() ? undefined : 'strandedByRemoval';
    // Without these settings, messages of an older term are not answered. A node that does not know
    // that it is a member does not campaign, so the leader never learns of its higher term.
    if (leader.config.checkQuorum || leader.config.preVote) return undefined;
    const deaf = this.#cores().some(
      ({ id, term }) => leader.tracker.progress.has(id) && term > leader.term,
    );
    return deaf ? 'strandedByTerm' : undefined;
  }

  /**
   * Whether any node can win an election. None can when a removed leader crashes or steps down
   * before it has told the others that its removal is committed. They still need its vote, and it
   * refuses because its log is longer. It does not campaign itself, because it is not a member.
   */
  #canElect(): boolean {
    const cores = this.#cores();
    return cores.some((candidate) => {
      const { log, tracker } = candidate;
      const votes = new Map(
        cores.map(({ id, log: other }) => [id, other.isUpToDate(log.lastIndex(), log.lastTerm())]),
      );
      const { incoming, outgoing } = tracker.config;
      return candidate.promotable() && jointVote(incoming, outgoing, votes) === VoteResult.Won;
    });
  }

  #cores(): RaftState[] {
    return this.#nodes.flatMap(({ raw }) => (raw === undefined ? [] : [raw.unsafeRaft]));
  }

  help(): void {
    const leader = this.#leader();
    if (leader === undefined) {
      this.#stopDisturbers();
      return;
    }
    for (const node of this.#nodes) node.act('takes a snapshot', () => node.takeSnapshot());
    const raft = leader.running.unsafeRaft;
    // Its membership is the one in force only after it has committed an entry of its term.
    if (!raft.log.matchTerm(raft.log.committed, raft.term)) return;
    for (const node of this.#nodes) {
      const isMember = raft.tracker.progress.has(node.id);
      if (isMember && node.raw === undefined) node.start();
      else if (!isMember && node.raw !== undefined) node.crash();
    }
    if (leader.raw === undefined) return;
    const { config } = raft.tracker;
    if (config.outgoing.length > 0 && !config.autoLeave) {
      leader.act('leaves the joint membership', (raw) => raw.proposeConfChange(leaveJointChange));
    }
    if (this.#proposedAt === undefined || config.outgoing.length > 0) {
      this.#proposedAt = this.#users.propose(leader) ?? this.#proposedAt;
    } else if (raft.log.lastIndex() < this.#proposedAt) this.#proposedAt = undefined;
  }

  /**
   * Stops removed nodes. Without pre-votes, those that do not know of their removal can prevent
   * elections.
   */
  #stopDisturbers(): void {
    if (this.#world.options.core.preVote === true) return;
    this.#roundsWithoutLeader += 1;
    if (this.#roundsWithoutLeader < roundsOfPatience) return;
    const up = this.#nodes.filter(({ raw }) => raw !== undefined);
    const appliedMost = Math.max(...up.map(({ application }) => application.applied));
    const newest = up.find(({ application }) => application.applied === appliedMost);
    for (const node of up) {
      const isMember = newest?.running.unsafeRaft.tracker.progress.has(node.id) === true;
      if (!isMember && node.application.applied < appliedMost) node.crash();
    }
  }

  describe(): string {
    const { ledger } = this.#world.checker;
    const states = this.#nodes.map((node) => {
      const { id, raw, application } = node;
      if (raw === undefined) return `${id} is down`;
      const { term, state, lead, log, tracker } = raw.unsafeRaft;
      const { incoming, outgoing } = tracker.config;
      return (
        `${id} is ${state} of term ${term} with leader ${lead}, log ${log.describe()}, ` +
        `applied ${application.applied}, voters (${incoming.join()})(${outgoing.join()}) ` +
        `promotable ${raw.unsafeRaft.promotable()}`
      );
    });
    return (
      `the group does not settle; committed ${ledger.commit}, proposed at ${this.#proposedAt}\n` +
      states.join('\n')
    );
  }

  /** The leader of the newest term. */
  #leader(): SimulatedNode | undefined {
    let newest: SimulatedNode | undefined;
    for (const node of this.#nodes) {
      if (!node.leads) continue;
      const { term } = node.running.unsafeRaft;
      if (newest === undefined || term > newest.running.unsafeRaft.term) newest = node;
    }
    return newest;
  }
}
