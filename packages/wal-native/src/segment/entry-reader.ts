/**
 * Reads entries from segments at the offsets in the index. One read fetches as many entries as
 * requested, and every entry is verified.
 */
import type { Entry, EntryType } from '@babuza/raftpb';
import type { CorruptError } from '@babuza/wal-core';
import {
  invariant,
  type EntryReader,
  type PositionIndex,
  type SegmentRun,
} from '@babuza/wal-core/backend';
import { frameSeed } from '../format/checksum.ts';
import {
  entryHasData,
  entryTypeMask,
  frameBytes,
  frameChecksum,
  FrameKind,
  groupWords,
  newFrameHeader,
  readFrameHeader,
} from '../format/frame.ts';
import { frameHeaderBytes } from '../format/layout.ts';
import {
  bytesToRead,
  damageWhenRead,
  ReadBuffers,
  readSegment,
  type SegmentList,
} from '@babuza/wal-files';
import type { Segment } from './segment.ts';

export class SegmentEntryReader implements EntryReader {
  readonly #index: PositionIndex;
  readonly #segments: SegmentList<Segment>;
  readonly #groupId: bigint;
  readonly #words: ReturnType<typeof groupWords>;
  readonly #header = newFrameHeader();
  readonly #buffers = new ReadBuffers();

  constructor(index: PositionIndex, segments: SegmentList<Segment>, groupId: bigint) {
    this.#index = index;
    this.#segments = segments;
    this.#groupId = groupId;
    this.#words = groupWords(groupId);
  }

  read(lo: number, hi: number, maxBytes: number): Entry[] {
    const run = this.#index.runOf(lo);
    const segment = this.#segments.get(run.segmentId);
    invariant(segment !== undefined, 'an indexed segment is open', run.segmentId);
    const start = run.offsetOf(lo);
    const wanted = bytesToRead(run, lo, hi, maxBytes);
    const length = Math.min(wanted, segment.header.segmentBytes - start);
    const single = hi === lo + 1;
    let target = this.#buffers.target(length, single);
    readSegment(segment, start, target, lo, this.#groupId);
    const first = this.#frameLength(segment, target, start, lo);
    if (first > target.length) {
      target = this.#buffers.target(first, single);
      readSegment(segment, start, target, lo, this.#groupId);
    }
    const entries = this.#parse(segment, run, target, start, lo, hi);
    const [only] = entries;
    return single && only?.data !== undefined
      ? [{ ...only, data: this.#buffers.copy(only.data) }]
      : entries;
  }

  /** Verifies the header of the first frame and returns the length of the frame. */
  #frameLength(segment: Segment, bytes: Uint8Array, offset: number, index: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const seed = frameSeed(segment.header.salt, offset);
    if (!readFrameHeader(view, 0, seed, this.#header)) {
      throw this.#damage(segment, offset, index, 'the frame header is not valid');
    }
    const length = frameBytes(this.#header.bodyBytes);
    if (offset + length > segment.header.segmentBytes) {
      throw this.#damage(segment, offset, index, 'the frame is longer than the file');
    }
    return length;
  }

  /** Decodes all complete entries in `bytes`; the first one is always complete. */
  #parse(
    segment: Segment,
    run: SegmentRun,
    bytes: Uint8Array,
    start: number,
    lo: number,
    hi: number,
  ): Entry[] {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const header = this.#header;
    const end = Math.min(hi, run.lastIndex + 1);
    const entries: Entry[] = [];
    for (let index = lo; index < end; index += 1) {
      const offset = run.offsetOf(index);
      const at = offset - start;
      if (at + frameHeaderBytes > bytes.length) break;
      const seed = frameSeed(segment.header.salt, offset);
      if (!readFrameHeader(view, at, seed, header)) {
        throw this.#damage(segment, offset, index, 'the frame header is not valid');
      }
      if (at + frameBytes(header.bodyBytes) > bytes.length) break;
      if (frameChecksum(bytes, at, seed, header.bodyBytes) !== header.checksum) {
        throw this.#damage(segment, offset, index, 'the frame has a wrong checksum');
      }
      if (
        header.kind !== FrameKind.Entry ||
        header.index !== index ||
        header.groupLow !== this.#words.groupLow ||
        header.groupHigh !== this.#words.groupHigh
      ) {
        throw this.#damage(
          segment,
          offset,
          index,
          'the frame is not the one that the index expects',
        );
      }
      const bodyAt = at + frameHeaderBytes;
      entries.push(entryOf(header, bytes, bodyAt));
    }
    return entries;
  }

  #damage(segment: Segment, offset: number, index: number, what: string): CorruptError {
    return damageWhenRead(segment, offset, index, this.#groupId, what);
  }
}

function entryOf(
  header: { index: number; term: number; flags: number; bodyBytes: number },
  bytes: Uint8Array,
  bodyAt: number,
): Entry {
  const type = (header.flags & entryTypeMask) as EntryType;
  return {
    index: header.index,
    term: header.term,
    type,
    data:
      (header.flags & entryHasData) === 0
        ? undefined
        : bytes.subarray(bodyAt, bodyAt + header.bodyBytes),
  };
}
