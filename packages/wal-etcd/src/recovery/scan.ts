/**
 * Reads the records of one segment in order, as etcd's decoder does: what ends a segment, what is
 * an unexpected end, what is damage. It changes nothing and keeps nothing.
 *
 * Source: etcd 3.7 `server/storage/wal/decoder.go`, `decodeRecord`.
 */
import type { File } from '@babuza/vfs';
import { ScanWindow } from '@babuza/wal-files';
import { crc32c } from '../format/crc32c.ts';
import { newLengthField, readLengthField } from '../format/frame.ts';
import { lengthFieldBytes, RecordType } from '../format/layout.ts';
import { newRecord, parseRecord, type ParsedRecord } from '../format/record.ts';
import { startOfSegment } from '../segment/segment.ts';
import { isTornRecord } from './torn-record.ts';

/** A record on its way: valid until the next one. */
export interface ScannedRecord extends ParsedRecord {
  /** What `dataStart` and `dataEnd` are offsets of. */
  bytes: Uint8Array;
  /** Where the frame is in the file, and that of the record before it in the same file. */
  offset: number;
  previousOffset: number;
}

/** Why a scan of a segment ended. */
export type ScanEnd =
  /** The file ends here, or a length field of 0 says so. */
  | 'end'
  /** A record that is not all there (etcd: `ErrUnexpectedEOF`). */
  | 'unexpected-end'
  /** The same, and by the rule of sectors an interrupted write. */
  | 'torn'
  /** etcd: `ErrCRCMismatch`. */
  | 'checksum'
  /** The record is no protobuf message. */
  | 'no-message'
  /** `onRecord` did not want the last record: it does not count. */
  | 'stopped';

export interface SegmentScan {
  readonly end: ScanEnd;
  /** Where the last accepted record ends. */
  readonly validEnd: number;
  readonly checksum: number;
  /** The last accepted record; `startOfSegment` where there is none. */
  readonly lastOffset: number;
  readonly fileBytes: number;
  /** What the record takes that is torn; 0 where none is. */
  readonly tornBytes: number;
}

/** What a scan starts with. */
export interface ScanStart {
  readonly file: File;
  /** Of the record before; 0 for the first segment that is read. */
  readonly checksum: number;
  /** Only in the last segment of a log there are interrupted writes. */
  readonly isLast: boolean;
}

/** Scans until something ends it. `onRecord` returns false to stop. */
export async function scanSegment(
  start: ScanStart,
  onRecord: (record: ScannedRecord) => boolean,
): Promise<SegmentScan> {
  const fileBytes = await start.file.size();
  const window = new ScanWindow(start.file, fileBytes);
  try {
    return await new RecordScan(window, fileBytes, start).run(onRecord);
  } finally {
    await window.close();
  }
}

class RecordScan {
  readonly #window: ScanWindow;
  readonly #fileBytes: number;
  readonly #isLast: boolean;
  readonly #field = newLengthField();
  readonly #record: ScannedRecord = {
    ...newRecord(),
    bytes: new Uint8Array(),
    offset: startOfSegment,
    previousOffset: startOfSegment,
  };
  #offset = 0;
  #lastOffset: number = startOfSegment;
  #checksum: number;

  constructor(window: ScanWindow, fileBytes: number, { checksum, isLast }: ScanStart) {
    this.#window = window;
    this.#fileBytes = fileBytes;
    this.#checksum = checksum;
    this.#isLast = isLast;
  }

  async run(onRecord: (record: ScannedRecord) => boolean): Promise<SegmentScan> {
    for (;;) {
      const checksumBefore = this.#checksum;
      let step = this.#step();
      while (typeof step === 'number') {
        step = (await this.#window.load(this.#offset, step)) ? this.#step() : 'unexpected-end';
      }
      if (step !== 'record') return this.#ended(step);
      const { offset } = this.#record;
      if (!onRecord(this.#record)) {
        this.#offset = offset;
        this.#checksum = checksumBefore;
        return this.#ended('stopped');
      }
      this.#lastOffset = offset;
    }
  }

  #ended(end: ScanEnd): SegmentScan {
    return {
      end,
      validEnd: this.#offset,
      checksum: this.#checksum,
      lastOffset: this.#lastOffset,
      fileBytes: this.#fileBytes,
      tornBytes: end === 'torn' ? this.#frameBytes : 0,
    };
  }

  /** Takes in the next record. Answers with a number when so many bytes have to be loaded first. */
  #step(): 'record' | ScanEnd | number {
    if (this.#offset === this.#fileBytes) return 'end';
    const window = this.#window;
    if (!window.has(this.#offset, lengthFieldBytes)) return lengthFieldBytes;
    const at = this.#offset - window.start;
    const field = this.#field;
    if (!readLengthField(window.view, at, field)) return 'end';
    const bytes = this.#frameBytes;
    if (!window.has(this.#offset, bytes)) return bytes;
    const start = at + lengthFieldBytes;
    const recordEnd = start + field.recordBytes;
    const record = this.#record;
    const whole = window.bytes;
    if (!parseRecord(whole, start, recordEnd, record)) {
      return this.#isTorn(start, at + bytes) ? 'torn' : 'no-message';
    }
    if (record.type === RecordType.Crc) {
      if (this.#checksum !== 0 && this.#checksum !== record.crc) return 'checksum';
      this.#checksum = record.crc;
    } else {
      const checksum = crc32c(this.#checksum, whole, record.dataStart, record.dataEnd);
      if (checksum !== record.crc) {
        return this.#isTorn(start, at + bytes) ? 'torn' : 'checksum';
      }
      this.#checksum = checksum;
    }
    record.bytes = whole;
    record.offset = this.#offset;
    record.previousOffset = this.#lastOffset;
    this.#offset += bytes;
    return 'record';
  }

  /** What the frame takes whose length field was read last. */
  get #frameBytes(): number {
    return lengthFieldBytes + this.#field.recordBytes + this.#field.padding;
  }

  /** The record that was read last, with its padding, lies there in the window. */
  #isTorn(start: number, end: number): boolean {
    const record = this.#window.bytes.subarray(start, end);
    return this.#isLast && isTornRecord(record, this.#offset + lengthFieldBytes);
  }
}
