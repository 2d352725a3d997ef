/**
 * Replaying a log frame by frame: the frames that may follow each other, the resulting state, and
 * the frames that are refused.
 */
import { describe, expect, it } from 'vitest';
import { FrameKind } from '../src/format/frame.ts';
import { ReplayedLog, type LogStart } from '../src/recovery/replayed-log.ts';
import type { ScannedBatch } from '../src/recovery/scan.ts';
import {
  confState,
  entry,
  firstHead,
  hardState,
  marker,
  start,
  tail,
  truncate,
  type CraftedFrame,
} from './support/crafted-log.ts';

const commit = {
  frameCount: 0,
  batchChecksum: 0,
  durableUpTo: 0,
  batchStart: 0,
  firstIndex: 0,
  lastIndex: 0,
};

function batchOf(frames: readonly CraftedFrame[]): ScannedBatch {
  return {
    frames: frames.map(({ kind, flags = 0, index = 0, term = 0, body }, at) => ({
      kind,
      flags,
      index,
      term,
      offset: 8192 + 8 * at,
      body,
    })),
    commit,
    batchNumber: 0,
    start: 0,
    end: 0,
  };
}

/** A log with this start and end according to its first head. */
interface Beginning {
  readonly start?: LogStart;
  readonly tailIndex?: number;
  readonly markers?: readonly CraftedFrame[];
}

function logFrom({ start: from, tailIndex, markers = [] }: Beginning): ReplayedLog {
  const beginning = from ?? { index: 0, term: 0, segmentId: 1 };
  const log = new ReplayedLog(beginning);
  const { index, term, segmentId } = beginning;
  const head = [hardState(0), ...markers, start(index, term, segmentId), tail(tailIndex ?? index)];
  expect(log.apply(segmentId, batchOf(head), true)).toBeUndefined();
  return log;
}

interface Outcome {
  readonly first: number;
  readonly terms: readonly (number | undefined)[];
  readonly whole: boolean;
  readonly start: LogStart;
  readonly markers: readonly number[];
}

function outcomeOf(log: ReplayedLog): Outcome {
  const { index, markers } = log.state;
  const count = index.lastIndex - index.firstIndex + 1;
  return {
    first: index.firstIndex,
    terms: Array.from({ length: count }, (_, at) => index.term(index.firstIndex + at)),
    whole: log.isWhole,
    start: log.start,
    markers: markers.map((each) => each.index),
  };
}

const purged = { index: 5, term: 2, segmentId: 3 };

interface Case extends Beginning {
  readonly name: string;
  /** Each frame is applied as a batch in segment 4. */
  readonly frames: readonly CraftedFrame[];
  readonly leaves: Partial<Outcome>;
}

