/**
 * Memory for reading entries from files. What is handed out belongs to the caller and is never
 * written again: a range is read into a buffer of its own, of which the payloads are parts; a
 * single entry is read into a buffer that is used again, and its payload copied.
 */
import { CorruptError, uninitializedBytes, type SegmentRun } from '@babuza/wal-core';
import { readFailure } from './disk-errors.ts';
import type { SegmentFile } from './segment-list.ts';

/** The most that is read at a time, unless one entry is larger. */
const readBytesMax: number = 256 * 1024;

/** The buffer that stays, for single entries. */
const slabBytes: number = 64 * 1024;

/** Copies of single payloads share memory of this size; larger ones get their own. */
const arenaBytes: number = 64 * 1024;

/** What is read for an entry whose end the index does not tell. */
const guessBytes: number = 4 * 1024;

export class ReadBuffers {
  #slab: Uint8Array | undefined;
  /** Filled once from the front. */
  #arena: Uint8Array | undefined;
  #arenaUsed = 0;

  /** Where `length` bytes are read to. With `reused` it is valid until the next call. */
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
 * How many bytes are worth reading for the entries from `lo` on, below `hi`: to the end of the last
 * one that starts within `maxBytes`, or a guess where the index does not tell that end.
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

/** Fills `target` from a segment that has so many bytes, for the entry at `index`. */
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

/** An entry that was right when the log was opened, or written, is not any more. */
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
