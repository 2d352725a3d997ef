/** Reads the records of a segment without checking anything, not even their checksums. */
import { readLengthField } from '../../src/format/frame.ts';
import { newRecord, parseRecord, type ParsedRecord } from '../../src/format/record.ts';

export interface PlacedRecord extends ParsedRecord {
  /** The offset of the frame. */
  readonly offset: number;
  readonly recordBytes: number;
  readonly padding: number;
  /** The record is not a message, or is longer than the file. */
  readonly isBad: boolean;
}

/**
 * Returns all records up to a length field of 0, the end of the file, or an invalid record, which
 * is included.
 */
export function recordsIn(bytes: Uint8Array): PlacedRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const field = { recordBytes: 0, padding: 0 };
  const records: PlacedRecord[] = [];
  for (let offset = 0; offset + 8 <= bytes.length && readLengthField(view, offset, field);) {
    const { recordBytes, padding } = field;
    const start = offset + 8;
    const end = start + recordBytes;
    const record = newRecord();
    const isBad =
      end + padding > bytes.length ||
      !(parseRecord(bytes, start, end, record) || isZeroRecord(bytes, start, end));
    records.push({ ...record, offset, recordBytes, padding, isBad });
    if (isBad) break;
    offset = end + padding;
  }
  return records;
}

/**
 * The reader that made the fixtures accepts pairs of zeros as fields with the number 0, which
 * protobuf does not have.
 */
function isZeroRecord(bytes: Uint8Array, start: number, end: number): boolean {
  return (end - start) % 2 === 0 && bytes.subarray(start, end).every((byte) => byte === 0);
}