const fitting: readonly Case[] = [
  {
    name: 'entries of each type follow each other',
    frames: [0, 1, 2, 4, 5, 6].map((flags, at) => ({ ...entry(at + 1), flags })),
    leaves: { first: 1, terms: [1, 1, 1, 1, 1, 1], whole: true },
  },
  {
    name: 'an entry replaces a later one and all that follow',
    frames: [entry(1), entry(2), entry(3), entry(2, 2)],
    leaves: { terms: [1, 2] },
  },
  {
    name: 'entries are dropped without a replacement',
    frames: [entry(1), entry(2), entry(3), truncate(2)],
    leaves: { terms: [1] },
  },
  {
    name: 'a truncation after the last entry drops nothing',
    frames: [entry(1), truncate(2)],
    leaves: { terms: [1], whole: true },
  },
  {
    name: 'the end of the purge is the end of the log',
    start: purged,
    tailIndex: 5,
    frames: [],
    leaves: { first: 6, terms: [], whole: true },
  },
  {
    name: 'entries whose beginning is gone are missing at the end',
    start: purged,
    tailIndex: 6,
    frames: [],
    leaves: { terms: [], whole: false },
  },
  {
    name: 'entries whose beginning is gone may go on, and are missing at the end',
    start: purged,
    tailIndex: 8,
    frames: [entry(9, 2), entry(10, 2)],
    leaves: { first: 6, terms: [], whole: false },
  },
  {
    name: 'entries whose beginning is gone may be overwritten',
    start: purged,
    tailIndex: 8,
    frames: [entry(9, 2), entry(6, 3), entry(7, 3)],
    leaves: { first: 6, terms: [3, 3], whole: true },
  },
  {
    name: 'entries whose beginning is gone may be dropped',
    start: purged,
    tailIndex: 8,
    frames: [truncate(6)],
    leaves: { first: 6, terms: [], whole: true },
  },
  {
    name: 'an entry that was purged later drops those above it',
    start: purged,
    frames: [entry(6, 2), entry(7, 2), entry(4, 2)],
    leaves: { first: 6, terms: [] },
  },
  {
    name: 'an entry may have a lower term than the last version of the base',
    start: purged,
    frames: [entry(6, 1), entry(7, 1)],
    leaves: { first: 6, terms: [1, 1] },
  },
  {
    name: 'a marker within the log keeps the entries',
    frames: [entry(1), entry(2), marker(1)],
    leaves: { first: 1, terms: [1, 1], markers: [1], start: { index: 0, term: 0, segmentId: 1 } },
  },
  {
    name: 'a resetting marker starts the log again in its segment',
    frames: [entry(1), marker(9, 3, true), entry(10, 3)],
    leaves: { first: 10, terms: [3], markers: [9], start: { index: 9, term: 3, segmentId: 4 } },
  },
  {
    name: 'a resetting marker that was purged later drops the entries above it',
    start: purged,
    frames: [entry(6, 2), marker(4, 2, true)],
    leaves: { first: 6, terms: [], markers: [] },
  },
  {
    name: 'a resetting marker at the start drops the entries above it and is kept',
    start: purged,
    frames: [entry(6, 2), marker(5, 2, true)],
    leaves: { first: 6, terms: [], markers: [5], start: purged },
  },
  {
    name: 'a marker below the start is skipped',
    start: purged,
    frames: [entry(6, 2), marker(4, 2)],
    leaves: { first: 6, terms: [2], markers: [], start: purged },
  },
  {
    name: 'a marker at the start is compatible with entries whose beginning is gone',
    start: purged,
    tailIndex: 8,
    frames: [marker(5, 2)],
    leaves: { first: 6, whole: false, markers: [5] },
  },
  {
    name: 'a resetting marker ends the entries whose beginning is gone',
    start: purged,
    tailIndex: 8,
    frames: [marker(9, 3, true)],
    leaves: { first: 10, whole: true, start: { index: 9, term: 3, segmentId: 4 } },
  },
  {
    name: 'markers of the head below the start are skipped',
    start: purged,
    markers: [marker(4, 2), marker(5, 2)],
    frames: [],
    leaves: { markers: [5] },
  },
  {
    name: 'a purge moves the start',
    frames: [entry(1), entry(2), entry(3), start(2, 1, 4)],
    leaves: { first: 3, terms: [1], start: { index: 2, term: 1, segmentId: 4 } },
  },
  {
    name: 'a purge to the start may need fewer segments',
    start: purged,
    frames: [start(5, 2, 4)],
    leaves: { first: 6, start: { ...purged, segmentId: 4 } },
  },
  {
    name: 'a purge below the start may need fewer segments',
    start: purged,
    frames: [start(4, 2, 4)],
    leaves: { first: 6, start: { ...purged, segmentId: 4 } },
  },
  {
    name: 'an earlier purge never needs more segments than a later one',
    start: purged,
    frames: [start(5, 2, 2), start(4, 2, 1)],
    leaves: { first: 6, start: purged },
  },
];

interface Misfit extends Beginning {
  readonly name: string;
  readonly frames: readonly CraftedFrame[];
  /** The reason why the last frame is refused. */
  readonly why: string;
}

const short = (bytes: number): CraftedFrame => ({
  ...start(1, 1, 1),
  body: new Uint8Array(bytes),
});

const misfits: readonly Misfit[] = [
  { name: 'a gap', frames: [entry(1), entry(3)], why: 'entry 3 follows entry 1' },
  {
    name: 'a gap among entries whose beginning is gone',
    start: purged,
    tailIndex: 8,
    frames: [entry(10, 2)],
    why: 'entry 10 follows entry 5',
  },
  {
    name: 'an entry with a lower term than the one before it',
    frames: [entry(1, 3), entry(2, 2)],
    why: 'entry 2 has term 2, the one before it term 3',
  },
  ...[3, 7, 8, 12, 16, 64, 128].map((flags) => ({
    name: `an entry with flags ${flags}`,
    frames: [{ ...entry(1), flags }],
    why: `entry 1 has unknown flags ${flags}`,
  })),
  {
    name: 'a tail within a log',
    frames: [tail(1)],
    why: 'a frame of kind 7 is not allowed inside a batch',
  },
  ...[
    { ...marker(1), index: 2 },
    { ...marker(1), term: 2 },
    { ...marker(1), flags: 2 },
  ].map((frame) => ({
    name: `a marker with index ${frame.index}, term ${frame.term} and flags ${frame.flags}`,
    frames: [entry(1), entry(2), frame],
    why: 'does not match its frame header',
  })),
  {
    name: 'a marker among entries whose beginning is gone',
    start: purged,
    tailIndex: 8,
    frames: [marker(7, 2)],
    why: 'the marker at index 7 follows entries that are gone',
  },
  {
    name: 'a marker that resets a log which has its entry',
    frames: [entry(1), marker(1, 1, true)],
    why: 'the marker at index 1 does not match the log before it',
  },
  {
    name: 'a marker that does not reset a log which lacks its entry',
    frames: [entry(1), marker(2)],
    why: 'the marker at index 2 does not match the log before it',
  },
  {
    name: 'a purge to an entry of another term',
    frames: [entry(1), start(1, 2, 1)],
    why: 'purged to 1, which it does not have',
  },
  {
    name: 'a purge after the last entry',
    frames: [entry(1), start(2, 1, 1)],
    why: 'purged to 2, which it does not have',
  },
  ...[7, 9].map((bytes) => ({
    name: `a start frame of ${bytes} bytes`,
    frames: [entry(1), short(bytes)],
    why: 'the body of a start frame has a wrong length',
  })),
  {
    name: 'a start without a body',
    frames: [{ kind: FrameKind.Start }],
    why: 'the body of a start frame has a wrong length',
  },
  {
    name: 'a hard state without a body',
    frames: [{ kind: FrameKind.HardState }],
    why: 'a control frame has no body',
  },
  {
    name: 'a hard state that cannot be decoded',
    frames: [{ kind: FrameKind.HardState, body: new Uint8Array([255]) }],
    why: '',
  },
  {
    name: 'a snapshot marker that cannot be decoded',
    frames: [{ ...marker(1), body: new Uint8Array([255]) }],
    why: '',
  },
];

