/**
 * Logs whose frames were chosen one by one: how each is judged, what its report says, and what a
 * recovery writes, makes durable and removes, in which order.
 */
import { describe, expect, it } from 'vitest';
import type { SimulatedDisk } from '@babuza/testkit';
import type { TailReport } from '@babuza/wal-core';
import { commitFrameBytes, sectorBytes } from '../src/format/layout.ts';
import { sealBytes, type Seal } from '../src/format/seal.ts';
import type { SegmentHeader } from '../src/format/segment-header.ts';
import { lookAtLog } from '../src/recovery/look.ts';
import type { AppendPoint } from '../src/recovery/recover.ts';
import type { SegmentFinding } from '../src/recovery/read-log.ts';
import {
  CraftedSegment,
  directory,
  diskOf,
  entry,
  firstHead,
  groupId,
  hardState,
  marker,
  readFrom,
  recoverFrom,
  start,
  tail,
} from './support/crafted-log.ts';

/** Two entries behind the head, in a batch of their own. */
const two = (): CraftedSegment => new CraftedSegment(firstHead).batch([entry(1), entry(2)]);
const third = (): CraftedSegment => two().batch([entry(3), entry(4)]);
const headAt = (index: number) => [hardState(0), start(0, 0, 1), tail(index)];

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

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

/** The cut, where it begins at the batch with this number. */
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

