/** Sets of overlapping calls for the enumerated interleavings. Their segments have 16 KiB. */
import type { LedgerBatch } from '@babuza/wal-core/conformance';
import { confState } from './back-end.ts';
import { entriesFrom, state } from './scripts.ts';

export type OverlappingCall = LedgerBatch | 'identity' | 'close';

export interface Overlap {
  readonly name: string;
  /** Calls that are made before, one after the other. */
  readonly before: readonly LedgerBatch[];
  /** Each caller makes its calls one after the other. Calls of different callers overlap. */
  readonly callers: readonly (readonly OverlappingCall[])[];
  /** How many timers may fire during the calls, such as that of an idle mark. Default 0. */
  readonly timersMax?: number;
  /**
   * The bound of switches away from a caller that could continue, if these calls need more than the
   * default.
   */
  readonly switchesMin?: number;
}

const entryBytes = 1250;

const marker = (index: number): LedgerBatch => ({ snapshot: { index, term: 1, confState } });

/** Entries 1 to 4; the first two are committed. */
const short: readonly LedgerBatch[] = [
  { entries: entriesFrom(1, 2, 1, 500), hardState: state(1, 0) },
  { entries: entriesFrom(3, 2, 1, 500), hardState: state(1, 2) },
];

/** Overlapping calls in a log that has one segment. */
const withinSegment: readonly Overlap[] = [
  {
    name: 'a save and a purge within a segment',
    before: [...short, marker(2)],
    callers: [[{ entries: entriesFrom(5, 2, 1, 300), hardState: state(1, 4) }], [{ purgeTo: 2 }]],
  },
  {
    name: 'two saves and the marks of an idle log',
    before: short,
    callers: [[{ entries: entriesFrom(5, 1, 1, 300) }, { entries: entriesFrom(6, 1, 1, 900) }]],
    timersMax: 2,
  },
  {
    name: 'a commit index, the mark of an idle log, a save and the close',
    before: short,
    callers: [[{ hardState: state(1, 3) }, { entries: entriesFrom(5, 1, 1, 300) }], ['close']],
    timersMax: 1,
  },
  {
    name: 'the mark of an idle log and the close',
    before: short,
    callers: [[{ hardState: state(1, 3) }], ['close']],
    timersMax: 2,
  },
  {
    name: 'identity records of two callers and a save',
    before: short,
    callers: [['identity'], ['identity'], [{ entries: entriesFrom(5, 1, 1, 300) }]],
  },
  {
    name: 'an identity record and the close',
    before: short,
    callers: [['identity'], ['close']],
  },
  {
    name: 'saves of two callers and a sync',
    before: short,
    callers: [
      [{ entries: entriesFrom(5, 2, 1, 300) }, { entries: entriesFrom(7, 1, 2, 900) }],
      [{ sync: true }, { hardState: { term: 2, vote: 2n, commit: 3 } }],
    ],
  },
  {
    name: 'saves of three callers, the last of which is not synced by itself',
    before: short,
    callers: [[marker(2)], [{ entries: entriesFrom(5, 1, 1, 300) }], [{ hardState: state(1, 3) }]],
  },
  {
    name: 'an installed snapshot that resets the log, a purge and a sync',
    before: [...short, marker(2)],
    callers: [
      [
        { snapshot: { index: 90, term: 3, confState }, hardState: state(3, 90) },
        { entries: entriesFrom(91, 2, 3, 300) },
      ],
      [{ purgeTo: 1 }, { sync: true }],
    ],
  },
];

/** How a back end fills segments with batches of entries of 1,250 bytes. */
export interface Filling {
  readonly entriesPerBatch: number;
  /**
   * The number of batches in a segment. The next segment begins with the batch after them or, in
   * etcd's format, after that batch.
   */
  readonly batchesPerSegment: number;
}

/** Overlapping calls in a log of one segment, and in one of several segments. */
export function overlapsOf({ entriesPerBatch, batchesPerSegment }: Filling): readonly Overlap[] {
  /** Batch `number`, counted from 0. It commits everything before it and its own first entry. */
  const batch = (number: number): LedgerBatch => ({
    entries: entriesFrom(number * entriesPerBatch + 1, entriesPerBatch, 1, entryBytes),
    hardState: state(1, number * entriesPerBatch + 1),
  });
  /** The number of batches that fill this number of segments. */
  const countOf = (segments: number): number => (segments + 1) * batchesPerSegment - 1;
  const segments = (count: number): LedgerBatch[] =>
    Array.from({ length: countOf(count) }, (_, number) => batch(number));
  /** The batch with which, or after which, the next segment begins. */
  const rolling = (count: number): LedgerBatch => batch(countOf(count));
  /**
   * A small entry after this number of segments. If `at` is `entriesPerBatch`, the entry follows
   * the batch that begins the next segment.
   */
  const small = (count: number, at = 0): LedgerBatch => ({
    entries: entriesFrom(countOf(count) * entriesPerBatch + 1 + at, 1, 1, 100),
  });
  /** The index of the first entry of segment `number`, counted from 1. */
  const firstOf = (number: number): number =>
    (number - 1) * batchesPerSegment * entriesPerBatch + 1;
  return [
    ...withinSegment,
    {
      name: 'two purges of one segment each',
      before: [...segments(4), marker(firstOf(4))],
      callers: [[{ purgeTo: firstOf(2) }], [{ purgeTo: firstOf(3) }]],
    },
    {
      name: 'three purges of one segment each',
      before: [...segments(5), marker(firstOf(5))],
      callers: [[{ purgeTo: firstOf(2) }], [{ purgeTo: firstOf(3) }], [{ purgeTo: firstOf(4) }]],
      switchesMin: 2,
    },
    {
      name: 'saves around the beginning of a segment and a purge that gives two back',
      before: [...segments(3), marker(firstOf(3))],
      callers: [
        [rolling(3), small(3, entriesPerBatch), small(3, entriesPerBatch + 1)],
        [{ purgeTo: firstOf(3) }],
      ],
    },
    {
      name: 'a purge of four segments without a marker, and a save',
      before: segments(5),
      callers: [[{ purgeTo: firstOf(5) }], [small(5)]],
    },
    {
      name: 'an identity record and a save that begins a segment',
      before: segments(1),
      callers: [['identity'], [rolling(1)]],
    },
    {
      name: 'a save that begins a segment and the close',
      before: segments(1),
      callers: [[rolling(1)], ['close']],
    },
    {
      name: 'a purge up to the end of a segment and the close',
      before: [...segments(3), marker(firstOf(3))],
      callers: [[{ purgeTo: firstOf(3) - 1 }], ['close']],
    },
  ];
}
