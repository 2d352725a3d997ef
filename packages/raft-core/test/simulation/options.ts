/** What differs from seed to seed: the group, its settings, and how hostile its world is. */

import { ReadOnlyOption, type RaftConfig } from '../../src/index.ts';
import type { Random } from './random.ts';

/** The settings of the core that are drawn; all nodes of a run have the same. */
export type CoreOptions = Omit<RaftConfig, 'id' | 'storage' | 'applied' | 'random'>;

export interface Options {
  readonly core: CoreOptions;
  readonly voters: readonly bigint[];
  readonly learners: readonly bigint[];
  /** Nodes that are not members at first. They begin with an empty storage. */
  readonly spares: readonly bigint[];
  /**
   * How the group begins: with the changes that add its members, or with a snapshot that holds
   * them.
   */
  readonly founding: 'bootstrap' | 'snapshot';
  /** How long the world is hostile; then it heals, and everything must settle. */
  readonly hostileMs: number;
  readonly tickMs: number;
  /** Of each node, in the order of ids: how fast its clock runs. */
  readonly clockRates: readonly number[];
  readonly lossRate: number;
  readonly duplicationRate: number;
  /** The share of messages that take long, and so are overtaken. */
  readonly delayRate: number;
  readonly delayMsMax: number;
  readonly writeMsMax: number;
  /** The share of writes that take very long. */
  readonly stallRate: number;
  /**
   * How many entries are applied between two snapshots of the application, and how many stay behind
   * one.
   */
  readonly snapshotEvery: number;
  readonly keptBehindSnapshot: number;
  /** Changes of the membership are applied only when it is durable that they are committed. */
  readonly changesWaitForDurableCommit: boolean;
  /** Nodes crash more often than by chance while their core is ahead of their disk. */
  readonly hasBadLuck: boolean;
  /** The average time between two misfortunes of each kind, and two uses of the group. */
  readonly crashEveryMs: number;
  readonly partitionEveryMs: number;
  readonly changeEveryMs: number;
  readonly useEveryMs: number;
}

/** Even seeds have asynchronous storage writes, odd ones do not. */
export function drawOptions(seed: number, random: Random): Options {
  const founding = random.chance(0.3) ? 'bootstrap' : 'snapshot';
  const memberCount = random.between(3, 7);
  const learnerCount = founding === 'snapshot' && memberCount > 3 ? random.below(2) : 0;
  const spareCount = random.between(0, 2);
  const ids = Array.from({ length: memberCount + spareCount }, (_, at) => BigInt(at + 1));
  const core = drawCoreOptions(seed % 2 === 0, random);
  // Clocks that differ wildly: what depends on their speed is not checked.
  const spread = random.chance(0.5) ? 0.1 : 0.6;
  return {
    core,
    founding,
    voters: ids.slice(0, memberCount - learnerCount),
    learners: ids.slice(memberCount - learnerCount, memberCount),
    spares: ids.slice(memberCount),
    hostileMs: random.between(1500, 4000),
    tickMs: 10,
    clockRates: ids.map(() => 1 - spread + 2 * spread * random.next()),
    lossRate: random.pick([0, 0.02, 0.05, 0.2]),
    duplicationRate: random.pick([0, 0.05, 0.2]),
    delayRate: random.pick([0, 0.05, 0.3]),
    delayMsMax: random.pick([20, 100, 400]),
    writeMsMax: random.pick([1, 5, 20]),
    stallRate: random.pick([0, 0.01, 0.05, 0.15]),
    snapshotEvery: random.pick([3, 10, 40, 100]),
    keptBehindSnapshot: random.pick([0, 2, 10]),
    changesWaitForDurableCommit: random.chance(0.5),
    hasBadLuck: random.chance(0.2),
    crashEveryMs: random.pick([150, 500, 1500]),
    partitionEveryMs: random.pick([300, 1000, 3000]),
    changeEveryMs: random.pick([80, 300, 1200, 1_000_000]),
    useEveryMs: random.pick([4, 10, 25]),
  };
}

function drawCoreOptions(asyncStorageWrites: boolean, random: Random): CoreOptions {
  const checkQuorum = random.chance(0.5);
  const isLeaseBased = checkQuorum && random.chance(0.25);
  const maxSizePerMsg = random.pick([0, 60, 300, Infinity]);
  return {
    electionTick: random.between(4, 10),
    heartbeatTick: random.between(1, 2),
    asyncStorageWrites,
    maxSizePerMsg,
    maxCommittedSizePerReady: random.pick([0, 40, 200, Infinity]),
    maxUncommittedEntriesSize: random.pick([0, 0, 60, 1000]),
    maxInflightMsgs: random.pick([1, 3, 8, 64]),
    maxInflightBytes: random.pick([0, maxSizePerMsg === Infinity ? 0 : 400]),
    checkQuorum,
    preVote: random.chance(0.5),
    readOnlyOption: isLeaseBased ? ReadOnlyOption.LeaseBased : ReadOnlyOption.Safe,
    disableProposalForwarding: random.chance(0.2),
    stepDownOnRemoval: random.chance(0.5),
  };
}
