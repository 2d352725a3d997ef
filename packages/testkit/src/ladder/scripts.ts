/** Scripted workloads, one for each feature of a log. Their segments have 16 KiB. */
import { EntryType, type ConfState, type Entry, type HardState } from '@babuza/raftpb';
import type { LedgerBatch } from '@babuza/wal-core/conformance';

const confState: ConfState = {
  voters: [1n, 2n, 3n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export function entriesFrom(first: number, count: number, term: number, bytes: number): Entry[] {
  return Array.from({ length: count }, (_, at) => ({
    index: first + at,
    term,
    type: EntryType.Normal,
    data: new Uint8Array(bytes).fill(first + at + 64 * term),
  }));
}

export function state(term: number, commit: number): HardState {
  return { term, vote: BigInt(term), commit };
}

/**
 * A step before or in the script: a batch, several batches at the same time, a pause, a restart, or
 * a restart with `discardUncommitted`.
 */
export interface Script {
  readonly name: string;
  readonly before: readonly Step[];
  readonly steps: readonly Step[];
}
export type Step = LedgerBatch | 'restart' | 'discard' | 'pause' | readonly LedgerBatch[];

export const filled: readonly Step[] = [
  { entries: entriesFrom(1, 6, 1, 500), hardState: state(1, 4) },
  { entries: entriesFrom(7, 6, 1, 500), hardState: state(1, 10) },
];

export const scripts: readonly Script[] = [
  { name: 'create', before: [], steps: ['restart', { hardState: state(1, 0) }] },
  {
    name: 'append, small and over many sectors, alone and together',
    before: [],
    steps: [
      { entries: entriesFrom(1, 1, 1, 10), hardState: state(1, 0) },
      { entries: entriesFrom(2, 3, 1, 900) },
      [{ entries: entriesFrom(5, 1, 1, 0) }, { hardState: state(1, 4) }, { sync: true }],
      'pause',
      { entries: entriesFrom(6, 2, 1, 100), hardState: state(2, 5) },
    ],
  },
  {
    name: 'a vote in a term that was known before',
    before: filled,
    steps: [
      { hardState: { term: 2, vote: 0n, commit: 10 } },
      { hardState: { term: 2, vote: 3n, commit: 10 } },
      { entries: entriesFrom(13, 1, 2, 10) },
    ],
  },
  {
    name: 'a large batch over the mark of an idle log',
    before: filled,
    steps: ['pause', { entries: entriesFrom(13, 2, 1, 300), hardState: state(1, 12) }, 'pause'],
  },
  {
    name: 'rotate',
    before: filled,
    steps: [
      { entries: entriesFrom(13, 4, 1, 300), hardState: state(1, 12) },
      { entries: entriesFrom(17, 5, 1, 500) },
      { entries: entriesFrom(22, 2, 1, 20) },
    ],
  },
  {
    name: 'an oversized batch',
    before: filled,
    steps: [{ entries: entriesFrom(13, 3, 1, 9000) }, { entries: entriesFrom(16, 1, 1, 30) }],
  },
  {
    name: 'conflict',
    before: filled,
    steps: [
      { entries: entriesFrom(11, 1, 2, 700), hardState: state(2, 10) },
      { entries: entriesFrom(11, 3, 3, 20), hardState: state(3, 11) },
      { entries: entriesFrom(13, 6, 4, 500), hardState: state(4, 12) },
    ],
  },
  {
    name: 'purge and use again',
    before: [
      ...filled,
      { entries: entriesFrom(13, 8, 1, 500), hardState: state(1, 18) },
      { snapshot: { index: 18, term: 1, confState } },
    ],
    steps: [
      { purgeTo: 18 },
      { entries: entriesFrom(21, 8, 1, 500), hardState: state(1, 20) },
      { entries: entriesFrom(29, 8, 1, 500), hardState: state(1, 30) },
      { purgeTo: 25 },
    ],
  },
  {
    name: 'reset to an installed snapshot',
    before: filled,
    steps: [
      { snapshot: { index: 40, term: 3, confState }, hardState: state(3, 40) },
      { entries: entriesFrom(41, 8, 3, 900) },
      { purgeTo: 40 },
    ],
  },
  {
    name: 'restart',
    before: filled,
    steps: ['restart', { entries: entriesFrom(13, 1, 2, 10), hardState: state(2, 11) }, 'restart'],
  },
];
