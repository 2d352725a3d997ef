/**
 * Entries are read at the offsets in the index, and a frame that is not the expected entry is
 * refused.
 */
import { describe, expect, it } from 'vitest';
import { InvariantError, PositionIndex } from '@babuza/wal-core/backend';
import { SegmentList } from '@babuza/wal-files';
import { segmentName } from '../src/format/segment-name.ts';
import { SegmentEntryReader } from '../src/segment/entry-reader.ts';
import { openSegment } from '../src/segment/open-segment.ts';
import {
  CraftedSegment,
  directory,
  diskOf,
  entry,
  firstHead,
  groupId,
  tail,
  type CraftedFrame,
} from './support/crafted-log.ts';

async function readerOf(
  crafted: CraftedSegment,
  positions: readonly (readonly [index: number, offset: number])[],
): Promise<SegmentEntryReader> {
  const { salt, segmentId } = crafted.header;
  const disk = diskOf([crafted]);
  const name = segmentName(segmentId, salt);
  const { segment } = await openSegment(disk, directory, name, groupId, 'read');
  const index = new PositionIndex(0, 0);
  for (const [at, offset] of positions) index.append(at, 1, segmentId, offset);
  return new SegmentEntryReader(index, new SegmentList([segment]), groupId);
}

/** A reader of these frames, with an index that takes them for entries from 1 on. */
function readerOfFrames(...frames: readonly CraftedFrame[]): Promise<SegmentEntryReader> {
  const segment = new CraftedSegment(firstHead, { segmentBytes: 32 * 1024 });
  segment.batch(frames);
  const offsets = segment.offsets.slice(4, 4 + frames.length);
  return readerOf(
    segment,
    offsets.map((offset, at) => [at + 1, offset]),
  );
}

const indexesOf = (reader: SegmentEntryReader, lo: number, hi: number, bytes: number): number[] =>
  reader.read(lo, hi, bytes).map(({ index }) => index);

describe('entries of a segment', () => {
  it('are read one by one and together, whatever their payload', async () => {
    const nothing = { ...entry(3), flags: 0, body: new Uint8Array(0) };
    const empty = entry(4, 1, 0);
    const reader = await readerOfFrames(entry(1), entry(2, 1, 10_000), nothing, empty, entry(5));
    const all = [entry(1), entry(2, 1, 10_000), nothing, empty, entry(5)].map(
      ({ index, flags, body }) => ({
        index,
        term: 1,
        type: 0,
        data: flags === 0 ? undefined : body,
      }),
    );
    for (const [at, each] of all.entries()) {
      expect(reader.read(at + 1, at + 2, Infinity)).toEqual([each]);
      expect(reader.read(at + 1, 6, Infinity)).toEqual(all.slice(at));
    }
  });

  it('are returned as far as they are complete in one read', async () => {
    const reader = await readerOfFrames(entry(1), entry(2, 1, 10_000), entry(3));
    expect(indexesOf(reader, 1, 4, 0)).toEqual([1, 2]);
    const open = await readerOfFrames(entry(1), entry(2, 1, 5000));
    expect(indexesOf(open, 1, 3, Infinity)).toEqual([1]);
    expect(indexesOf(open, 2, 3, Infinity)).toEqual([2]);
  });

  it('may end at the end of the file', async () => {
    const segment = new CraftedSegment(firstHead);
    segment.end = segment.bytes.length - 40 - 104;
    segment.batch([entry(1)], { missing: true });
    const reader = await readerOf(segment, [[1, segment.bytes.length - 40 - 104]]);
    expect(indexesOf(reader, 1, 2, Infinity)).toEqual([1]);
  });

  it('are read up to the last one of their segment', async () => {
    const crafted = new CraftedSegment(firstHead).batch([entry(1), entry(2)]);
    const { salt, segmentId } = crafted.header;
    const name = segmentName(segmentId, salt);
    const { segment } = await openSegment(diskOf([crafted]), directory, name, groupId, 'read');
    const index = new PositionIndex(0, 0);
    for (const at of [1, 2]) index.append(at, 1, segmentId, crafted.offsets[3 + at] ?? 0);
    index.append(3, 1, segmentId + 1, 8192);
    const reader = new SegmentEntryReader(index, new SegmentList([segment]), groupId);
    expect(indexesOf(reader, 1, 4, Infinity)).toEqual([1, 2]);
  });

  it('must be in an open segment; anything else is a bug', () => {
    const index = new PositionIndex(0, 0);
    index.append(1, 1, 1, 8192);
    const reader = new SegmentEntryReader(index, new SegmentList([]), groupId);
    expect(() => reader.read(1, 2, Infinity)).toThrow(InvariantError);
  });
});

describe('an entry that is damaged', () => {
  it.each([
    ['its header', 9, 'the frame header is not valid'],
    ['its payload', 50, 'the frame has a wrong checksum'],
  ])('is detected by %s, whether it is read alone or after another', async (_, byte, what) => {
    const segment = new CraftedSegment(firstHead).batch([entry(1), entry(2)]);
    const [first = 0, second = 0] = segment.offsets.slice(4);
    segment.bytes[second + byte] = (segment.bytes[second + byte] ?? 0) ^ 1;
    const positions = [first, second].map((offset, at) => [at + 1, offset] as const);
    const reader = await readerOf(segment, positions);
    expect(indexesOf(reader, 1, 2, Infinity)).toEqual([1]);
    for (const lo of [1, 2]) {
      expect(() => reader.read(lo, 3, Infinity)).toThrow(
        expect.objectContaining({ firstIndex: 2, message: expect.stringContaining(what) }),
      );
    }
  });

  it('is detected by its own header, not by that of the entry before', async () => {
    const segment = new CraftedSegment(firstHead).batch([entry(1, 1, 5000)]);
    const last = segment.bytes.length - 40 - 104;
    segment.end = last;
    segment.batch([entry(2)], { missing: true });
    segment.bytes[last + 9] = 1;
    const reader = await readerOf(segment, [
      [1, segment.offsets[4] ?? 0],
      [2, last],
    ]);
    expect(indexesOf(reader, 1, 2, Infinity)).toEqual([1]);
    expect(() => reader.read(2, 3, Infinity)).toThrow('the frame header is not valid');
  });
});

describe('a frame that is not the entry of the index', () => {
  const otherFrame = 'the frame is not the one that the index expects';
  const longer = 'the frame is longer than the file';
  const cases: readonly [string, CraftedFrame, string][] = [
    ['is of another kind', tail(2), otherFrame],
    ['is of another entry', entry(3), otherFrame],
    ['is of another group', { ...entry(2), groupId: groupId + 1n }, otherFrame],
    ['is of a group 2^32 above', { ...entry(2), groupId: groupId + 2n ** 32n }, otherFrame],
    ['has a length beyond the end of the file', { ...entry(2), bodyBytes: 2 ** 32 - 1 }, longer],
  ];
  it.each(cases)('is damage if it %s', async (_, frame, what) => {
    const reader = await readerOfFrames(entry(1), frame, entry(3));
    for (const lo of what === longer ? [2] : [1, 2]) {
      expect(() => reader.read(lo, 3, Infinity)).toThrow(
        expect.objectContaining({
          code: 'WAL_CORRUPT',
          verdict: 'corrupt-read',
          firstIndex: 2,
          lastIndex: 2,
          message: expect.stringContaining(what),
        }),
      );
    }
  });
});
