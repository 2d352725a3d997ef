/** What differs from seed to seed: the cluster, its settings, and how hostile its world is. */
import type { StateMachine } from '@babuza/raft';
import type { SeededRandom } from '@babuza/testkit';
import type { SyncTimes } from './machine-world.ts';

export interface ClusterOptions {
  readonly memberCount: number;
  /** Nodes that may join. */
  readonly spareCount: number;
  readonly clientCount: number;
  readonly keyCount: number;
  readonly machineKind: StateMachine['kind'];
  readonly sessionType: 'lru' | 'expire' | 'noop';
  readonly forwardProposals: boolean;
  readonly snapshotEntries: number;
  readonly compactionMargin: number;
  readonly segmentBytes: number;
  readonly cacheEntriesMax: number;
  readonly fillerMax: number;
  readonly syncs: SyncTimes;
  /** How long the world is hostile; then it heals, and everything must settle. */
  readonly hostileMs: number;
  /** The average time between two misfortunes of a kind. */
  readonly crashEveryMs: number;
  readonly partitionEveryMs: number;
  readonly faultsEveryMs: number;
  readonly changeEveryMs: number;
  readonly fullDiskEveryMs: number;
}

const often = [300, 600, 1500] as const;

export function drawOptions(random: SeededRandom): ClusterOptions {
  return {
    memberCount: random.pick([1, 3, 3, 3, 3, 5]),
    spareCount: random.below(3),
    clientCount: 2 + random.below(3),
    keyCount: 1 + random.below(3),
    machineKind: random.pick(['memory', 'concurrent', 'disk']),
    sessionType: random.pick(['lru', 'lru', 'expire', 'noop']),
    forwardProposals: random.chance(0.4),
    snapshotEntries: random.pick([8, 15, 40]),
    compactionMargin: random.pick([0, 3, 10]),
    segmentBytes: random.pick([16, 32, 64]) * 1024,
    cacheEntriesMax: random.pick([0, 4, 1024]),
    fillerMax: random.pick([0, 100, 1500]),
    syncs: {
      syncMsMax: random.pick([0, 2, 20]),
      stallShare: random.chance(0.3) ? 0.01 : 0,
      stallMs: 300,
    },
    hostileMs: 800 + random.below(1200),
    crashEveryMs: random.pick(often),
    partitionEveryMs: random.pick(often),
    faultsEveryMs: random.pick(often),
    changeEveryMs: random.pick(often),
    fullDiskEveryMs: random.pick([Infinity, Infinity, 1000]),
  };
}