/** The end of the last batch is moved to such a distance from the end of a sector. */
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
    name: 'a mark that does not say that all before it is durable is none',
    segment: () => two().batch([], { durableUpTo: 8200 }),
    finding: { verdict: 'end', endsWithMark: false },
    append: { nextBatchNumber: 4, lastBatchNumber: 3 },
    last: 2,
  },
  {
    name: 'a mark before the last batch is none at the end',
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
    name: 'entries that were overwritten still have a place in the footer',
    segment: () => two().batch([entry(2, 2), entry(3, 2)]),
    finding: { batches: 3, entries: 4 },
    append: { entries: 4 },
    last: 3,
  },
  {
    name: 'a batch without an end is cut',
    segment: () => two().batch([entry(3), entry(4)], { missing: true }),
    finding: { verdict: 'torn', batches: 2, entries: 2 },
    facts: { openEnded: true, framesBehind: true, laterMark: false, commitOk: false },
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
    facts: { slot: 'empty', framesBehind: true, laterMark: false, commitOk: false },
    tail: cutAt(2, { verdict: 'torn', firstIndex: 4, lastIndex: 4 }),
    append: { nextBatchNumber: 4, lastBatchNumber: 3 },
    last: 2,
  },
  {
    name: 'bytes that are no frame are cut as a slot',
    segment: () => {
      const segment = two();
      segment.bytes.fill(255, segment.end, segment.end + 40);
      return segment;
    },
    finding: { verdict: 'torn' },
    facts: { slot: 'garbage', framesBehind: false },
    tail: cutAt(2, { verdict: 'torn', firstIndex: undefined, lastIndex: undefined }, 40),
    append: { nextBatchNumber: 3, lastBatchNumber: 2 },
    last: 2,
  },
  {
    name: 'a batch whose middle is lost is uncertain',
    segment: () => third().lose(-3, -2),
    finding: { verdict: 'uncertain' },
    facts: { openEnded: true, framesBehind: true, laterMark: false, commitOk: true },
    tail: cutAt(2, { verdict: 'uncertain', firstIndex: 3, lastIndex: 4 }),
    append: { nextBatchNumber: 4, lastBatchNumber: 3 },
    last: 2,
  },
  {
    name: 'a batch whose middle is lost is told apart from one behind it that was not synced',
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
    // What is built on was written again, and the log ends behind the mark.
    const stop = found?.stop.batchStart ?? 0;
    const isMarked = appendPoint.end > stop;
    expect(appendPoint.end).toBe(stop + (isMarked ? commitFrameBytes : 0));
    const writes = calls.filter(({ operation }) => operation === 'write-durable');
    const rewritten = stop - (found?.durableUpTo ?? 0);
    expect(writes.map(({ position, bytes }) => [position, bytes])).toEqual([
      ...(rewritten > 0 ? [[found?.durableUpTo, rewritten]] : []),
      ...(isMarked ? [[stop, commitFrameBytes + 40]] : []),
    ]);
    // Whoever opens it again finds the same, and nothing to cut.
    const again = await recoverFrom(disk.crash(1));
    expect(again.tail).toEqual(clean);
    expect(again.contents.replayed.state.index.lastIndex).toBe(rest.last);
    expect(again.contents.findings[0]?.endsWithMark).toBe(true);
  });

  it('is durable as far as the latest of its batches says', async () => {
    const segment = third().batch([hardState(2)], { durableUpTo: 8200 });
    const [finding] = (await readFrom(diskOf([segment]))).findings;
    expect(finding?.durableUpTo).toBe(segment.batchStarts[2]);
    const [fresh] = (await readFrom(diskOf([new CraftedSegment(firstHead)]))).findings;
    expect(fresh?.durableUpTo).toBe(new CraftedSegment(firstHead).end);
  });

  it('is refused where it is uncertain and that is asked for', async () => {
    const disk = diskOf([third().lose(-3, -2)]);
    const error = await errorOf(recoverFrom(disk, 'refuse'));
    expect(error).toMatchObject({ verdict: 'uncertain', firstIndex: 3, lastIndex: 4 });
    expect(disk.calls.some(({ operation }) => operation === 'write-durable')).toBe(false);
    expect((await recoverFrom(diskOf([two()]), 'refuse')).tail).toEqual(clean);
  });

  it('gets a mark only where the footer keeps its room', async () => {
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

interface Refused {
  readonly name: string;
  readonly segments: () => readonly CraftedSegment[];
  readonly error: Readonly<Record<string, unknown>>;
}

/** Segments of two entries each, all but the last sealed. */
function chain(
  count: number,
  header: Partial<SegmentHeader> = {},
  seal: Partial<Seal> = {},
): CraftedSegment[] {
  const segments = [two()];
  for (let at = 1; at < count; at += 1) {
    const before = segments.at(-1) ?? two();
    const last = 2 * at;
    const isLast = at === count - 1;
    const next = before
      .next(headAt(last), isLast ? header : {})
      .batch([entry(last + 1), entry(last + 2)]);
    before.seal(next, isLast ? seal : {});
    segments.push(next);
  }
  return segments;
}

function without<Item>(items: readonly Item[], at: number): Item[] {
  return items.filter((_, index) => index !== at);
}

/** The first segment has no seal, the second one what is given behind its head. */
function unsealed(behindHead: (second: CraftedSegment) => CraftedSegment): CraftedSegment[] {
  const first = two();
  return [first, behindHead(first.next(headAt(2)))];
}

const sealed = { code: 'WAL_CORRUPT', verdict: 'corrupt-sealed' };
const disordered = { code: 'WAL_CORRUPT', verdict: 'corrupt-order' };
const durable = { code: 'WAL_CORRUPT', verdict: 'corrupt-durable' };

const refused: readonly Refused[] = [
  {
    name: 'durable entries are damaged, and a mark says so',
    segments: () => [third().mark().lose(-4, -3)],
    error: { ...durable, firstIndex: 3, lastIndex: 4 },
  },
  {
    name: 'durable entries are damaged, and later ones follow',
    segments: () => [
      third()
        .batch([entry(5), entry(6)])
        .lose(-6, -5),
    ],
    error: { ...durable, firstIndex: 3, lastIndex: 4 },
  },
  {
    name: 'durable entries are damaged together with the end of their batch',
    segments: () => [
      third()
        .batch([entry(5), entry(6)])
        .lose(-6, -3),
    ],
    error: { ...durable, firstIndex: 3, lastIndex: 6 },
  },
  {
    name: 'a durable hard state is damaged',
    segments: () => [
      two()
        .batch([hardState(3)])
        .mark()
        .lose(-3, -2),
    ],
    error: { ...durable, firstIndex: 3, lastIndex: undefined },
  },
  {
    name: 'a durable hard state is damaged, and entries follow that overwrite others',
    segments: () => [
      third()
        .batch([hardState(3)])
        .batch([entry(2, 2)])
        .lose(-4, -2),
    ],
    error: { ...durable, firstIndex: 2, lastIndex: 2 },
  },
  {
    name: 'the head of the only segment is damaged',
    segments: () => [two().lose(0, 1)],
    error: { ...durable, offset: 8192 },
  },
  {
    name: 'the head of the newest of two segments is damaged',
    segments: () => {
      const [first, second] = chain(2);
      return first === undefined || second === undefined ? [] : [first, second.lose(1, 2)];
    },
    error: durable,
  },
  {
    name: 'a whole batch does not follow',
    segments: () => [two().batch([entry(9)])],
    error: { code: 'WAL_CORRUPT', verdict: 'corrupt-order', message: /entry 9 follows entry 2/ },
  },
  {
    name: 'a batch is of another group',
    segments: () => [two().batch([{ ...entry(3), groupId: 8n }])],
    error: { code: 'WAL_CORRUPT', verdict: 'corrupt-order' },
  },
  {
    name: 'the hard state commits what is not there',
    segments: () => [two().batch([hardState(1, 3)])],
    error: { verdict: 'corrupt-order', message: /entries before the last are missing/ },
  },
  ...[0, 1].map((at): Refused => ({
    name: `segment ${at + 1} of 3 is missing`,
    segments: () => without(chain(3), at),
    error: { verdict: 'corrupt-missing', message: new RegExp(`segment ${at + 1} is missing`) },
  })),
  {
    name: 'the successor of a sealed segment is missing',
    segments: () => without(chain(3), 2),
    error: { verdict: 'corrupt-missing', message: /but segment 3 is missing/ },
  },
  {
    name: 'a segment is there twice',
    segments: () => [two(), new CraftedSegment(firstHead, { salt: 9 })],
    error: { code: 'WAL_FOREIGN', message: /00000009\.wal.* is there twice/ },
  },
  ...[{ clusterId: 9n }, { nodeId: 9n }, { entryBytesMax: 9 }, { predecessorSalt: 9 }].map(
    (header): Refused => ({
      name: `the newest segment has another ${Object.keys(header).join('')}`,
      segments: () => chain(2, header),
      error: { code: 'WAL_FOREIGN', message: /does not follow .*: another log/ },
    }),
  ),
  ...[{ framesEnd: 9000 }, { nextSalt: 9 }, { lastBatchNumber: 9 }].map((seal): Refused => ({
    name: `a seal has another ${Object.keys(seal).join('')}`,
    segments: () => chain(2, {}, seal),
    error: sealed,
  })),
  {
    name: 'there is no seal, and a batch follows the head of the successor',
    segments: () => unsealed((second) => second.batch([entry(3)])),
    error: { ...sealed, message: /the seal is damaged/ },
  },
  {
    name: 'there is no seal, and an interrupted batch follows the head of the successor',
    segments: () => unsealed((second) => second.batch([entry(3)], { missing: true })),
    error: sealed,
  },
  {
    name: 'there is no seal, and the end of a batch follows the head of the successor',
    segments: () => unsealed((second) => second.batch([], { frameCount: 1 })),
    error: sealed,
  },
  {
    name: 'there is no seal, and the last batch is damaged',
    segments: () => {
      const [first, second] = unsealed((segment) => segment);
      return first === undefined || second === undefined ? [] : [first.lose(-1, 0), second];
    },
    error: { ...sealed, firstIndex: 1, lastIndex: 2 },
  },
  {
    name: 'the head has no tail',
    segments: () => [new CraftedSegment([hardState(0), start(0, 0, 1)])],
    error: { ...disordered, message: /the head of the segment is incomplete/ },
  },
  {
    name: 'the head has a start of a wrong length',
    segments: () => [
      new CraftedSegment([
        hardState(0),
        { ...start(0, 0, 1), body: new Uint8Array(7) },
        tail(0, 0),
      ]),
    ],
    error: { ...disordered, message: /a start frame of a wrong length/ },
  },
  {
    name: 'the head says that the log begins in a later segment',
    segments: () => [new CraftedSegment([hardState(0), start(0, 0, 2), tail(0, 0)])],
    error: { ...disordered, message: /the log begins in segment 2, and segment 1 is the newest/ },
  },
  {
    name: 'a purge says that the log begins in a later segment',
    segments: () => [two().batch([start(1, 1, 2)])],
    error: { ...disordered, message: /the log begins in segment 2, and this is segment 1/ },
  },
  {
    name: 'a purge says so, and the segment that the head names is missing',
    segments: () => {
      const second = two().next(headAt(2));
      return [second.batch([start(2, 1, 9)])];
    },
    error: { ...disordered, message: /the log begins in segment 9, and segment 2 is the newest/ },
  },
  {
    name: 'the first entry has a lower term than the one before it',
    segments: () => [
      new CraftedSegment([hardState(3), start(5, 3, 1), tail(5, 3)]).batch([entry(6, 2)]),
    ],
    error: { ...disordered, message: /the first entry has term 2, and the one before it term 3/ },
  },
  {
    name: 'a segment before the last two has no seal',
    segments: () => {
      const first = two();
      const second = first.next(headAt(2));
      const last = second.next(headAt(2));
      second.seal(last);
      return [first, second, last];
    },
    error: sealed,
  },
];

describe('a log is refused, and nothing is changed,', () => {
  it.each(refused)('where $name', async ({ segments, error: { message, ...error } }) => {
    const disk = diskOf(segments());
    const seen = await errorOf(recoverFrom(disk));
    expect(seen).toBeInstanceOf(Error);
    expect(seen).toMatchObject(error);
    if (message instanceof RegExp) expect(String(seen)).toMatch(message);
    expect(disk.calls.filter(({ operation }) => /write|sync|unlink/.test(operation))).toEqual([]);
    expect(disk.openPaths).toEqual([]);
  });

  it('where the footer of a seal is damaged', async () => {
    const first = two();
    const second = first.next(headAt(2)).batch([entry(3), entry(4)]);
    first.seal(second, {}, [{ firstIndex: 1, offsets: [1, 2] }]);
    expect((await recoverFrom(diskOf([first, second]))).tail).toEqual(clean);
    const footerAt = first.header.segmentBytes - sealBytes(1, 2);
    first.bytes[footerAt] = (first.bytes[footerAt] ?? 0) ^ 1;
    expect(await errorOf(recoverFrom(diskOf([first, second])))).toMatchObject({
      ...sealed,
      offset: footerAt,
      message: expect.stringContaining('the index footer is damaged'),
    });
  });
});

describe('a recovery', () => {
  const mutations = (disk: SimulatedDisk, from = 0): string[] =>
    disk.calls
      .slice(from)
      .filter(({ operation }) => /write|sync-|unlink/.test(operation))
      .map(({ operation, path }) => `${operation} ${path.slice(directory.length + 1)}`);
  const names = (segments: readonly CraftedSegment[]): string[] =>
    segments.map(({ path }) => path.slice(directory.length + 1));

  it('makes names durable, then frames, then the seal, then the cut, and then removes files', async () => {
    const segments = unsealed((second) => second);
    const disk = diskOf(segments, ['spare-0000000000000003.tmp']);
    const { contents, appendPoint } = await recoverFrom(disk);
    const [first = '', second = ''] = names(segments);
    expect(mutations(disk)).toEqual([
      'sync-directory ',
      `write-durable ${first}`,
      `write-durable ${second}`,
      'unlink spare-0000000000000003.tmp',
      'sync-directory ',
    ]);
    expect(contents.needsSeal?.segment.seal).toMatchObject({
      framesEnd: segments[0]?.end,
      lastBatchNumber: 1,
      nextSalt: segments[1]?.header.salt,
    });
    expect(appendPoint.segment.segmentId).toBe(2);
    // The footer lists where the entries lie, in steps of 8 bytes.
    const sealedBytes = disk.surgery.contents(segments[0]?.path ?? '').slice(-sealBytes(1, 2));
    const footer = new DataView(sealedBytes.buffer);
    const words = [0, 8, 16, 20].map((at) => footer.getUint32(at, true));
    const [one = 0, other = 0] = segments[0]?.offsets.slice(4) ?? [];
    expect(words).toEqual([1, 2, one / 8, other / 8]);
    // After a power cut the seal and the mark are there, and the file is gone.
    const left = disk.crash(1);
    expect(left.surgery.files()).toEqual(segments.map(({ path }) => path));
    const again = await readFrom(left);
    expect(again.findings.map(({ segment }) => segment.seal !== undefined)).toEqual([true, false]);
    expect(again.findings[1]?.endsWithMark).toBe(true);
  });

  it.each(['sync-directory', 'write-durable', 'unlink'] as const)(
    'does nothing more where a call of %s fails',
    async (on) => {
      const segments = unsealed((second) => second);
      const disk = diskOf(segments, ['spare-0000000000000003.tmp']);
      const fault = { type: 'error', kind: 'io' } as const;
      disk.inject({ on, fault });
      const error = await errorOf(recoverFrom(disk));
      expect(error).toMatchObject({ kind: 'io' });
      const all = mutations(disk);
      const order = ['sync-directory', 'write-durable', 'unlink'];
      expect(all).toHaveLength(order.indexOf(on) + 1 + (on === 'unlink' ? 1 : 0));
      expect(all.at(-1)).toContain(on);
    },
  );

  it('fails where the removal of files does not become durable', async () => {
    const disk = diskOf([two()], ['spare-0000000000000003.tmp']);
    disk.inject({ on: 'sync-directory', nth: 2, fault: { type: 'error', kind: 'io' } });
    expect(await errorOf(recoverFrom(disk))).toMatchObject({ kind: 'io' });
  });

  it('syncs the directory once where there is nothing to remove', async () => {
    const disk = diskOf([two()]);
    await recoverFrom(disk);
    expect(mutations(disk).filter((call) => call.startsWith('sync-directory'))).toHaveLength(1);
  });

  it('writes a seal again that only the head of its successor follows', async () => {
    const [first, second] = unsealed((segment) => segment);
    if (first === undefined || second === undefined) throw new Error('no segments');
    first.seal(second);
    const { contents } = await recoverFrom(diskOf([first, second]));
    expect(contents.needsSeal?.segment.segmentId).toBe(1);
    const built = await recoverFrom(diskOf(chain(2)));
    expect(built.contents.needsSeal).toBeUndefined();
    expect(built.contents.findings.map(({ verdict, facts }) => [verdict, facts.openEnded])).toEqual(
      [
        ['end', false],
        ['end', true],
      ],
    );
  });

  it('removes what was purged, and begins where the newest segment says', async () => {
    const segments = chain(3);
    const [first, second] = segments;
    const last = second?.next([hardState(0), start(2, 1, 2), tail(4)]).batch([entry(5)]);
    if (first === undefined || second === undefined || last === undefined) throw new Error('none');
    second.seal(last);
    const disk = diskOf([first, second, last]);
    const { contents } = await recoverFrom(disk);
    expect(contents.leftovers).toEqual([first.path]);
    expect(contents.replayed.state.index.firstIndex).toBe(3);
    expect(disk.surgery.files()).toEqual([second.path, last.path]);
  });

  it.each([
    ['a purge', [entry(5), start(4, 1, 3)]],
    ['a snapshot that was installed', [marker(9, 2, true)]],
  ])('finds that %s in the newest segment needs no older ones', async (_, frames) => {
    const before = chain(3);
    const last = before[1]?.next(headAt(4)).batch(frames);
    if (last === undefined) throw new Error('no segments');
    const { contents } = await recoverFrom(diskOf([last]));
    expect(contents.replayed.start.segmentId).toBe(3);
    expect(contents.findings).toHaveLength(1);
  });

  it('writes again in pieces what nothing testifies to', async () => {
    const mebibyte = 1024 * 1024;
    const segment = new CraftedSegment(firstHead, { segmentBytes: 4 * mebibyte });
    const from = segment.end;
    for (let index = 1; index <= 5; index += 1) {
      segment.batch([entry(index, 1, mebibyte / 2)], { durableUpTo: 8200 });
    }
    const { calls } = await recoverFrom(diskOf([segment]));
    const writes = calls.filter(({ operation }) => operation === 'write-durable');
    const end = segment.end - from - 2 * mebibyte;
    expect(writes.map(({ position = 0, bytes }) => [position - from, bytes])).toEqual([
      [0, mebibyte],
      [mebibyte, mebibyte],
      [2 * mebibyte, end],
      [segment.end - from, commitFrameBytes + 40],
    ]);
  });

  it('reads the beginning of the newest segment only for its head', async () => {
    const segment = new CraftedSegment(firstHead, { segmentBytes: 3 * 1024 * 1024 });
    for (let index = 1; index <= 4; index += 1) segment.batch([entry(index, 1, 500_000)]);
    const disk = diskOf([segment]);
    await readFrom(disk);
    const frames = disk.calls.filter(
      ({ operation, bytes = 0, position }) =>
        operation === 'read' && position === 8192 && bytes > 64,
    );
    const all = disk.calls.filter(({ operation }) => operation === 'read');
    const bytes = all.reduce((sum, call) => sum + (call.bytes ?? 0), 0);
    expect(frames).toHaveLength(2);
    // Once for the head, once for the replay, once behind the end.
    expect(bytes).toBeLessThan(segment.bytes.length + 2 * 1024 * 1024);
  });
});

describe('a look at a log', () => {
  it('says what a recovery would cut, changes nothing and leaves no file open', async () => {
    const disk = diskOf([third().lose(-3, -2)]);
    const { log, tail: report } = await lookAtLog(disk, directory, groupId);
    expect(report).toMatchObject({ verdict: 'uncertain', firstIndex: 3, lastIndex: 4 });
    expect(log.replayed.state.index.lastIndex).toBe(2);
    expect(disk.openPaths).toEqual([]);
    expect(disk.calls.some(({ operation }) => /write|sync|unlink/.test(operation))).toBe(false);
  });

  it('finds none in an empty directory', async () => {
    const error = await errorOf(lookAtLog(diskOf([]), directory, groupId));
    expect(error).toMatchObject({ code: 'WAL_NOT_FOUND' });
  });
});
