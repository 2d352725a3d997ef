/**
 * Memory for reading entries from files. A payload that was returned belongs to the caller and is
 * never overwritten. A range of entries is read into a new buffer, and the payloads are views of
 * it. A single entry is read into a reused buffer, and its payload is copied.
 */
import { CorruptError } from '@babuza/wal-core';
import { uninitializedBytes, type SegmentRun } from '@babuza/wal-core/backend';
import { readFailure } from './disk-errors.ts';
import type { SegmentFile } from './segment-list.ts';

/** The most bytes of one read, unless a single entry is larger. */
const readBytesMax: number = 256 * 1024;

/** The size of the reused buffer for single entries. */
const slabBytes: number = 64 * 1024;

/**
 * Copies of small payloads share memory of this size. A payload from a quarter of it on gets memory
 * of its own.
 */
const arenaBytes: number = 64 * 1024;

/** The bytes that are read for an entry whose end is not in the index. */
const guessBytes: number = 4 * 1024;

export class ReadBuffers {
  #slab: Uint8Array | undefined;
  /** Memory for copies, filled from the front and never reused. */
  #arena: Uint8Array | undefined;
  #arenaUsed = 0;

  /** A buffer for a read of `length` bytes. With `reused` it is valid until the next call. */
  target(length: number, reused: boolean): Uint8Array {
    if (!reused || length > slabBytes) return uninitializedBytes(length);
    this.#slab ??= new Uint8Array(slabBytes);
    return this.#slab.subarray(0, length);
  }

  copy(data: Uint8Array): Uint8Array {
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
}

/**
 * How many bytes to read for the entries from `lo` to below `hi`: up to the end of the last one
 * that starts within `maxBytes`, or a guess if that end is not in the index.
 */
export function bytesToRead(run: SegmentRun, lo: number, hi: number, maxBytes: number): number {
  const limit = Math.min(readBytesMax, maxBytes + guessBytes);
  const start = run.offsetOf(lo);
  const last = Math.min(hi - 1, run.lastIndex);
  let index = lo;
  while (index < last && run.offsetOf(index + 1) - start < limit) index += 1;
  const end = index < run.lastIndex ? run.offsetOf(index + 1) - start : undefined;
  if (end !== undefined && end <= readBytesMax) return end;
  return Math.min(run.offsetOf(index) - start + guessBytes, readBytesMax);
}

/**
 * Fills `target` from a segment at `offset`, for the entry at `index`. Throws if the file is too
 * short.
 */
export function readSegment(
  segment: SegmentFile,
  offset: number,
  target: Uint8Array,
  index: number,
  groupId: bigint,
): void {
  let read: number;
  try {
    read = segment.file.readSync(target, offset);
  } catch (error) {
    throw readFailure(error);
  }
  if (read < target.length) {
    throw damageWhenRead(segment, offset, index, groupId, 'the file is shorter than it was');
  }
}

/**
 * The error for an entry that was intact when it was written or the log was opened, and now is not.
 */
export function damageWhenRead(
  segment: SegmentFile,
  offset: number,
  index: number,
  groupId: bigint,
  what: string,
): CorruptError {
  return new CorruptError(what, {
    groupId,
    file: segment.path,
    offset,
    firstIndex: index,
    lastIndex: index,
    verdict: 'corrupt-read',
  });
}
