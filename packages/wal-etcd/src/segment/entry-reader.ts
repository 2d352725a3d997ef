/**
 * Reads entries from segments on demand. The position of an entry is that of the record before it, because its
 * checksum goes on from that record's: so every entry that is read is verified, however it was found.
 */
import { RaftpbDecodeError, type Entry } from '@babuza/raftpb';
import {
  invariant,
  type CorruptError,
  type EntryReader,
  type PositionIndex,
} from '@babuza/wal-core';
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
import { startOfSegment, type EtcdSegment } from './segment.ts';

/** What is read of a record that only lends its checksum: its length field and what comes before its data. */
const headBytes: number = lengthFieldBytes + 2 * recordOverheadBytes;

/** A part of a file in memory. */
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
  /** Of the record that was looked at last. */
  #checksum = 0;

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
    // One more: the positions are those of the records before.
    const length = bytesToRead(run, lo, end + 1, maxBytes);
    const window = this.#load(segment, startOf(position), length, single, lo);
    const entries: Entry[] = [];
    for (let index = lo; index < end; index += 1) {
      const entry = this.#entryBehind(window, run.offsetOf(index), index);
      if (entry === undefined) break;
      entries.push(entry);
    }
    // The first one is read whatever its size, or that of the record before it.
    if (entries.length === 0) return [this.readAt(run.segmentId, position, lo)];
    const [only] = entries;
    return single && only?.data !== undefined
      ? [{ ...only, data: this.#buffers.copy(only.data) }]
      : entries;
  }

  /** The entry at a position: also one that the index does not have any more. */
  readAt(segmentId: number, position: number, index: number): Entry {
    const segment = this.#segmentOf(segmentId);
    const start = this.#placeBehind(segment, position, index);
    let window = this.#load(segment, start, lengthFieldBytes, false, index);
    const length = this.#frameLength(window, start);
    if (length === undefined) throw this.#damage(segment, start, index, 'no record');
    window = this.#load(segment, start, length, false, index);
    const entry = this.#entryAt(window, start, index);
    if (entry === undefined) {
      throw this.#damage(segment, start, index, 'the file is shorter than it was');
    }
    return entry;
  }

  #segmentOf(segmentId: number): EtcdSegment {
    const segment = this.#segments.get(segmentId);
    invariant(segment !== undefined, 'an indexed segment is open', segmentId);
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
    if (read === 0) throw this.#damage(segment, start, index, 'the file is shorter than it was');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return { segment, start, bytes, view };
  }

  /** The entry behind the record at `position`; `undefined` where not all of both is in the window. */
  #entryBehind(window: Window, position: number, index: number): Entry | undefined {
    if (position === startOfSegment) {
      this.#checksum = window.segment.startChecksum;
      return this.#entryAt(window, 0, index);
    }
    const length = this.#frameLength(window, position);
    if (length === undefined || !holds(window, position, length)) return undefined;
    this.#readRecord(window, position, index);
    this.#checksum = this.#record.crc;
    return this.#entryAt(window, position + length, index);
  }

  /** Where the entry behind a position is, with a read of its own; the checksum is known afterwards. */
  #placeBehind(segment: EtcdSegment, position: number, index: number): number {
    if (position === startOfSegment) {
      this.#checksum = segment.startChecksum;
      return 0;
    }
    const head = this.#load(segment, position, headBytes, false, index);
    const length = this.#frameLength(head, position);
    if (length === undefined) throw this.#damage(segment, position, index, 'no record');
    const checksum = readRecordChecksum(head.bytes, lengthFieldBytes, head.bytes.length);
    if (checksum === undefined) {
      // Not the form that etcd writes: all of it must be looked at.
      const whole = this.#load(segment, position, length, false, index);
      this.#readRecord(whole, position, index);
    }
    this.#checksum = checksum ?? this.#record.crc;
    return position + length;
  }

  /** What the frame at `offset` takes; `undefined` where its length field is not in the window, or 0. */
  #frameLength(window: Window, offset: number): number | undefined {
    if (!holds(window, offset, lengthFieldBytes)) return undefined;
    const field = this.#field;
    if (!readLengthField(window.view, offset - window.start, field)) return undefined;
    return lengthFieldBytes + field.recordBytes + field.padding;
  }

  /** Parses the record whose length field was read last. */
  #readRecord({ segment, start, bytes }: Window, offset: number, index: number): void {
    const at = offset - start + lengthFieldBytes;
    if (parseRecord(bytes, at, at + this.#field.recordBytes, this.#record)) return;
    throw this.#damage(segment, offset, index, 'a record that is no protobuf message');
  }

  #entryAt(window: Window, offset: number, index: number): Entry | undefined {
    const length = this.#frameLength(window, offset);
    if (length === undefined || !holds(window, offset, length)) return undefined;
    this.#readRecord(window, offset, index);
    const { segment, bytes } = window;
    const record = this.#record;
    if (crc32c(this.#checksum, bytes, record.dataStart, record.dataEnd) !== record.crc) {
      throw this.#damage(segment, offset, index, 'a record with a wrong checksum');
    }
    const entry = this.#entry;
    try {
      readEntryNumbers(bytes, record.dataStart, record.dataEnd, entry);
    } catch (error) {
      if (!(error instanceof RaftpbDecodeError)) throw error;
      throw this.#damage(segment, offset, index, `no entry: ${error.message}`);
    }
    if (record.type !== RecordType.Entry || entry.index !== index) {
      throw this.#damage(segment, offset, index, 'another record than the index says');
    }
    const { term, type, hasData, dataStart, dataEnd } = entry;
    return { index, term, type, data: hasData ? bytes.subarray(dataStart, dataEnd) : undefined };
  }

  #damage(segment: EtcdSegment, offset: number, index: number, what: string): CorruptError {
    return damageWhenRead(segment, offset, index, this.#groupId, what);
  }
}

function startOf(position: number): number {
  return position === startOfSegment ? 0 : position;
}

function holds({ start, bytes }: Window, offset: number, length: number): boolean {
  return offset >= start && offset + length <= start + bytes.length;
}
