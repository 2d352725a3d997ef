/** The metrics of one log, from its own counts and from its events. */
import type { Wal, WalEvent, WalStats } from '@babuza/wal-core';
import type { MetricLabels, MetricsCollector } from './collector.ts';
import {
  bucketsFrom,
  counter,
  gauge,
  histogram,
  type DistributionDefinition,
  type ReadValue,
} from './definitions.ts';

/** The source of the values: the counts of the log, and those made here from its events. */
interface WalCounts {
  readonly stats: WalStats;
  purges: number;
  purgedBytes: number;
  purgedSegments: number;
  rejected: number;
  shortages: number;
  poisoned: number;
  rotations: number;
}

export const walValues: readonly ReadValue<WalCounts>[] = [
  counter('wal_saves', 'Saves that were acknowledged.', ({ stats }) => stats.saves),
  counter('wal_entries', 'Entries that were acknowledged.', ({ stats }) => stats.entries),
  counter('wal_syncs', 'Syncs; group commit makes them fewer than saves.', (of) => of.stats.syncs),
  counter(
    'wal_written_bytes',
    'Bytes written for saves, including the overhead of the format.',
    ({ stats }) => stats.bytesWritten,
  ),
  counter('wal_cache_hits', 'Entries read from the cache.', ({ stats }) => stats.cacheHits),
  counter('wal_cache_misses', 'Entries read from the disk.', ({ stats }) => stats.cacheMisses),
  gauge('wal_segments', 'Files that hold the log.', ({ stats }) => stats.segments),
  gauge('wal_index_bytes', 'Memory of the index of entries.', ({ stats }) => stats.indexBytes),
  gauge('wal_cache_bytes', 'Memory of cached payloads.', ({ stats }) => stats.cacheBytes),
  counter('wal_rotations', 'Rotations to a new segment.', ({ rotations }) => rotations),
  counter('wal_purges', 'Purges that ended.', ({ purges }) => purges),
  counter(
    'wal_purged_bytes',
    'Bytes of the disk that purges freed.',
    ({ purgedBytes }) => purgedBytes,
  ),
  counter(
    'wal_purged_segments',
    'Files that purges removed or recycled.',
    ({ purgedSegments }) => purgedSegments,
  ),
  counter(
    'wal_no_space',
    'Batches of saves that were rejected because the disk was full.',
    ({ rejected }) => rejected,
  ),
  counter(
    'wal_try_again',
    'Batches of saves that were rejected because the system was short of descriptors or memory.',
    ({ shortages }) => shortages,
  ),
  gauge(
    'wal_poisoned',
    '1 when a write failed and the log accepts no more saves.',
    ({ poisoned }) => poisoned,
  ),
];

/** From 50 µs (a fast disk) to 6.5 s (a failing one). */
const syncLatency = histogram(
  'wal_sync_latency_seconds',
  'From the start of the write of a batch until it is durable.',
  bucketsFrom(0.000_05, 2, 18),
);
const batchSaves = histogram(
  'wal_batch_saves',
  'Saves that were written as one batch.',
  bucketsFrom(1, 2, 11),
);
const batchBytes = histogram('wal_batch_bytes', 'Bytes of a batch.', bucketsFrom(256, 4, 9));

export const walDistributions: readonly DistributionDefinition[] = [
  syncLatency,
  batchSaves,
  batchBytes,
];

/** Collects the metrics of a log. Call the returned function when the log is closed. */
export function observeWal(
  collector: MetricsCollector,
  wal: Pick<Wal, 'groupId' | 'stats' | 'events'>,
  { cluster, node }: Pick<MetricLabels, 'cluster' | 'node'>,
): () => void {
  const labels: MetricLabels = { cluster, node, group: String(wal.groupId) };
  const counts: WalCounts = {
    get stats() {
      return wal.stats;
    },
    purges: 0,
    purgedBytes: 0,
    purgedSegments: 0,
    rejected: 0,
    shortages: 0,
    poisoned: 0,
    rotations: 0,
  };
  const recordLatency = collector.distribution(syncLatency, labels);
  const recordSaves = collector.distribution(batchSaves, labels);
  const recordBytes = collector.distribution(batchBytes, labels);
  const ends = walValues.map((value) => collector.observe(value, labels, () => value.read(counts)));
  ends.push(
    wal.events.subscribe((event) => {
      // A manager has one source of events for all of its logs.
      if (event.groupId !== wal.groupId) return;
      count(event, counts);
      if (event.type !== 'committed') return;
      if (event.saves > 0) recordSaves(event.saves);
      recordBytes(event.bytes);
      if (event.durable && event.latencyMs !== undefined) recordLatency(event.latencyMs / 1000);
    }),
  );
  return () => {
    for (const end of ends) end();
  };
}

function count(event: WalEvent, counts: WalCounts): void {
  if (event.type === 'rotated') counts.rotations += 1;
  else if (event.type === 'no-space') counts.rejected += 1;
  else if (event.type === 'try-again') counts.shortages += 1;
  else if (event.type === 'poisoned') counts.poisoned = 1;
  else if (event.type === 'purged') {
    const { bytesFreed, segmentsRemoved, segmentsRecycled } = event.report;
    counts.purges += 1;
    counts.purgedBytes += bytesFreed;
    counts.purgedSegments += segmentsRemoved + segmentsRecycled;
  }
}
