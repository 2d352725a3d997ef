/** The options that a seed determines: the group, its settings, and its faults. */

import { ReadOnlyOption, type RaftConfig } from '../../src/index.ts';
import type { Random } from './random.ts';

/** The random settings of the core, which are the same for all nodes of a run. */
export type CoreOptions = Omit<RaftConfig, 'id' | 'storage' | 'applied' | 'random'>;

export interface Options {
  readonly core: CoreOptions;
  readonly voters: readonly bigint[];
  readonly learners: readonly bigint[];
  /** The nodes that are not members at first. They start with an empty storage. */
  readonly spares: readonly bigint[];
  /** How the group starts: with changes that add its members, or with a snapshot that has them. */
  readonly founding: 'bootstrap' | 'snapshot';
  /** The time during which faults are injected. Afterwards the group must settle. */
  readonly hostileMs: number;
  readonly tickMs: number;
  /** The speed of each node's clock, in the order of ids. */
  readonly clockRates: readonly number[];
  readonly lossRate: number;
  readonly duplicationRate: number;
  /** The share of messages that take long and are overtaken. */
  readonly delayRate: number;
  readonly delayMsMax: number;
  readonly writeMsMax: number;
  /** The share of writes that take very long. */
  readonly stallRate: number;
  /**
   * The number of entries between two snapshots of the application, and the number that stays in
   * the log before one.
   */
  readonly snapshotEvery: number;
  readonly keptBehindSnapshot: number;
  /** A membership change is applied only when the commit index that covers it is durable. */
  readonly changesWaitForDurableCommit: boolean;
  /** Nodes crash more often while their core is ahead of their disk. */
  readonly hasBadLuck: boolean;
  /** The average time between two faults of each kind, and between two actions of users. */
  readonly crashEveryMs: number;
  readonly partitionEveryMs: number;
  readonly changeEveryMs: number;
  readonly useEveryMs: number;
}

/** Runs with even seeds have asynchronous storage writes, those with odd seeds do not. */
export function drawOptions(seed: number, random: Random): Options {
  const founding = random.chance(0.3) ? 'bootstrap' : 'snapshot';
  const memberCount = random.between(3, 7);
  const learnerCount = founding === 'snapshot' && memberCount > 3 ? random.below(2) : 0;
  const spareCount = random.between(0, 2);
  const ids = Array.from({ length: memberCount + spareCount }, (_, at) => BigInt(at + 1));
  const core = drawCoreOptions(seed % 2 === 0, random);
  // The clocks differ widely, so properties that depend on their speed are not checked.
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
