/**
 * The point at which a scan of a segment stops, the facts about it, and the frames after it.
 * `verdict.test.ts` and `log-endings.test.ts` test the meaning.
 */
import { describe, expect, it } from 'vitest';
import type { File } from '@babuza/vfs';
import { FrameKind } from '../src/format/frame.ts';
import { framesStart, trailerBytes } from '../src/format/layout.ts';
import { scanAfterStop, type AfterStop } from '../src/recovery/scan-after-stop.ts';
import {
  scanSegment,
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
  afterStop: AfterStop;
}> {
  const batches: ScannedBatch[] = [];
  const stop = await scanSegment(request, (batch) => {
    batches.push(batch);
    return undefined;
  });
  return { stop, batches, afterStop: await scanAfterStop(request, stop) };
}

/** A segment with a head and a batch of the entries 1 and 2. */
const whole = (): CraftedSegment =>
  new CraftedSegment(firstHead).batch([hardState(1), entry(1), entry(2)]);

interface Stopped {
  readonly name: string;
  readonly craft: (segment: CraftedSegment) => CraftedSegment;
  readonly stop: Pick<ScanStop, 'slot' | 'bodyOk' | 'why'>;
  /** The number of the frame, counted from the one after the two complete batches. */
  readonly frame?: number;
  /** The number of the incomplete batch, if it is not the third. */
  readonly accepted?: number;
  readonly afterStop: Partial<AfterStop>;
}

const otherBatch: CraftedFrame = { ...entry(4), batchNumber: 3 };
const nothing = { frames: 0, durableUpTo: 0, firstIndex: 0, lastIndex: 0, batchNumberMax: 1 };

/** Changes a byte of the frame at `offsets.at(at)`. */
function damage(segment: CraftedSegment, at: number, byte: number): CraftedSegment {
  const offset = (segment.offsets.at(at) ?? 0) + byte;
  segment.bytes[offset] = (segment.bytes[offset] ?? 0) ^ 255;
  return segment;
}

const stops: readonly Stopped[] = [
  {
    name: 'there are no more frames',
    craft: (segment) => segment,
    stop: { slot: 'empty', bodyOk: false, why: 'there is no frame' },
    afterStop: nothing,
  },
  {
    name: 'a batch has no end',
    craft: (segment) => segment.batch([entry(3), entry(4)], { missing: true }),
    stop: { slot: 'empty', bodyOk: false, why: 'there is no frame' },
    frame: 2,
    afterStop: { ...nothing, firstIndex: 3, lastIndex: 4, batchNumberMax: 2 },
  },
  {
    name: 'a frame of an earlier batch was left',
    craft: (segment) => segment.batch([{ ...entry(3), batchNumber: 1 }], { missing: true }),
    stop: { slot: 'empty', bodyOk: false, why: 'the frame is older than the last batch' },
    afterStop: nothing,
  },
  {
    name: 'a header is damaged',
    craft: (segment) => damage(segment.batch([entry(3)], { missing: true }), -1, 9),
    stop: { slot: 'garbage', bodyOk: false, why: 'the frame header is not valid' },
    afterStop: nothing,
  },
  {
    name: 'a payload is damaged',
    craft: (segment) => damage(segment.batch([entry(3), entry(4)]), -3, 50),
    stop: { slot: 'header', bodyOk: false, why: 'the frame has a wrong length or checksum' },
    afterStop: { frames: 2, firstIndex: 3, lastIndex: 4, batchNumberMax: 2 },
  },
  {
    name: 'the next frame belongs to another batch',
    craft: (segment) => segment.batch([entry(3), otherBatch]),
    stop: { slot: 'header', bodyOk: false, why: 'the frame belongs to another batch' },
    frame: 1,
    afterStop: { frames: 1, firstIndex: 3, lastIndex: 4, batchNumberMax: 3 },
  },
  ...[groupId + 1n, groupId + 2n ** 32n].map((other) => ({
    name: `a frame is of group ${other}`,
    craft: (segment: CraftedSegment) => segment.batch([entry(3), { ...entry(4), groupId: other }]),
    stop: { slot: 'header', bodyOk: true, why: 'the frame belongs to another group' } as const,
    frame: 1,
    afterStop: { frames: 1 },
  })),
  ...[{ batchStart: 8 }, { frameCount: 1 }, { batchChecksum: 5 }].map((changes) => ({
    name: `a commit frame has another ${Object.keys(changes).join('')}`,
    craft: (segment: CraftedSegment) => segment.batch([entry(3), entry(4)], changes),
    stop: {
      slot: 'header',
      bodyOk: false,
      why: 'the commit frame does not match the frames before it',
    } as const,
    frame: 2,
    afterStop: { frames: 0, firstIndex: 3, lastIndex: 4 },
  })),
  {
    name: 'the first batch is damaged',
    craft: (segment) => damage(segment, 0, 45),
    stop: { slot: 'header', bodyOk: false, why: 'the frame has a wrong length or checksum' },
    accepted: 0,
    afterStop: { frames: 7, batchNumberMax: 1, firstIndex: 1, lastIndex: 2 },
  },
];

