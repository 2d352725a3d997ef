/**
 * Where a scan of a segment stops, what it says of that place, and what it finds behind it. What
 * that means is in `verdict.test.ts` and `crafted-logs.test.ts`.
 */
import { describe, expect, it } from 'vitest';
import type { File } from '@babuza/vfs';
import { FrameKind } from '../src/format/frame.ts';
import { framesStart, trailerBytes } from '../src/format/layout.ts';
import {
  lookBehind,
  scanSegment,
  type Behind,
  type ScannedBatch,
  type ScanRequest,
  type ScanStop,
} from '../src/recovery/scan.ts';
import {
  CraftedSegment,
  entry,
  firstHead,
  groupId,
  hardState,
  tail,
  type CraftedFrame,
} from './support/crafted-log.ts';

type Reading = Pick<File, 'read'>;

function fileOf(bytes: Uint8Array): Reading {
  return {
    read: (target, offset) => {
      const piece = bytes.subarray(offset, offset + target.length);
      target.set(piece);
      return Promise.resolve(piece.length);
    },
  };
}

function requestOf({ bytes, header }: CraftedSegment, file: Reading = fileOf(bytes)): ScanRequest {
  return { file, salt: header.salt, limit: bytes.length - trailerBytes, groupId };
}

async function scanned(request: ScanRequest): Promise<{
  stop: ScanStop;
  batches: ScannedBatch[];
  behind: Behind;
}> {
  const batches: ScannedBatch[] = [];
  const stop = await scanSegment(request, (batch) => {
    batches.push(batch);
    return undefined;
  });
  return { stop, batches, behind: await lookBehind(request, stop) };
}

/** A head and a batch of the entries 1 and 2. */
const whole = (): CraftedSegment =>
  new CraftedSegment(firstHead).batch([hardState(1), entry(1), entry(2)]);

interface Stopped {
  readonly name: string;
  readonly craft: (segment: CraftedSegment) => CraftedSegment;
  readonly stop: Pick<ScanStop, 'slot' | 'bodyOk' | 'why'>;
  /** Counted from the frame behind the two whole batches. */
  readonly frame?: number;
  /** Of the batch, where it is not the third. */
  readonly accepted?: number;
  readonly behind: Partial<Behind>;
}

const otherBatch: CraftedFrame = { ...entry(4), batchNumber: 3 };
const nothing = { frames: 0, durableUpTo: 0, firstIndex: 0, lastIndex: 0, batchNumberMax: 1 };

/** Writes into the frame at `offsets.at(at)`. */
function damage(segment: CraftedSegment, at: number, byte: number): CraftedSegment {
  const offset = (segment.offsets.at(at) ?? 0) + byte;
  segment.bytes[offset] = (segment.bytes[offset] ?? 0) ^ 255;
  return segment;
}

const stops: readonly Stopped[] = [
  {
    name: 'there is nothing more',
    craft: (segment) => segment,
    stop: { slot: 'empty', bodyOk: false, why: 'no frame' },
    behind: nothing,
  },
  {
    name: 'a batch has no end',
    craft: (segment) => segment.batch([entry(3), entry(4)], { missing: true }),
    stop: { slot: 'empty', bodyOk: false, why: 'no frame' },
    frame: 2,
    behind: { ...nothing, firstIndex: 3, lastIndex: 4, batchNumberMax: 2 },
  },
  {
    name: 'a frame of an earlier batch was left behind',
    craft: (segment) => segment.batch([{ ...entry(3), batchNumber: 1 }], { missing: true }),
    stop: { slot: 'empty', bodyOk: false, why: 'a frame from before the last batch' },
    behind: nothing,
  },
  {
    name: 'a header is damaged',
    craft: (segment) => damage(segment.batch([entry(3)], { missing: true }), -1, 9),
    stop: { slot: 'garbage', bodyOk: false, why: 'no valid frame header' },
    behind: nothing,
  },
  {
    name: 'a payload is damaged',
    craft: (segment) => damage(segment.batch([entry(3), entry(4)]), -3, 50),
    stop: { slot: 'header', bodyOk: false, why: 'a frame with a wrong length or checksum' },
    behind: { frames: 2, firstIndex: 3, lastIndex: 4, batchNumberMax: 2 },
  },
  {
    name: 'a frame goes on into the next batch',
    craft: (segment) => segment.batch([entry(3), otherBatch]),
    stop: { slot: 'header', bodyOk: false, why: 'a frame of another batch' },
    frame: 1,
    behind: { frames: 1, firstIndex: 3, lastIndex: 4, batchNumberMax: 3 },
  },
  ...[groupId + 1n, groupId + 2n ** 32n].map((other) => ({
    name: `a frame is of group ${other}`,
    craft: (segment: CraftedSegment) => segment.batch([entry(3), { ...entry(4), groupId: other }]),
    stop: { slot: 'header', bodyOk: true, why: 'a frame of another group' } as const,
    frame: 1,
    behind: { frames: 1 },
  })),
  ...[{ batchStart: 8 }, { frameCount: 1 }, { batchChecksum: 5 }].map((changes) => ({
    name: `a commit frame has another ${Object.keys(changes).join('')}`,
    craft: (segment: CraftedSegment) => segment.batch([entry(3), entry(4)], changes),
    stop: {
      slot: 'header',
      bodyOk: false,
      why: 'a commit frame that closes other frames',
    } as const,
    frame: 2,
    behind: { frames: 0, firstIndex: 3, lastIndex: 4 },
  })),
  {
    name: 'the first batch is damaged',
    craft: (segment) => damage(segment, 0, 45),
    stop: { slot: 'header', bodyOk: false, why: 'a frame with a wrong length or checksum' },
    accepted: 0,
    behind: { frames: 7, batchNumberMax: 1, firstIndex: 1, lastIndex: 2 },
  },
];

