/** The end of a log whose frames were chosen one by one: the verdict, the report, and the cut. */
import { describe, expect, it } from 'vitest';
import type { TailReport } from '@babuza/wal-core';
import { commitFrameBytes, sectorBytes } from '../src/format/layout.ts';
import { sealBytes } from '../src/format/seal.ts';
import type { AppendPoint } from '../src/recovery/recover.ts';
import type { SegmentFinding } from '../src/recovery/replay-segment.ts';
import { errorOf, third, two } from './support/crafted-chain.ts';
import {
  CraftedSegment,
  diskOf,
  entry,
  firstHead,
  hardState,
  readFrom,
  recoverFrom,
} from './support/crafted-log.ts';

interface Ending {
  readonly name: string;
  readonly segment: () => CraftedSegment;
  readonly finding: Partial<SegmentFinding>;
  readonly facts?: Partial<SegmentFinding['facts']>;
  readonly tail?: (segment: CraftedSegment) => TailReport;
  readonly append: Partial<AppendPoint>;
  readonly last: number;
}

const clean: TailReport = { verdict: 'clean', bytesDropped: 0 };
const noMarks = { endsWithMark: false, marksReachOwnSector: false };

/** The report of a cut that begins at the batch with this number. */
const cutAt =
  (
    batch: number,
    report: Pick<TailReport, 'verdict' | 'firstIndex' | 'lastIndex'>,
    bytesDropped?: number,
  ) =>
  ({ path, end, batchStarts }: CraftedSegment): TailReport => {
    const offset = batchStarts[batch] ?? end;
    return { bytesDropped: bytesDropped ?? end - offset, file: path, offset, ...report };
  };

/** A segment whose last batch ends `distance` bytes before the end of a sector. */
function endingAt(distance: number): CraftedSegment {
  const segment = two();
  const bytes = sectorBytes - ((segment.end + 40 + commitFrameBytes) % sectorBytes);
  return segment.batch([entry(3, 1, bytes + sectorBytes - distance)]);
}

const endings: readonly Ending[] = [
  {
    name: 'a log without a mark gets one',
    segment: two,
    finding: { verdict: 'end', batches: 2, entries: 2, ...noMarks },
    append: { nextBatchNumber: 3, lastBatchNumber: 2, entries: 2, marked: false },
    last: 2,
  },
  {
    name: 'a mark that ends with a sector of its own counts for a closed log',
    segment: () => endingAt(0),
    finding: { verdict: 'end', entries: 3, ...noMarks },
    append: { nextBatchNumber: 4, lastBatchNumber: 3, marked: true },
    last: 3,
  },
  {
    name: 'a mark that begins before the end of a sector does not count for a closed log',
    segment: () => endingAt(8),
    finding: { verdict: 'end', ...noMarks },
    append: { nextBatchNumber: 4, lastBatchNumber: 3, marked: false },
    last: 3,
  },
  {
    name: 'a log that ends with a mark gets no other',
    segment: () => two().mark(),
    finding: { verdict: 'end', batches: 3, entries: 2, endsWithMark: true },
    append: { nextBatchNumber: 3, lastBatchNumber: 2, marked: false },
    last: 2,
  },
  {
    name: 'a log that ends with a mark in a sector of its own is closed',
    segment: () => endingAt(0).mark(),
    finding: { verdict: 'end', endsWithMark: true, marksReachOwnSector: true },
    append: { nextBatchNumber: 4, lastBatchNumber: 3, marked: true },
    last: 3,
  },
  {
    name: 'marks reach a sector of their own together',
    segment: () => Array.from({ length: 7 }).reduce<CraftedSegment>((log) => log.mark(), two()),
    finding: { endsWithMark: true, marksReachOwnSector: true, batches: 9 },
    append: { nextBatchNumber: 9, lastBatchNumber: 8, marked: true },
    last: 2,
  },
  {
    name: 'a mark that does not record everything before it as durable does not count',
    segment: () => two().batch([], { durableUpTo: 8200 }),
    finding: { verdict: 'end', endsWithMark: false },
    append: { nextBatchNumber: 4, lastBatchNumber: 3 },
    last: 2,
  },
  {
    name: 'a mark before the last batch does not count as a mark at the end',
    segment: () =>
      two()
        .mark()
        .batch([entry(3)]),
    finding: { verdict: 'end', ...noMarks, batches: 4, entries: 3 },
    append: { nextBatchNumber: 5, lastBatchNumber: 4, entries: 3 },
    last: 3,
  },
  {
    name: 'a hard state counts as a batch',
    segment: () => two().batch([hardState(4, 1)]),
    finding: { verdict: 'end', ...noMarks, batches: 3, entries: 2 },
    append: { nextBatchNumber: 4, entries: 2 },
    last: 2,
  },
  {
    name: 'entries that were overwritten still need space in the footer',
    segment: () => two().batch([entry(2, 2), entry(3, 2)]),
    finding: { batches: 3, entries: 4 },
    append: { entries: 4 },
    last: 3,
  },
  {
    name: 'a batch without an end is cut',
    segment: () => two().batch([entry(3), entry(4)], { missing: true }),
    finding: { verdict: 'torn', batches: 2, entries: 2 },
    facts: { openEnded: true, framesFollow: true, knownDurable: false, commitOk: false },
    tail: cutAt(2, { verdict: 'torn', firstIndex: 3, lastIndex: 4 }),
    append: { nextBatchNumber: 4, lastBatchNumber: 3, entries: 2 },
    last: 2,
  },
  {
    name: 'a batch whose beginning is lost and that has no end is cut',
    segment: () =>
      two()
        .batch([entry(3), entry(4)], { missing: true })
        .lose(-2, -1),
    finding: { verdict: 'torn' },
    facts: { slot: 'empty', framesFollow: true, knownDurable: false, commitOk: false },
    tail: cutAt(2, { verdict: 'torn', firstIndex: 4, lastIndex: 4 }),
    append: { nextBatchNumber: 4, lastBatchNumber: 3 },
    last: 2,
  },
  {
    name: 'bytes that are not a frame are cut as one header',
    segment: () => {
      const segment = two();
      segment.bytes.fill(255, segment.end, segment.end + 40);
      return segment;
    },
    finding: { verdict: 'torn' },
    facts: { slot: 'garbage', framesFollow: false },
    tail: cutAt(2, { verdict: 'torn', firstIndex: undefined, lastIndex: undefined }, 40),
    append: { nextBatchNumber: 3, lastBatchNumber: 2 },
    last: 2,
  },
  {
    name: 'a batch whose middle is lost is uncertain',
    segment: () => third().lose(-3, -2),
    finding: { verdict: 'uncertain' },
    facts: { openEnded: true, framesFollow: true, knownDurable: false, commitOk: true },
    tail: cutAt(2, { verdict: 'uncertain', firstIndex: 3, lastIndex: 4 }),
    append: { nextBatchNumber: 4, lastBatchNumber: 3 },
    last: 2,
  },
  {
    name: 'a batch whose middle is lost is told apart from a later one that was not synced',
    segment: () =>
      third()
        .batch([entry(5), entry(6)], { durableUpTo: 8200 })
        .lose(-6, -5),
    finding: { verdict: 'uncertain' },
    tail: cutAt(2, { verdict: 'uncertain', firstIndex: 3, lastIndex: 4 }),
    append: { nextBatchNumber: 5, lastBatchNumber: 4 },
    last: 2,
  },
  {
    name: 'a lost hard state is uncertain, and no entry is',
    segment: () =>
      two()
        .batch([hardState(4, 1)])
        .lose(-2, -1),
    finding: { verdict: 'uncertain' },
    tail: cutAt(2, { verdict: 'uncertain', firstIndex: undefined, lastIndex: undefined }),
    append: { nextBatchNumber: 4 },
    last: 2,
  },
];

