/**
 * Reads the records of one segment in order, with the rules of etcd's decoder for the end of a
 * segment, an unexpected end and damage. It changes nothing and keeps no records.
 *
 * Source: etcd `server/storage/wal/decoder.go`, `decodeRecord`, as of etcd 3.7.
 */
import type { File } from '@babuza/vfs';
import { ScanWindow } from '@babuza/wal-files';
import { crc32c } from '../format/crc32c.ts';
import { newLengthField, readLengthField } from '../format/frame.ts';
import { lengthFieldBytes, RecordType } from '../format/layout.ts';
import { newRecord, parseRecord, type ParsedRecord } from '../format/record.ts';
import { startOfSegment } from '../segment/segment.ts';
import { isTornRecord } from './torn-record.ts';

/** A record, valid until the next one is read. */
export interface ScannedRecord extends ParsedRecord {
  /** The bytes that `dataStart` and `dataEnd` are offsets in. */
  bytes: Uint8Array;
  /** The offset of the frame in the file, and that of the frame before it in the same file. */
  offset: number;
  previousOffset: number;
}

/** The reason why the scan of a segment ended. */
export type ScanEnd =
  /** The file ends here, or a length field is 0. */
  | 'end'
  /** A record is incomplete (etcd: `ErrUnexpectedEOF`). */
  | 'unexpected-end'
  /** A record has a zeroed sector, so its write was interrupted (etcd: `ErrUnexpectedEOF`). */
  | 'torn'
  /** The checksum of a record is wrong (etcd: `ErrCRCMismatch`). */
  | 'checksum'
  /** A record is not a protobuf message. */
  | 'no-message'
  /** `onRecord` refused the last record, which does not count as read. */
  | 'stopped';

export interface SegmentScan {
  readonly end: ScanEnd;
  /** The end of the last accepted record. */
  readonly validEnd: number;
  readonly checksum: number;
  /** The offset of the last accepted record; `startOfSegment` if there is no record. */
  readonly lastOffset: number;
  readonly fileBytes: number;
  /** The length of the torn record; 0 if no record is torn. */
  readonly tornBytes: number;
}

/** The parameters of a scan. */
export interface ScanStart {
  readonly file: File;
  /** The checksum of the record before; 0 for the first segment that is read. */
  readonly checksum: number;
  /**
   * Whether this is the last segment of the log. Only the last one can have an interrupted write.
   */
  readonly isLast: boolean;
}

/** Scans the segment. `onRecord` returns false to stop the scan. */
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

  /** Reads the next record. Returns a number if that many bytes have to be loaded first. */
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

  /** The length of the frame whose length field was read last. */
  get #frameBytes(): number {
    return lengthFieldBytes + this.#field.recordBytes + this.#field.padding;
  }

  /**
   * Whether the record that was read last is torn. It lies at `start` to `end` of the window,
   * including padding.
   */
  #isTorn(start: number, end: number): boolean {
    const record = this.#window.bytes.subarray(start, end);
    return this.#isLast && isTornRecord(record, this.#offset + lengthFieldBytes);
  }
}