describe('a scan', () => {
  it('hands over whole batches, without payloads of entries', async () => {
    const segment = whole();
    const { batches, stop } = await scanned(requestOf(segment));
    expect(batches.map(({ batchNumber, start, end }) => [batchNumber, start, end])).toEqual([
      [0, framesStart, segment.batchStarts[1]],
      [1, segment.batchStarts[1], segment.end],
    ]);
    expect(batches[1]?.frames.map(({ kind, index, offset }) => [kind, index, offset])).toEqual([
      [FrameKind.HardState, 0, segment.offsets[4]],
      [FrameKind.Entry, 1, segment.offsets[5]],
      [FrameKind.Entry, 2, segment.offsets[6]],
    ]);
    const bodies = batches[1]?.frames.map(({ body }) => body);
    expect(bodies).toEqual([hardState(1).body, undefined, undefined]);
    expect([stop.lastBatchNumber, stop.fits]).toEqual([1, false]);
  });

  it.each(stops)('stops where $name', async ({ craft, stop: facts, frame = 0, ...expected }) => {
    const segment = craft(whole());
    const { stop, batches, behind } = await scanned(requestOf(segment));
    const { accepted = 2 } = expected;
    const batchStart = segment.batchStarts[accepted] ?? segment.end;
    expect(stop).toEqual({
      ...facts,
      batchStart,
      offset: accepted === 2 ? (segment.offsets[8 + frame] ?? segment.end) : batchStart,
      fits: false,
      lastBatchNumber: accepted - 1,
    });
    expect(batches).toHaveLength(accepted);
    expect(behind).toMatchObject(expected.behind);
    expect(behind.end).toBe(behind.frames > 0 ? segment.end : Math.max(stop.offset, behind.end));
  });

  it('stops at a batch that does not fit, which is a whole frame in a wrong place', async () => {
    const segment = whole();
    const stop = await scanSegment(requestOf(segment), ({ batchNumber }) =>
      batchNumber === 1 ? 'it does not fit' : undefined,
    );
    const [, batchStart = 0] = segment.batchStarts;
    const facts = { slot: 'header', bodyOk: true, fits: false, why: 'it does not fit' };
    expect(stop).toEqual({ ...facts, batchStart, offset: batchStart, lastBatchNumber: 0 });
  });

  it('stops at a frame that says to be longer than the space for frames', async () => {
    const segment = whole();
    const request = requestOf(segment);
    // Within the entry before the commit frame.
    const limit = (segment.offsets[7] ?? 0) - 48;
    const { stop, batches } = await scanned({ ...request, limit });
    expect(batches).toHaveLength(1);
    expect(stop).toMatchObject({
      slot: 'header',
      bodyOk: false,
      offset: segment.offsets[6],
      why: 'a frame with a wrong length or checksum',
    });
    const atEnd = await scanned({ ...request, limit: segment.end });
    expect(atEnd.batches).toHaveLength(2);
    expect(atEnd.stop).toMatchObject({ slot: 'empty', why: 'the end of the space for frames' });
  });

  it('ends where the file is shorter than it should be', async () => {
    const segment = whole();
    const file = fileOf(segment.bytes.subarray(0, segment.end + 64));
    const { batches, stop, behind } = await scanned(requestOf(segment, file));
    expect([batches.length, stop.slot, behind.frames]).toEqual([2, 'empty', 0]);
  });
});

