/**
 * Reads entries from segments on demand: where the index says, as many as are asked for with one read,
 * every one verified. What it returns belongs to the caller: a range is read into a buffer of its own, of
 * which the payloads are parts; a single entry is read into a buffer that is used again, and copied.
 */
import type { Entry, EntryType } from '@babuza/raftpb';
import {
  CorruptError,
  invariant,
  uninitializedBytes,
  type EntryReader,
  type PositionIndex,
  type SegmentRun,
} from '@babuza/wal-core';
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
import { readFailure } from '@babuza/wal-files';
import type { Segment, SegmentList } from './segment.ts';

/** The most that is read at a time, unless one entry is larger. */
const readBytesMax: number = 256 * 1024;

/** The buffer that stays, for single entries. */
const slabBytes: number = 64 * 1024;

/** Copies of single payloads share memory of this size; larger ones get their own. */
const arenaBytes: number = 64 * 1024;

/** What is read for an entry whose end the index does not tell. */
const guessBytes: number = 4 * 1024;

export class SegmentEntryReader implements EntryReader {
  readonly #index: PositionIndex;
  readonly #segments: SegmentList;
  readonly #groupId: bigint;
  readonly #words: ReturnType<typeof groupWords>;
  readonly #header = newFrameHeader();
  #slab: Uint8Array | undefined;
  /** Filled once from the front: what was handed out is never written again. */
  #arena: Uint8Array | undefined;
  #arenaUsed = 0;

  constructor(index: PositionIndex, segments: SegmentList, groupId: bigint) {
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
    const wanted = spanBytes(run, lo, hi, Math.min(readBytesMax, maxBytes + guessBytes));
    const length = Math.min(wanted, segment.header.segmentBytes - start);
    const single = hi === lo + 1;
    let target = this.#target(length, single);
    this.#fetch(segment, start, target, lo);
    const first = this.#frameLength(segment, target, start, lo);
    if (first > target.length) {
      target = this.#target(first, single);
      this.#fetch(segment, start, target, lo);
    }
    const entries = this.#parse(segment, run, target, start, lo, hi);
    const [only] = entries;
    return single && only?.data !== undefined
      ? [{ ...only, data: this.#copy(only.data) }]
      : entries;
  }

  #target(length: number, single: boolean): Uint8Array {
    if (!single || length > slabBytes) return uninitializedBytes(length);
    this.#slab ??= new Uint8Array(slabBytes);
    return this.#slab.subarray(0, length);
  }

  #copy(data: Uint8Array): Uint8Array {
    if (data.length >= arenaBytes / 4) return new Uint8Array(data);
    if (this.#arena === undefined || this.#arenaUsed + data.length > arenaBytes) {
      this.#arena = uninitializedBytes(arenaBytes);
      this.#arenaUsed = 0;
    }
    const start = this.#arenaUsed;
    this.#arenaUsed += data.length;
    this.#arena.set(data, start);
    return this.#arena.subarray(start, this.#arenaUsed);
  }

  #fetch(segment: Segment, offset: number, target: Uint8Array, index: number): void {
    let read: number;
    try {
      read = segment.file.readSync(target, offset);
    } catch (error) {
      throw readFailure(error);
    }
    if (read < target.length) {
      throw this.#damage(segment, offset, index, 'the file is shorter than it was');
    }
  }

  /** The bytes of the first frame, whose header is verified here. */
  #frameLength(segment: Segment, bytes: Uint8Array, offset: number, index: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const seed = frameSeed(segment.header.salt, offset);
    if (!readFrameHeader(view, 0, seed, this.#header)) {
      throw this.#damage(segment, offset, index, 'no valid frame header');
    }
    const length = frameBytes(this.#header.bodyBytes);
    if (offset + length > segment.header.segmentBytes) {
      throw this.#damage(segment, offset, index, 'a frame that is longer than the file');
    }
    return length;
  }

  /** All whole entries in `bytes`; the first one is whole. */
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
        throw this.#damage(segment, offset, index, 'no valid frame header');
      }
      if (at + frameBytes(header.bodyBytes) > bytes.length) break;
      if (frameChecksum(bytes, at, seed, header.bodyBytes) !== header.checksum) {
        throw this.#damage(segment, offset, index, 'a frame with a wrong checksum');
      }
      if (
        header.kind !== FrameKind.Entry ||
        header.index !== index ||
        header.groupLow !== this.#words.groupLow ||
        header.groupHigh !== this.#words.groupHigh
      ) {
        throw this.#damage(segment, offset, index, 'another frame than the index says');
      }
      const bodyAt = at + frameHeaderBytes;
      entries.push(entryOf(header, bytes, bodyAt));
    }
    return entries;
  }

  #damage(segment: Segment, offset: number, index: number, what: string): CorruptError {
    return new CorruptError(what, {
      groupId: this.#groupId,
      file: segment.path,
      offset,
      firstIndex: index,
      lastIndex: index,
      verdict: 'corrupt-read',
    });
  }
}

/** From the first entry to the end of the last one that starts within `limit`. */
function spanBytes(run: SegmentRun, lo: number, hi: number, limit: number): number {
  const start = run.offsetOf(lo);
  const last = Math.min(hi - 1, run.lastIndex);
  let index = lo;
  while (index < last && run.offsetOf(index + 1) - start < limit) index += 1;
  const end = index < run.lastIndex ? run.offsetOf(index + 1) - start : undefined;
  if (end !== undefined && end <= readBytesMax) return end;
  return Math.min(run.offsetOf(index) - start + guessBytes, readBytesMax);
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