describe('a scan', () => {
  it('passes on complete batches, without payloads of entries', async () => {
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

  it.each(stops)('stops if $name', async ({ craft, stop: facts, frame = 0, ...expected }) => {
    const segment = craft(whole());
    const { stop, batches, afterStop } = await scanned(requestOf(segment));
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
    expect(afterStop).toMatchObject(expected.afterStop);
    expect(afterStop.end).toBe(
      afterStop.frames > 0 ? segment.end : Math.max(stop.offset, afterStop.end),
    );
  });

  it('stops at a batch that does not fit, and reports an intact frame', async () => {
    const segment = whole();
    const stop = await scanSegment(requestOf(segment), ({ batchNumber }) =>
      batchNumber === 1 ? 'it does not fit' : undefined,
    );
    const [, batchStart = 0] = segment.batchStarts;
    const facts = { slot: 'header', bodyOk: true, fits: false, why: 'it does not fit' };
    expect(stop).toEqual({ ...facts, batchStart, offset: batchStart, lastBatchNumber: 0 });
  });

  it('stops at a frame whose length exceeds the space for frames', async () => {
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
      why: 'the frame has a wrong length or checksum',
    });
    const atEnd = await scanned({ ...request, limit: segment.end });
    expect(atEnd.batches).toHaveLength(2);
    expect(atEnd.stop).toMatchObject({ slot: 'empty', why: 'the space for frames ends here' });
  });

  it('ends at the end of a file that is too short', async () => {
    const segment = whole();
    const file = fileOf(segment.bytes.subarray(0, segment.end + 64));
    const { batches, stop, afterStop } = await scanned(requestOf(segment, file));
    expect([batches.length, stop.slot, afterStop.frames]).toEqual([2, 'empty', 0]);
  });
});

describe('a scan after a stop', () => {
  const lost = (segment: CraftedSegment): CraftedSegment => segment.lose(8, 9);

  it('finds the commit frame of the batch, and the batches after it', async () => {
    const segment = whole()
      .batch([entry(3), entry(4)])
      .batch([entry(5), tail(99), entry(6)], { durableUpTo: 8 })
      .mark();
    const { afterStop } = await scanned(requestOf(lost(segment)));
    expect(afterStop).toMatchObject({
      durableUpTo: segment.batchStarts[4],
      frames: 7,
      end: segment.end,
      batchNumberMax: 4,
      firstIndex: 3,
      lastIndex: 6,
    });
    expect(afterStop.commit).toMatchObject({ firstIndex: 3, lastIndex: 4, frameCount: 2 });
  });

  it('counts no frame of a batch that is accepted', async () => {
    const segment = whole().batch([entry(3), { ...entry(9), batchNumber: 1 }, entry(4)]);
    const { afterStop } = await scanned(requestOf(lost(segment)));
    expect([afterStop.frames, afterStop.firstIndex, afterStop.lastIndex]).toEqual([2, 3, 4]);
  });

  it.each([0, 8])('finds a frame that ends %i bytes before the end of the space', async (bytes) => {
    const segment = whole().batch([tail(1)], { missing: true });
    const limit = segment.end + bytes;
    const stop = { ...(await scanned(requestOf(segment))).stop, offset: segment.end - 48 };
    const afterStop = await scanAfterStop({ ...requestOf(segment), limit }, stop);
    expect([afterStop.frames, afterStop.batchNumberMax, afterStop.end]).toEqual([
      1,
      2,
      segment.end,
    ]);
  });

  it('finds a frame after two empty parts of the window', async () => {
    const segment = new CraftedSegment(firstHead, { segmentBytes: 2 * 1024 * 1024 });
    segment.end += 1_200_000;
    segment.batch([entry(1, 1, 700_000)]);
    const { afterStop } = await scanned(requestOf(segment));
    expect([afterStop.frames, afterStop.lastIndex, afterStop.end]).toEqual([2, 1, segment.end]);
  });
});

describe('reading ahead', () => {
  /** A file whose reads from this offset on wait until `letGo` is called. */
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

  /** Whether `work` waits for the held reads, and ends when they continue. */
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

  it('has ended when a scan ends', async () => {
    const segment = new CraftedSegment(firstHead, { segmentBytes: 3 * 1024 * 1024 });
    segment.batch([entry(1, 1, 600_000)]);
    const { file, letGo } = heldFrom(segment.bytes, 1_100_000);
    const scan = scanSegment(requestOf(segment, file), ({ batchNumber }) =>
      batchNumber === 1 ? 'that is enough' : undefined,
    );
    expect(await waitsFor(scan, letGo)).toBe(true);
  });

  it('has ended when a scan after a stop ends', async () => {
    const segment = new CraftedSegment(firstHead, { segmentBytes: 2 * 1024 * 1024 });
    const part = 512 * 1024;
    const from = segment.end;
    // The scan begins at `from`. Its second part begins 32 bytes before the end of the first one.
    const end = from + 2 * part - 32;
    segment.end = end - 24 - 40;
    segment.batch([tail(1)], { missing: true });
    const { file, letGo } = heldFrom(segment.bytes, end);
    const request = { ...requestOf(segment, file), limit: end + 8 };
    const { stop } = await scanned({ ...requestOf(segment), limit: from });
    expect(await waitsFor(scanAfterStop(request, stop), letGo)).toBe(true);
  });
});
