/**
 * The bytes of format version 1: they equal the golden files, are read back as written, and are
 * rejected if any bit is wrong.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntryType, type Entry } from '@babuza/raftpb';
import { runWorkload, simulatedEnvironment } from '@babuza/testkit';
import { UnknownVersionError } from '@babuza/wal-core';
import { emptyPlan } from '@babuza/wal-core/backend';
import { checksum, frameSeed } from '../src/format/checksum.ts';
import {
  entryHasData,
  entryTypeMask,
  frameBytes,
  frameChecksum,
  FrameKind,
  groupWords,
  isEmptySlot,
  newFrameHeader,
  readCommitBody,
  readFrameHeader,
  sealFrame,
  writeFrameHeader,
  type FrameHeader,
} from '../src/format/frame.ts';
import { endSlotBytes, frameHeaderBytes, headerPageBytes } from '../src/format/layout.ts';
import { decodeTrailer, encodeSeal, footerMatches, sealBytes } from '../src/format/seal.ts';
import {
  decodeHeaderPage,
  encodeSegmentHeader,
  type SegmentHeader,
} from '../src/format/segment-header.ts';
import {
  BatchEncoder,
  batchOf,
  type Batch,
  type BatchPosition,
} from '../src/writer/batch-encoder.ts';
import { goldenHex, toHex } from './golden/golden-files.ts';
import { metadata, openManager } from './support/workload.ts';

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const groupId = 2n ** 64n - 3n;
const largest = Number.MAX_SAFE_INTEGER;

const sampleHeader: SegmentHeader = {
  salt: 0xdead_beef,
  segmentId: 0x0102_0304_0506,
  segmentBytes: 64 * 1024 * 1024,
  clusterId: 7n,
  nodeId: 2n ** 64n - 2n,
  groupId,
  entryBytesMax: 0x0fff_ffff,
  extra: new TextEncoder().encode('extra bytes'),
  identity: undefined,
  baseBatchSequence: 2 ** 40 + 5,
  predecessorEnd: 61_440,
  predecessorSalt: 0xfeed_face,
  headEnd: 8400,
};

const confState = {
  voters: [1n, 2n ** 64n - 3n],
  learners: [3n],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

const entries: readonly Entry[] = [
  { index: 11, term: 3, type: EntryType.Normal, data: new TextEncoder().encode('payload') },
  { index: 12, term: 3, type: EntryType.Normal, data: new Uint8Array(0) },
  { index: 13, term: 4, type: EntryType.Normal },
  { index: 14, term: 4, type: EntryType.ConfChangeV2, data: new Uint8Array([8, 1, 16, 2]) },
];

const samplePosition: BatchPosition = {
  salt: 0xdead_beef,
  offset: 9216,
  batchNumber: 41,
  durableUpTo: 8856,
};

/** The content of a batch with a marker, entries, a start, a truncation and a hard state. */
function sampleContent(): Batch {
  const marker = { index: 10, term: 3, confState };
  const purgeTo = { index: 10, term: 3 };
  const plans = [
    { ...emptyPlan, marker, resets: true, entries, purgeTo },
    { ...emptyPlan, truncateFrom: 15 },
  ];
  return batchOf(plans, { term: 4, vote: 2n ** 64n - 3n, commit: 12 }, 2 ** 33);
}

function sampleBatch(position: BatchPosition = samplePosition): Uint8Array {
  return concat(new BatchEncoder(groupId).encode(sampleContent(), position));
}

/** The header of the frame at `at`, if header and body are intact for this offset in the file. */
function readWhole(
  bytes: Uint8Array,
  at: number,
  salt: number,
  offset: number,
): FrameHeader | undefined {
  const header = newFrameHeader();
  const seed = frameSeed(salt, offset);
  if (!readFrameHeader(viewOf(bytes), at, seed, header)) return undefined;
  if (at + frameBytes(header.bodyBytes) > bytes.length) return undefined;
  return frameChecksum(bytes, at, seed, header.bodyBytes) === header.checksum ? header : undefined;
}

