/**
 * Reads entries from segments. The index keeps, for each entry, the position of the record before
 * it, because the checksum of an entry continues the checksum stored there. So every entry can be
 * verified by itself.
 */
import type { Entry } from '@babuza/raftpb';
import type { CorruptError } from '@babuza/wal-core';
import { invariant, type EntryReader, type PositionIndex } from '@babuza/wal-core/backend';
import {
  bytesToRead,
  damageWhenRead,
  ReadBuffers,
  readFailure,
  type SegmentList,
} from '@babuza/wal-files';
import { crc32c } from '../format/crc32c.ts';
import { newEntryNumbers, readEntryNumbers } from '../format/entry-numbers.ts';
import { newLengthField, readLengthField } from '../format/frame.ts';
import { lengthFieldBytes, recordOverheadBytes, RecordType } from '../format/layout.ts';
import { newRecord, parseRecord, readRecordChecksum } from '../format/record.ts';
import { whyNotReadable } from '../recovery/damage.ts';
import { startOfSegment, type EtcdSegment } from './segment.ts';

/** Bytes at the beginning of a record that contain its length field and its checksum. */
const headBytes: number = lengthFieldBytes + recordOverheadBytes;

/** A part of a file that is in memory. */
interface Window {
  readonly segment: EtcdSegment;
  readonly start: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export class EtcdEntryReader implements EntryReader {
  readonly #index: PositionIndex;
  readonly #segments: SegmentList<EtcdSegment>;
  readonly #groupId: bigint;
  readonly #buffers = new ReadBuffers();
  readonly #field = newLengthField();
  readonly #record = newRecord();
  readonly #entry = newEntryNumbers();

  constructor(index: PositionIndex, segments: SegmentList<EtcdSegment>, groupId: bigint) {
    this.#index = index;
    this.#segments = segments;
    this.#groupId = groupId;
  }

  read(lo: number, hi: number, maxBytes: number): Entry[] {
    const run = this.#index.runOf(lo);
    const segment = this.#segmentOf(run.segmentId);
    const single = hi === lo + 1;
    const end = Math.min(hi, run.lastIndex + 1);
    const position = run.offsetOf(lo);
    if (position === startOfSegment) return [this.readAt(run.segmentId, position, lo)];
    // The position of an entry is that of the record before it, so one more record has to be read.
    const length = bytesToRead(run, lo, end + 1, maxBytes);
    const window = this.#load(segment, position, length, single, lo);
    const entries: Entry[] = [];
    for (let index = lo; index < end; index += 1) {
      const entry = this.#decodeEntryAfter(window, run.offsetOf(index), index);
      if (entry === undefined) break;
      entries.push(entry);
    }
    const [first] = entries;
    // A single entry is always returned, even if it or the record before it is larger than the
    // read.
    if (first === undefined) return [this.readAt(run.segmentId, position, lo)];
    return single && first.data !== undefined
      ? [{ ...first, data: this.#buffers.copy(first.data) }]
      : entries;
  }

  /** Returns the entry after a position, even if the index does not have it any more. */
  readAt(segmentId: number, position: number, index: number): Entry {
    const segment = this.#segmentOf(segmentId);
    const { start, checksum } = this.#entryAfter(segment, position, index);
    const head = this.#load(segment, start, lengthFieldBytes, false, index);
    const length = this.#wholeLength(head, start, index);
    return this.#decoded(this.#load(segment, start, length, false, index), start, checksum, index);
  }

  #segmentOf(segmentId: number): EtcdSegment {
    const segment = this.#segments.get(segmentId);
    invariant(segment !== undefined, 'a segment of the index must be open', segmentId);
    return segment;
  }

  #load(
    segment: EtcdSegment,
    start: number,
    length: number,
    single: boolean,
    index: number,
  ): Window {
    const target = this.#buffers.target(length, single);
    let read: number;
    try {
      read = segment.file.readSync(target, start);
    } catch (error) {
      throw readFailure(error);
    }
    const bytes = target.subarray(0, read);
    if (read === 0)
      throw this.#damage(
        segment,
        start,
        index,
        'the file has become shorter since the log was opened',
      );
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return { segment, start, bytes, view };
  }

