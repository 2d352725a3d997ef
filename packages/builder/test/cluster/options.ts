/** What differs from seed to seed: the cluster, its settings, and how hostile its world is. */
import type { StateMachine } from '@babuza/raft';
import type { ExpireSessionOptions, LruSessionOptions } from '@babuza/session';
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
  /** Sessions may end while their clients still use them. */
  readonly sessionOptions: LruSessionOptions | ExpireSessionOptions | undefined;
  readonly forwardProposals: boolean;
  /** How often a disk machine is durable after it has applied something. */
  readonly flushShare: number;
  /** How often the machine takes its time over entries. */
  readonly slowApplyShare: number;
  readonly snapshotEntries: number;
  readonly snapshotsKept: number;
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
  readonly hungDiskEveryMs: number;
}

const often = [300, 600, 1500] as const;

export function drawOptions(random: SeededRandom): ClusterOptions {
  const sessionType = random.pick(['lru', 'lru', 'expire', 'noop'] as const);
  return {
    memberCount: random.pick([1, 3, 3, 3, 3, 5]),
    spareCount: random.below(3),
    clientCount: 2 + random.below(3),
    keyCount: 1 + random.below(3),
    machineKind: random.pick(['memory', 'concurrent', 'disk']),
    sessionType,
    sessionOptions: drawSessionOptions(random, sessionType),
    forwardProposals: random.chance(0.4),
    flushShare: random.pick([0.3, 0.03]),
    snapshotEntries: random.pick([5, 10, 30]),
    snapshotsKept: random.pick([2, 3]),
    compactionMargin: random.pick([0, 0, 5]),
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
    fullDiskEveryMs: random.pick([Infinity, 1000, 400]),
    slowApplyShare: random.pick([0, 0.02, 0.2]),
    hungDiskEveryMs: random.pick([Infinity, 1000, 400]),
  };
}

function drawSessionOptions(
  random: SeededRandom,
  sessionType: ClusterOptions['sessionType'],
): ClusterOptions['sessionOptions'] {
  if (sessionType === 'noop' || random.chance(0.5)) return undefined;
  return sessionType === 'lru' ? { sessionsMax: 2 } : { expireMs: random.pick([300, 3000]) };
}