describe('a look behind a stop', () => {
  const lost = (segment: CraftedSegment): CraftedSegment => segment.lose(8, 9);

  it('finds the end of the batch, what it says, and the batches behind it', async () => {
    const segment = whole()
      .batch([entry(3), entry(4)])
      .batch([entry(5), tail(99), entry(6)], { durableUpTo: 8 })
      .mark();
    const { behind } = await scanned(requestOf(lost(segment)));
    expect(behind).toMatchObject({
      durableUpTo: segment.batchStarts[4],
      frames: 7,
      end: segment.end,
      batchNumberMax: 4,
      firstIndex: 3,
      lastIndex: 6,
    });
    expect(behind.commit).toMatchObject({ firstIndex: 3, lastIndex: 4, frameCount: 2 });
  });

  it('counts no frame of a batch that is accepted', async () => {
    const segment = whole().batch([entry(3), { ...entry(9), batchNumber: 1 }, entry(4)]);
    const { behind } = await scanned(requestOf(lost(segment)));
    expect([behind.frames, behind.firstIndex, behind.lastIndex]).toEqual([2, 3, 4]);
  });

  it.each([0, 8])('sees a frame that ends %i bytes before the end of the space', async (bytes) => {
    const segment = whole().batch([tail(1)], { missing: true });
    const limit = segment.end + bytes;
    const stop = { ...(await scanned(requestOf(segment))).stop, offset: segment.end - 48 };
    const behind = await lookBehind({ ...requestOf(segment), limit }, stop);
    expect([behind.frames, behind.batchNumberMax, behind.end]).toEqual([1, 2, segment.end]);
  });

  it('finds a frame behind two parts of nothing', async () => {
    const segment = new CraftedSegment(firstHead, { segmentBytes: 2 * 1024 * 1024 });
    segment.end += 1_200_000;
    segment.batch([entry(1, 1, 700_000)]);
    const { behind } = await scanned(requestOf(segment));
    expect([behind.frames, behind.lastIndex, behind.end]).toEqual([2, 1, segment.end]);
  });
});

describe('a read ahead', () => {
  /** Reads of this and later offsets wait until they are let go. */
  function heldFrom(bytes: Uint8Array, from: number): { file: Reading; letGo: () => void } {
    const file = fileOf(bytes);
    let letGo = (): void => undefined;
    const isLetGo = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const read: Reading['read'] = async (target, offset) => {
      if (offset >= from) await isLetGo;
      return file.read(target, offset);
    };
    return { file: { read }, letGo };
  }

  /** Whether it waits for the reads that are held, and ends when they are let go. */
  async function waitsFor(work: Promise<unknown>, letGo: () => void): Promise<boolean> {
    let ended = false;
    const ending = work.then(() => {
      ended = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    const waited = !ended;
    letGo();
    await ending;
    return waited;
  }

  it('is over when a scan ends', async () => {
    const segment = new CraftedSegment(firstHead, { segmentBytes: 3 * 1024 * 1024 });
    segment.batch([entry(1, 1, 600_000)]);
    const { file, letGo } = heldFrom(segment.bytes, 1_100_000);
    const scan = scanSegment(requestOf(segment, file), ({ batchNumber }) =>
      batchNumber === 1 ? 'that is enough' : undefined,
    );
    expect(await waitsFor(scan, letGo)).toBe(true);
  });

  it('is over when a look behind a stop ends', async () => {
    const segment = new CraftedSegment(firstHead, { segmentBytes: 2 * 1024 * 1024 });
    const part = 512 * 1024;
    const from = segment.end;
    // The look begins at `from`. Its second part begins 32 bytes before the end of the first one.
    const end = from + 2 * part - 32;
    segment.end = end - 24 - 40;
    segment.batch([tail(1)], { missing: true });
    const { file, letGo } = heldFrom(segment.bytes, end);
    const request = { ...requestOf(segment, file), limit: end + 8 };
    const { stop } = await scanned({ ...requestOf(segment), limit: from });
    expect(await waitsFor(lookBehind(request, stop), letGo)).toBe(true);
  });
});
