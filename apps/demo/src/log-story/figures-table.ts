/** The figures of a run, each with what it is: all of them were counted or measured in this run. */
import { byteSize, count, duration } from '../common/figures.ts';
import type { Counters, Measured, Opened } from './protocol.ts';
import type { Run } from './run.ts';

export interface Measurements {
  /** The start after the kill, and the one after a clean close. */
  readonly recovered: Opened;
  readonly reopened: Opened | undefined;
  /** As of the last acknowledged entry: the index is complete and the cache filled. */
  readonly counters: Counters | undefined;
  readonly held: Measured | undefined;
}

export function printFigures(run: Run, measurements: Measurements): void {
  const { terminal, writerRuns, ledger } = run;
  const { recovered, reopened, counters, held } = measurements;
  terminal.step('Figures of this run');
  const sum = (of: (writerRun: (typeof writerRuns)[number]) => number): number =>
    writerRuns.reduce((total, writerRun) => total + of(writerRun), 0);
  const seconds = sum(({ elapsedMs }) => elapsedMs) / 1000;
  const entries = sum((writerRun) => writerRun.entries);
  const contentBytes = sum((writerRun) => writerRun.contentBytes);
  const syncs = sum((writerRun) => writerRun.counters?.syncs ?? 0);
  const counted = sum((writerRun) => writerRun.counters?.entries ?? 0);
  const written = sum((writerRun) => writerRun.counters?.bytesWritten ?? 0);
  const rows: (readonly [string, string, string])[] = [
    ['entries', count(ledger.count), 'acknowledged, in the log at the end of writing'],
    ['content', byteSize(ledger.contentBytes), 'of the documents in them'],
    [
      'written',
      byteSize(written),
      'to the log, format included (wal.stats at the last acknowledgements)',
    ],
    [
      'entries/s',
      count(Math.round(entries / seconds)),
      'reading and hashing the documents included',
    ],
    [
      'content rate',
      `${byteSize(contentBytes / seconds)}/s`,
      `in ${duration(seconds * 1000)} of writing, both processes together`,
    ],
    [
      'syncs',
      count(syncs),
      recovered.durable
        ? 'each makes a group of saves durable (wal.stats)'
        : 'nothing to sync to (wal.stats)',
    ],
    [
      'entries per sync',
      syncs === 0 ? '-' : (counted / syncs).toFixed(1),
      `${run.writers} writers`,
    ],
  ];
  if (counters !== undefined) {
    rows.push(
      [
        'index in memory',
        byteSize(counters.indexBytes),
        'wal.stats, as the last entry was acknowledged',
      ],
      [
        'cache in memory',
        byteSize(counters.cacheBytes),
        'likewise; older entries are read from the store',
      ],
    );
  }
  rows.push(
    held === undefined
      ? [
          'log held in RAM',
          byteSize(ledger.contentBytes),
          'at least: the content alone; too much or too little to measure',
        ]
      : [
          'log held in RAM',
          byteSize(held.heldBytes),
          'measured: growth of the heap with all entries in an array',
        ],
  );
  if (recovered.durable) {
    rows.push(['recovery', duration(recovered.openMs), 'replay of the log after the kill']);
  }
  if (reopened !== undefined) {
    rows.push([
      'clean start',
      duration(reopened.openMs),
      'replay of the whole log after a clean close',
    ]);
  }
  terminal.table(rows);
}