/** All frames of a batch, in order. */
function readFrames(
  bytes: Uint8Array,
  position: BatchPosition,
): { header: FrameHeader; body: Uint8Array }[] {
  const frames: { header: FrameHeader; body: Uint8Array }[] = [];
  let at = 0;
  while (at + endSlotBytes < bytes.length) {
    const header = readWhole(bytes, at, position.salt, position.offset + at);
    if (header === undefined) throw new Error(`no frame at ${at}`);
    const start = at + frameHeaderBytes;
    frames.push({ header, body: bytes.slice(start, start + header.bodyBytes) });
    at += frameBytes(header.bodyBytes);
  }
  return frames;
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

describe('the header of a segment', () => {
  const pages = encodeSegmentHeader(sampleHeader);
  const page = pages.subarray(0, headerPageBytes);

  it('is the golden page, twice', async () => {
    expect(toHex(page)).toBe(await goldenHex('header.hex', page));
    expect(Buffer.compare(page, pages.subarray(headerPageBytes))).toBe(0);
  });

  it('with an identity is the golden page of version 2, twice', async () => {
    const identity = new TextEncoder().encode('the identity of a log');
    const both = encodeSegmentHeader({ ...sampleHeader, identity });
    const first = both.subarray(0, headerPageBytes);
    expect(toHex(first)).toBe(await goldenHex('../version-2/header.hex', first));
    expect(Buffer.compare(first, both.subarray(headerPageBytes))).toBe(0);
  });

  it('is read back with an identity, an empty one and the longest, whatever the extra bytes', () => {
    for (const bytes of [0, 1, 128]) {
      for (const extra of [undefined, new Uint8Array(0), new Uint8Array(1024).fill(255)]) {
        const header = { ...sampleHeader, extra, identity: new Uint8Array(bytes).fill(254) };
        const written = encodeSegmentHeader(header).subarray(0, headerPageBytes);
        expect(decodeHeaderPage(written)).toEqual({ kind: 'ok', header });
      }
    }
  });

  it('is not read if its version and its identity contradict each other', () => {
    const identity = new Uint8Array(5).fill(7);
    const second = encodeSegmentHeader({ ...sampleHeader, identity }).slice(0, headerPageBytes);
    const changes: [Uint8Array, number, number][] = [
      [page, 8, 2],
      [second, 8, 1],
      [second, 92, 0],
      [second, 92, 130],
      [second, 92, 5],
      [second, 1119, 1],
      [second, 1125, 1],
    ];
    for (const [original, at, value] of changes) {
      const changed = original.slice();
      changed[at] = value;
      viewOf(changed).setUint32(4092, checksum(changed.subarray(0, 4092)), true);
      expect(decodeHeaderPage(changed), `byte ${at} is ${value}`).toEqual({ kind: 'damaged' });
    }
  });

  it('is read back with extra bytes, with empty, absent and the longest ones', () => {
    for (const extra of [sampleHeader.extra, new Uint8Array(0), new Uint8Array(1024).fill(255)]) {
      const header = { ...sampleHeader, extra };
      const written = encodeSegmentHeader(header).subarray(0, headerPageBytes);
      expect(decodeHeaderPage(written)).toEqual({ kind: 'ok', header });
    }
    const header = { ...sampleHeader, extra: undefined };
    const written = encodeSegmentHeader(header).subarray(headerPageBytes);
    expect(decodeHeaderPage(written)).toEqual({ kind: 'ok', header });
  });

  it('is not read with a flipped bit anywhere', () => {
    for (let bit = 0; bit < headerPageBytes * 8; bit += bit < 8 * 128 ? 1 : 37) {
      expect(decodeHeaderPage(flipped(page, bit)).kind).toBe(bit < 64 ? 'foreign' : 'damaged');
    }
    expect(decodeHeaderPage(page.subarray(0, 4095)).kind).toBe('foreign');
  });

  it('is not read with reserved bytes that are not zero', () => {
    for (const at of [92, 95, 96 + 11, 4091]) {
      const changed = page.slice();
      changed[at] = 1;
      viewOf(changed).setUint32(4092, checksum(changed.subarray(0, 4092)), true);
      expect(decodeHeaderPage(changed)).toEqual({ kind: 'damaged' });
    }
  });

  it('of an unknown version is refused by name', async () => {
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const manager = openManager(environment);
      await manager.createWal(metadata);
      await manager.close();
    });
    const disk = environment.fileSystem.kill(1);
    const [path = ''] = disk.surgery.files().filter((file) => file.endsWith('.wal'));
    const newer = disk.surgery.contents(path).slice(0, headerPageBytes);
    viewOf(newer).setUint32(8, 3, true);
    viewOf(newer).setUint32(4092, checksum(newer.subarray(0, 4092)), true);
    expect(decodeHeaderPage(newer)).toEqual({ kind: 'unknown-version', version: 3 });
    disk.surgery.overwrite(path, 0, newer);
    disk.surgery.overwrite(path, headerPageBytes, newer);
    const world = simulatedEnvironment(2, disk);
    const error: unknown = await openManager(world)
      .replayWal()
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UnknownVersionError);
    expect(error).toMatchObject({ code: 'WAL_VERSION', file: path });
    expect(String(error)).toContain('version 3');
  });
});