describe('a replayed log', () => {
  it.each(fitting)('$name', ({ frames, leaves, ...beginning }) => {
    const log = logFrom(beginning);
    for (const frame of frames) expect(log.apply(4, batchOf([frame]), false)).toBeUndefined();
    expect(outcomeOf(log)).toMatchObject(leaves);
  });

  it.each(misfits)('$name does not fit', ({ frames, why, ...beginning }) => {
    const log = logFrom(beginning);
    const answers = frames.map((frame) => log.apply(4, batchOf([frame]), false));
    expect(answers.pop()).toContain(why);
    expect(answers.every((answer) => answer === undefined)).toBe(true);
  });

  it('knows the position of each entry', () => {
    const log = logFrom({});
    log.apply(1, batchOf([entry(1), entry(2)]), false);
    log.apply(2, batchOf([entry(3)]), false);
    expect(log.state.index.runOf(2).segmentId).toBe(1);
    expect(log.state.index.runOf(2).offsetOf(2)).toBe(8200);
    expect(log.state.index.runOf(3).segmentId).toBe(2);
  });

  it('has the hard state of its first head, and that of the first batch after it', () => {
    const log = new ReplayedLog({ index: 0, term: 0, segmentId: 1 });
    const head = [hardState(3, 0, 2n), start(0, 0, 1), tail(0, 0)];
    expect(log.apply(1, batchOf(head), true)).toBeUndefined();
    expect(log.state.hardState).toEqual({ term: 3, vote: 2n, commit: 0 });
    expect(log.apply(1, batchOf([hardState(4, 0, 5n)]), false)).toBeUndefined();
    expect(log.state.hardState).toEqual({ term: 4, vote: 5n, commit: 0 });
  });

  it('is not complete if the hard state commits an entry that it does not have', () => {
    const log = logFrom({});
    log.apply(1, batchOf([entry(1), hardState(1, 1)]), false);
    expect([log.isWhole, log.state.hardState]).toEqual([true, { term: 1, vote: 1n, commit: 1 }]);
    log.apply(1, batchOf([hardState(1, 2)]), false);
    expect(log.isWhole).toBe(false);
  });

  it('does not report a bug as damage', () => {
    const fault = new RangeError('a bug');
    const batch = {
      ...batchOf([]),
      get frames(): never {
        throw fault;
      },
    };
    expect(() => logFrom({}).apply(1, batch, false)).toThrow(fault);
  });
});

describe('the head of a segment', () => {
  const next = (tailIndex: number): CraftedFrame[] => [
    hardState(4, 1, 2n),
    marker(1),
    start(0, 0, 1),
    tail(tailIndex),
  ];

  it('continues the log, and has the newest hard state', () => {
    const log = logFrom({});
    log.apply(1, batchOf([entry(1), entry(2), marker(1)]), false);
    expect(log.apply(2, batchOf(next(2)), true)).toBeUndefined();
    expect(log.state.hardState).toEqual({ term: 4, vote: 2n, commit: 1 });
    expect(log.state.markers).toEqual([{ index: 1, term: 1, confState }]);
    expect(outcomeOf(log).terms).toEqual([1, 1]);
  });

  it.each([1, 3])('does not fit if it continues at %i and the log ends at 2', (tailIndex) => {
    const log = logFrom({});
    log.apply(1, batchOf([entry(1), entry(2)]), false);
    expect(log.apply(2, batchOf(next(tailIndex)), true)).toBe(
      `the segment continues at ${tailIndex}, the log ends at 2`,
    );
  });

  it('continues entries whose beginning is gone', () => {
    const log = logFrom({ start: purged, tailIndex: 8 });
    const head = [hardState(0), start(5, 2, 3), tail(8)];
    expect(log.apply(4, batchOf(head), true)).toBeUndefined();
    expect(log.isWhole).toBe(false);
  });

  it('may end below the start of a log that was purged further later', () => {
    const log = logFrom({ start: purged });
    expect(log.apply(4, batchOf([hardState(0), start(2, 1, 1), tail(3)]), true)).toBeUndefined();
  });

  it.each([
    ['start', FrameKind.Start],
    ['tail', FrameKind.Tail],
  ])('does not fit without its %s', (_, missing) => {
    const log = new ReplayedLog({ index: 0, term: 0, segmentId: 1 });
    const head = firstHead.filter(({ kind }) => kind !== missing);
    expect(log.apply(1, batchOf(head), true)).toBe('the head of the segment is incomplete');
  });
});
