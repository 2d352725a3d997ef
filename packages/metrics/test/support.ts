/** A collector that records its calls, and a node that consists of a status. */
import type { RaftEvent, RaftStatus } from '@babuza/raft';
import type { ObservedNode } from '@babuza/raft/ports';
import type { WalEvent, WalStats } from '@babuza/wal-core';
import type { MetricLabels, MetricsCollector } from '../src/index.ts';

export class KeptMetrics implements MetricsCollector {
  readonly #values = new Map<string, { labels: MetricLabels; read: () => number }>();
  readonly recorded = new Map<string, number[]>();

  observe(...[{ name }, labels, read]: Parameters<MetricsCollector['observe']>): () => void {
    const key = `${name} ${labels.node}`;
    this.#values.set(key, { labels, read });
    return () => this.#values.delete(key);
  }

  distribution(...[{ name }]: Parameters<MetricsCollector['distribution']>) {
    const values: number[] = [];
    this.recorded.set(name, values);
    return (value: number): void => void values.push(value);
  }

  get names(): string[] {
    return [...this.#values.keys()].map((key) => key.split(' ')[0] ?? '');
  }

  labels(name: string, node = '2'): MetricLabels | undefined {
    return this.#values.get(`${name} ${node}`)?.labels;
  }

  value(name: string, node = '2'): number | undefined {
    return this.#values.get(`${name} ${node}`)?.read();
  }
}

const stats: WalStats = {
  saves: 10,
  entries: 20,
  batches: 3,
  syncs: 3,
  bytesWritten: 4096,
  cacheHits: 7,
  cacheMisses: 2,
  segments: 4,
  indexBytes: 100,
  cacheBytes: 200,
};

/** A node whose status and events a test sets. */
export class ToldNode implements ObservedNode {
  readonly transport: NonNullable<ObservedNode['transport']> = () => ({
    connectedPeers: 2,
    queuedMessages: 3,
    sentMessages: 40,
    sentBytes: 5000,
    droppedMessages: 6,
    receivedMessages: 70,
    receivedBytes: 8000,
    sentSnapshotBytes: 11_000,
    receivedSnapshotBytes: 12_000,
    continuedSnapshots: 13,
    connections: 9,
    failedConnections: 10,
    refusedConnections: 11,
  });
  readonly #listeners = new Set<(event: RaftEvent) => void>();
  readonly #walListeners = new Set<(event: WalEvent) => void>();
  current: RaftStatus;
  isReady = true;

  constructor(nodeId = 2n, changed: Partial<RaftStatus> = {}) {
    this.current = {
      clusterId: 1n,
      nodeId,
      groupId: 3n,
      role: 'leader',
      term: 5,
      leader: nodeId,
      commitIndex: 90,
      applyLagMs: 2500,
      appliedIndex: 80,
      firstIndex: 11,
      lastIndex: 100,
      proposals: { pending: 4, answered: 70, failed: 6 },
      reads: { pending: 1, answered: 30, failed: 2 },
      snapshot: { index: 50, term: 4 },
      progress: [100, 100, 60].map((matchIndex, at) => ({
        id: BigInt(at + 1),
        matchIndex,
        nextIndex: matchIndex + 1,
        state: 'replicate',
        recentlyActive: true,
      })),
      sessions: { open: 9, duplicates: 8, refused: 7 },
      refusedMessages: 5,
      diskFull: false,
      diskSlow: false,
      tail: { verdict: 'uncertain', bytesDropped: 33 },
      wal: stats,
      ...changed,
    };
  }

  readonly status = (): RaftStatus => this.current;

  readonly readiness = () =>
    this.isReady ? ({ ready: true } as const) : { ready: false as const, reason: 'not yet' };

  readonly subscribe = (listener: (event: RaftEvent) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly wal = {
    groupId: 3n,
    stats,
    events: {
      subscribe: (listener: (event: WalEvent) => void): (() => void) => {
        this.#walListeners.add(listener);
        return () => this.#walListeners.delete(listener);
      },
    },
  };

  get listeners(): number {
    return this.#listeners.size + this.#walListeners.size;
  }

  tell(event: RaftEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  tellOfLog(event: WalEvent): void {
    for (const listener of this.#walListeners) listener(event);
  }
}