describe('a batch', () => {
  const batch = sampleBatch();

  it('is the golden one', async () => {
    expect(toHex(batch)).toBe(await goldenHex('batch.hex', batch));
    expect(batch).toHaveLength(sampleContent().bytes + endSlotBytes);
    expect(isEmptySlot(viewOf(batch), batch.length - endSlotBytes)).toBe(true);
  });

  it('is read back frame by frame', () => {
    const frames = readFrames(batch, samplePosition);
    expect(frames.map(({ header: { kind, index, term } }) => [kind, index, term])).toEqual([
      [FrameKind.Marker, 10, 3],
      [FrameKind.Entry, 11, 3],
      [FrameKind.Entry, 12, 3],
      [FrameKind.Entry, 13, 4],
      [FrameKind.Entry, 14, 4],
      [FrameKind.Start, 10, 3],
      [FrameKind.Truncate, 15, 0],
      [FrameKind.HardState, 0, 0],
      [FrameKind.Commit, 0, 0],
    ]);
    for (const { header } of frames) {
      expect(header).toMatchObject({ batchNumber: 41, ...groupWords(groupId) });
    }
    expect(frames[0]?.header.flags).toBe(1);
    const read = frames.slice(1, 5).map(({ header, body }) => ({
      index: header.index,
      term: header.term,
      type: header.flags & entryTypeMask,
      ...((header.flags & entryHasData) === 0 ? {} : { data: body }),
    }));
    expect(read).toEqual(entries);
  });

  it('ends with a commit frame that describes it', () => {
    const commit = readFrames(batch, samplePosition).at(-1);
    if (commit === undefined) throw new Error('no frames');
    const body = readCommitBody(viewOf(commit.body), 0);
    expect(body).toMatchObject({
      frameCount: 8,
      durableUpTo: 8856,
      batchStart: 9216,
      firstIndex: 11,
      lastIndex: 14,
    });
  });

  it('is the same whether payloads are copied or written in place', () => {
    const data = new Uint8Array(5001).fill(7);
    const plan = { ...emptyPlan, entries: [{ index: 1, term: 1, type: EntryType.Normal, data }] };
    const batch = (): Batch => batchOf([plan], undefined, 1);
    const encoder = new BatchEncoder(groupId);
    const first = concat(encoder.encode(batch(), samplePosition));
    expect(concat(encoder.encode(batch(), samplePosition))).toEqual(first);
    const [entry] = readFrames(first, samplePosition);
    expect(entry?.body).toEqual(data);
  });
});

