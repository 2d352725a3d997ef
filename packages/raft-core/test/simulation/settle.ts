/**
 * The end of a run: nothing goes wrong any more, and the group must come to rest. Somebody leads, a new
 * proposal is committed, no joint membership remains, and all members have applied the same.
 *
 * The operator does his part: nodes that are no members any more are stopped, members that are down are
 * started, an explicit joint membership is left, and snapshots are taken for those who join.
 */

import { leaveJointChange } from '@babuza/raftpb';
import { majorityOf } from '../../src/quorum.ts';
import type { Raft } from '../../src/raft.ts';
import { votersOf } from '../../src/tracker.ts';
import type { SimulatedNode, World } from './node.ts';
import type { Users } from './users.ts';
import { demand } from './violation.ts';

const settleMsMax = 20_000;
const roundMs = 50;
/** Time for a living leader to be heard, and for stale ones to notice. */
const calmFirstMs = 500;

/** Lets the group come to rest. Throws a violation when it does not. */
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
      demand(settling.isStranded(), 'liveness', () => settling.describe());
      counters.add('stranded');
      return;
    }
    settling.help();
  }
}

class Settling {
  readonly #world: World;
  readonly #nodes: readonly SimulatedNode[];
  readonly #users: Users;
  /** Where the proposal lies that was made since all is calm. */
  #proposedAt: number | undefined;

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

  /**
   * The group cannot come to rest by itself, as etcd's raft cannot, in one of two ways.
   *
   * Nobody can be elected any more: a leader that was removed is gone (it crashed, or stepped down) before it told
   * everybody that the change is committed. Those who do not know still need the votes of members that were
   * removed, which refuse them because their logs have more; and these do not campaign, being no members.
   *
   * Or a leader, or who should be one, is ignored: without pre-votes and checks of the quorum it never hears that others have gone to a
   * higher term, which a node that was removed and does not know it raises with each campaign.
   */
  isStranded(): boolean {
    const leader = this.#leader();
    const up = this.#nodes.flatMap(({ raw }) => (raw === undefined ? [] : [raw.unsafeRaft]));
    if (leader !== undefined) return isIgnoredLeader(leader.running.unsafeRaft, up);
    const candidates = up.filter((raft) => raft.promotable());
    return candidates.every(
      (candidate) => isIgnoredCandidate(candidate, up) || !couldWin(candidate, up),
    );
  }

  help(): void {
    const leader = this.#leader();
    if (leader === undefined) return;
    for (const node of this.#nodes) node.act('takes a snapshot', () => node.takeSnapshot());
    const raft = leader.running.unsafeRaft;
    // Its membership is the one in force only when it has committed something itself.
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
        `promotable ${raw.unsafeRaft.promotable()}, votersOf ${votersOf(tracker.config).length}`
      );
    });
    return (
      `the group does not settle; committed ${ledger.commit}, proposed at ${this.#proposedAt}\n` +
      states.join('\n')
    );
  }

  /** Of the newest term. */
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

/** Some member, perhaps a learner, has a higher term, and the leader cannot learn of it. */
function isIgnoredLeader({ config, term, tracker }: Raft, up: readonly Raft[]): boolean {
  if (config.checkQuorum || config.preVote) return false;
  return up.some((raft) => tracker.progress.has(raft.id) && raft.term > term);
}

/** A majority has a higher term already, and goes on to a higher one as often as the candidate does. */
function isIgnoredCandidate({ config, term, tracker }: Raft, up: readonly Raft[]): boolean {
  if (config.preVote) return false;
  const listens = (id: bigint): boolean => up.some((raft) => raft.id === id && raft.term <= term);
  return [tracker.config.incoming, tracker.config.outgoing].some(
    (half) => half.length > 0 && half.filter(listens).length < majorityOf(half.length),
  );
}

/** Whether enough logs of each half are not ahead of the candidate's. */
function couldWin({ log, tracker }: Raft, up: readonly Raft[]): boolean {
  const grants = (id: bigint): boolean =>
    up.some((raft) => raft.id === id && raft.log.isUpToDate(log.lastIndex(), log.lastTerm()));
  return [tracker.config.incoming, tracker.config.outgoing].every(
    (half) => half.length === 0 || half.filter(grants).length >= majorityOf(half.length),
  );
}
