/** The options that differ between seeds: the cluster, its settings, and the rates of faults. */
import type { StateMachine } from '@babuza/raft';
import type { ExpireSessionOptions, LruSessionOptions } from '@babuza/session';
import type { SeededRandom } from '@babuza/testkit';
import type { SyncTimes } from './machine-world.ts';
import type { PartTimes } from './slow-parts.ts';

/** How often each kind of fault occurs. */
export interface Rhythms {
  /** The duration of the faults; afterwards they are repaired and everything must settle. */
  readonly hostileMs: number;
  /** The average time between two faults of a kind, in ms. */
  readonly crashEveryMs: number;
  readonly partitionEveryMs: number;
  readonly faultsEveryMs: number;
  readonly changeEveryMs: number;
  readonly fullDiskEveryMs: number;
  readonly hungDiskEveryMs: number;
  /** The state machine, or the work with snapshots, is delayed or fails. */
  readonly partFaultEveryMs: number;
  /** A member falls behind the log of the others. */
  readonly behindEveryMs: number;
}

export interface ClusterOptions extends Rhythms {
  readonly memberCount: number;
  /** Nodes that may join. */
  readonly spareCount: number;
  readonly clientCount: number;
  readonly keyCount: number;
  readonly machineKind: StateMachine['kind'];
  readonly sessionType: 'lru' | 'expire' | 'noop';
  /** Sessions may expire while their clients still use them. */
  readonly sessionOptions: LruSessionOptions | ExpireSessionOptions | undefined;
  readonly forwardProposals: boolean;
  /** The share of applied entries after which a disk machine becomes durable. */
  readonly flushShare: number;
  /** The durations of the calls of the state machine and of sending snapshots. */
  readonly parts: PartTimes;
  readonly snapshotEntries: number;
  readonly snapshotsKept: number;
  readonly compactionMargin: number;
  readonly segmentBytes: number;
  readonly cacheEntriesMax: number;
  readonly fillerMax: number;
  readonly syncs: SyncTimes;
}

const often = [300, 600, 1500] as const;

/** The faults of one seed: all kinds at a low rate, or mostly delays. */
function drawRhythms(random: SeededRandom, isAboutParts: boolean): Rhythms {
  if (!isAboutParts) {
    return {
      hostileMs: 800 + random.below(1200),
      crashEveryMs: random.pick(often),
      partitionEveryMs: random.pick(often),
      faultsEveryMs: random.pick(often),
      changeEveryMs: random.pick(often),
      fullDiskEveryMs: random.pick([Infinity, 1000, 400]),
      hungDiskEveryMs: random.pick([Infinity, 1000, 400]),
      partFaultEveryMs: random.pick([Infinity, 1500]),
      behindEveryMs: random.pick([Infinity, 1500]),
    };
  }
  return {
    hostileMs: 2500 + random.below(2000),
    crashEveryMs: random.pick([Infinity, 1500]),
    partitionEveryMs: random.pick([Infinity, 1500]),
    faultsEveryMs: random.pick([Infinity, 1500]),
    changeEveryMs: random.pick([300, 600]),
    fullDiskEveryMs: random.pick([Infinity, 1500]),
    hungDiskEveryMs: random.pick([Infinity, 1500]),
    partFaultEveryMs: random.pick([150, 300]),
    behindEveryMs: random.pick([150, 300]),
  };
}

export function drawOptions(random: SeededRandom): ClusterOptions {
  const isAboutParts = random.chance(0.7);
  const sessionType = random.pick(['lru', 'lru', 'expire', 'noop'] as const);
  return {
    memberCount: isAboutParts ? random.pick([3, 3, 3, 5]) : random.pick([1, 3, 3, 3, 5]),
    spareCount: random.pick([0, 1, 2, 2]),
    clientCount: 2 + random.below(3),
    keyCount: 1 + random.below(3),
    machineKind: random.pick(['memory', 'concurrent', 'disk']),
    sessionType,
    sessionOptions: drawSessionOptions(random, sessionType),
    forwardProposals: random.chance(0.4),
    flushShare: random.pick([0.3, 0.03]),
    snapshotEntries: isAboutParts ? random.pick([3, 5, 10]) : random.pick([5, 10, 30]),
    snapshotsKept: random.pick([2, 2, 3]),
    compactionMargin: random.pick([0, 0, 5]),
    segmentBytes: random.pick([16, 32, 64]) * 1024,
    cacheEntriesMax: random.pick([0, 4, 1024]),
    fillerMax: random.pick([0, 100, 1500]),
    syncs: {
      syncMsMax: random.pick([0, 2, 20]),
      stallShare: random.chance(0.3) ? 0.01 : 0,
      stallMs: 300,
    },
    parts: {
      slowCallShare: random.pick([0, 0.02, 0.2]),
      slowMsMax: 150,
      chunkMsMax: random.pick([0, 30, 200]),
    },
    ...drawRhythms(random.fork(), isAboutParts),
  };
}

function drawSessionOptions(
  random: SeededRandom,
  sessionType: ClusterOptions['sessionType'],
): ClusterOptions['sessionOptions'] {
  if (sessionType === 'noop' || random.chance(0.5)) return undefined;
  return sessionType === 'lru' ? { sessionsMax: 2 } : { expireMs: random.pick([300, 3000]) };
}