describe('a frame', () => {
  const position = { salt: 0x1234_5678, offset: 8192 };

  function written(header: Omit<FrameHeader, 'checksum'>, body: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(frameBytes(body.length));
    bytes.set(body, frameHeaderBytes);
    const seed = frameSeed(position.salt, position.offset);
    writeFrameHeader(viewOf(bytes), 0, seed, header);
    sealFrame(viewOf(bytes), 0, frameChecksum(bytes, 0, seed, body.length));
    return bytes;
  }

  const sample = {
    bodyBytes: 11,
    batchNumber: 0xffff_fffe,
    kind: FrameKind.Entry,
    flags: 0b110,
    index: largest,
    term: largest,
    ...groupWords(groupId),
  };
  const bytes = written(sample, new Uint8Array(11).fill(0xa5));

  it('holds the largest index and term', () => {
    expect(readWhole(bytes, 0, position.salt, position.offset)).toMatchObject(sample);
  });

  it('is valid in its own segment and at its own offset only', () => {
    for (let bit = 0; bit < 32; bit += 1) {
      const salt = (position.salt ^ (1 << bit)) >>> 0;
      expect(readFrameHeader(viewOf(bytes), 0, frameSeed(salt, 8192), newFrameHeader())).toBe(
        false,
      );
    }
    for (let offset = 8; offset < 2 ** 30; offset = offset * 2 + 8) {
      if (offset === position.offset) continue;
      expect(readWhole(bytes, 0, position.salt, offset), `at ${offset}`).toBeUndefined();
    }
  });

  it('is not read with a flipped bit anywhere', () => {
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = flipped(bytes, bit);
      expect(readWhole(damaged, 0, position.salt, position.offset), `bit ${bit}`).toBeUndefined();
      if (bit < 32 || bit >= frameHeaderBytes * 8) continue;
      const seed = frameSeed(position.salt, position.offset);
      expect(readFrameHeader(viewOf(damaged), 0, seed, newFrameHeader())).toBe(false);
    }
  });

  it('is read back with any content', () => {
    const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
    const header = fc.record({
      bodyBytes: uint32,
      batchNumber: uint32,
      kind: fc.integer({ min: 1, max: 7 }),
      flags: fc.integer({ min: 0, max: 255 }),
      index: fc.maxSafeNat(),
      term: fc.maxSafeNat(),
      groupLow: uint32,
      groupHigh: uint32,
    });
    const slot = fc.integer({ min: 1024, max: 2 ** 27 });
    fc.assert(
      fc.property(header, uint32, slot, slot, (fields, salt, here, there) => {
        const view = new DataView(new ArrayBuffer(frameHeaderBytes));
        writeFrameHeader(view, 0, frameSeed(salt, here * 8), fields);
        const read = newFrameHeader();
        expect(readFrameHeader(view, 0, frameSeed(salt, here * 8), read)).toBe(true);
        expect(read).toEqual({ ...fields, checksum: 0 });
        // A checksum matches by chance once in 2^32 runs, far more than there are.
        const moved = readFrameHeader(view, 0, frameSeed(salt, there * 8), newFrameHeader());
        expect(moved).toBe(here === there);
      }),
      { numRuns: 2000, seed: 1 },
    );
  });
});

describe('the seal', () => {
  const segment = { salt: 0xdead_beef, segmentBytes: 64 * 1024 };
  const runs = [
    { firstIndex: 11, offsets: [1152, 1160, 1165] },
    { firstIndex: 2 ** 40, offsets: [1400, 1500] },
  ];
  const ends = { framesEnd: 61_440, lastBatchNumber: 77, nextSalt: 0xfeed_face };
  const block = encodeSeal(segment, runs, ends);
  const trailer = block.subarray(-64);

  it('is the golden one', async () => {
    expect(toHex(block)).toBe(await goldenHex('seal.hex', block));
    expect(block).toHaveLength(sealBytes(2, 5));
  });

  it('is read back, and verifies its footer', () => {
    const seal = decodeTrailer(trailer, segment);
    expect(seal).toMatchObject({ ...ends, runCount: 2, footerBytes: block.length - 64 });
    if (seal === undefined) throw new Error('no seal');
    const footer = block.subarray(0, -64);
    expect(footerMatches(footer, seal)).toBe(true);
    for (let bit = 0; bit < footer.length * 8; bit += 1) {
      expect(footerMatches(flipped(footer, bit), seal)).toBe(false);
    }
  });

  it('is not read in another segment, or with a flipped bit anywhere', () => {
    expect(decodeTrailer(trailer, { ...segment, salt: 1 })).toBeUndefined();
    expect(decodeTrailer(trailer, { ...segment, segmentBytes: 128 * 1024 })).toBeUndefined();
    for (let bit = 0; bit < trailer.length * 8; bit += 1) {
      expect(decodeTrailer(flipped(trailer, bit), segment), `bit ${bit}`).toBeUndefined();
    }
  });
});