  /**
   * Returns the entry after the record at `position`, or `undefined` if one of both is not
   * completely in the window.
   */
  #decodeEntryAfter(window: Window, position: number, index: number): Entry | undefined {
    const length = this.#frameLength(window, position);
    if (length === undefined || !holds(window, position, length)) return undefined;
    this.#readRecord(window, position, index);
    return this.#entryAt(window, position + length, this.#record.crc, index);
  }

  /**
   * Reads the record at a position and returns the offset of the entry after it, and the checksum
   * that the entry continues.
   */
  #entryAfter(
    segment: EtcdSegment,
    position: number,
    index: number,
  ): { readonly start: number; readonly checksum: number } {
    if (position === startOfSegment) return { start: 0, checksum: segment.startChecksum };
    const head = this.#load(segment, position, headBytes, false, index);
    const length = this.#wholeLength(head, position, index);
    const checksum = readRecordChecksum(head.bytes, lengthFieldBytes, head.bytes.length);
    if (checksum === undefined) {
      // The record does not have the form that etcd writes, so it is read and parsed completely.
      const whole = this.#load(segment, position, length, false, index);
      this.#readRecord(whole, position, index);
    }
    return { start: position + length, checksum: checksum ?? this.#record.crc };
  }

  /**
   * Returns the length of the frame at `offset`, or `undefined` if its length field is not in the
   * window or is 0.
   */
  #frameLength(window: Window, offset: number): number | undefined {
    if (!holds(window, offset, lengthFieldBytes)) return undefined;
    const field = this.#field;
    if (!readLengthField(window.view, offset - window.start, field)) return undefined;
    return lengthFieldBytes + field.recordBytes + field.padding;
  }

  /**
   * Returns the length of a frame after checking that the file is long enough for it. A length
   * field that was damaged since the log was opened must not cause a huge allocation.
   */
  #wholeLength(window: Window, offset: number, index: number): number {
    const { segment } = window;
    const length = this.#frameLength(window, offset);
    if (length === undefined) throw this.#damage(segment, offset, index, 'there is no record');
    if (!Number.isSafeInteger(offset + length)) {
      throw this.#damage(segment, offset, index, 'the length field is larger than any file');
    }
    this.#load(segment, offset + length - 1, 1, true, index);
    return length;
  }

  /** Parses the record whose length field was read last. */
  #readRecord({ segment, start, bytes }: Window, offset: number, index: number): void {
    const at = offset - start + lengthFieldBytes;
    if (parseRecord(bytes, at, at + this.#field.recordBytes, this.#record)) return;
    throw this.#damage(segment, offset, index, 'the record is not a protobuf message');
  }

  #entryAt(window: Window, offset: number, checksum: number, index: number): Entry | undefined {
    const length = this.#frameLength(window, offset);
    if (length === undefined || !holds(window, offset, length)) return undefined;
    return this.#decoded(window, offset, checksum, index);
  }

  /** Decodes and verifies the entry whose length field was read last. */
  #decoded(window: Window, offset: number, checksum: number, index: number): Entry {
    this.#readRecord(window, offset, index);
    const { segment, bytes } = window;
    const record = this.#record;
    if (crc32c(checksum, bytes, record.dataStart, record.dataEnd) !== record.crc) {
      throw this.#damage(segment, offset, index, 'the checksum of the record is wrong');
    }
    const entry = this.#entry;
    try {
      readEntryNumbers(bytes, record.dataStart, record.dataEnd, entry);
    } catch (error) {
      throw this.#damage(
        segment,
        offset,
        index,
        `the record is not an entry: ${whyNotReadable(error)}`,
      );
    }
    if (record.type !== RecordType.Entry || entry.index !== index) {
      throw this.#damage(
        segment,
        offset,
        index,
        'the record is not the entry that the index has there',
      );
    }
    const { term, type, hasData, dataStart, dataEnd } = entry;
    return { index, term, type, data: hasData ? bytes.subarray(dataStart, dataEnd) : undefined };
  }

  #damage(segment: EtcdSegment, offset: number, index: number, what: string): CorruptError {
    return damageWhenRead(segment, offset, index, this.#groupId, what);
  }
}

function holds({ start, bytes }: Window, offset: number, length: number): boolean {
  return offset + length <= start + bytes.length;
}
