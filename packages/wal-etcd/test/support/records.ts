/** The records of a segment as they lie there: nothing is judged, and no checksum is looked at. */
import { readLengthField } from '../../src/format/frame.ts';
import { newRecord, parseRecord, type ParsedRecord } from '../../src/format/record.ts';

export interface PlacedRecord extends ParsedRecord {
  /** Of the frame. */
  readonly offset: number;
  readonly recordBytes: number;
  readonly padding: number;
  /** It is no message, or longer than the file. */
  readonly isBad: boolean;
}

/**
 * All records up to a length field of 0, the end of the file, or one that is bad, which is
 * included.
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
 * The reader of the fixtures takes pairs of zeros for fields with the number 0, which protobuf does
 * not have.
 */
function isZeroRecord(bytes: Uint8Array, start: number, end: number): boolean {
  return (end - start) % 2 === 0 && bytes.subarray(start, end).every((byte) => byte === 0);
}