describe('the end of a log', () => {
  it.each(endings)('$name', async ({ segment: craft, finding, facts = {}, append, ...rest }) => {
    const segment = craft();
    const disk = diskOf([segment]);
    const { contents, tail: report, appendPoint, calls } = await recoverFrom(disk);
    const [found] = contents.findings;
    expect(found).toMatchObject(finding);
    expect(found?.facts).toMatchObject(facts);
    expect(report).toEqual(rest.tail?.(segment) ?? clean);
    expect(appendPoint).toMatchObject(append);
    const { index } = contents.replayed.state;
    expect([index.firstIndex, index.lastIndex]).toEqual([1, rest.last]);
    // The accepted batches were written again, and the log ends after the mark.
    const stop = found?.stop.batchStart ?? 0;
    const isMarked = appendPoint.end > stop;
    expect(appendPoint.end).toBe(stop + (isMarked ? commitFrameBytes : 0));
    const writes = calls.filter(({ operation }) => operation === 'write-durable');
    const rewritten = stop - (found?.durableUpTo ?? 0);
    expect(writes.map(({ position, bytes }) => [position, bytes])).toEqual([
      ...(rewritten > 0 ? [[found?.durableUpTo, rewritten]] : []),
      ...(isMarked ? [[stop, commitFrameBytes + 40]] : []),
    ]);
    // The next opening finds the same entries and nothing to cut.
    const again = await recoverFrom(disk.crash(1));
    expect(again.tail).toEqual(clean);
    expect(again.contents.replayed.state.index.lastIndex).toBe(rest.last);
    expect(again.contents.findings[0]?.endsWithMark).toBe(true);
  });

  it('is durable up to the offset in its latest batch', async () => {
    const segment = third().batch([hardState(2)], { durableUpTo: 8200 });
    const [finding] = (await readFrom(diskOf([segment]))).findings;
    expect(finding?.durableUpTo).toBe(segment.batchStarts[2]);
    const [fresh] = (await readFrom(diskOf([new CraftedSegment(firstHead)]))).findings;
    expect(fresh?.durableUpTo).toBe(new CraftedSegment(firstHead).end);
  });

  it('is refused on request if it is uncertain', async () => {
    const disk = diskOf([third().lose(-3, -2)]);
    const error = await errorOf(recoverFrom(disk, 'refuse'));
    expect(error).toMatchObject({ verdict: 'uncertain', firstIndex: 3, lastIndex: 4 });
    expect(disk.calls.some(({ operation }) => operation === 'write-durable')).toBe(false);
    expect((await recoverFrom(diskOf([two()]), 'refuse')).tail).toEqual(clean);
  });

  it('gets a mark only if the footer keeps its space', async () => {
    for (const [free, isMarked] of [
      [0, true],
      [-8, false],
    ] as const) {
      const segment = two();
      const mark = 2 * commitFrameBytes + 40 + 40;
      const footer = sealBytes(1, 3);
      const room = segment.header.segmentBytes - segment.end - mark - footer - free;
      segment.batch([entry(3, 1, room)]);
      const { appendPoint } = await recoverFrom(diskOf([segment]));
      expect(appendPoint.lastBatchNumber).toBe(isMarked ? 3 : 2);
      expect(appendPoint.nextBatchNumber).toBe(isMarked ? 4 : 3);
      expect([appendPoint.marked, appendPoint.entries]).toEqual([false, 3]);
    }
  });
});
