/** The meaning of each byte of an undamaged segment, according to the records in it. */
import { readLengthField } from '../../src/format/frame.ts';
import { lengthFieldBytes, RecordType } from '../../src/format/layout.ts';
import { newRecord, parseRecord } from '../../src/format/record.ts';

export type KindOfByte =
  | 'length field'
  | 'type'
  | 'checksum'
  | 'data'
  | 'other bytes of a record'
  | 'padding'
  | 'zeros behind the end';

export interface SegmentMap {
  readonly kinds: readonly KindOfByte[];
  /** The end of each record, and 0. */
  readonly ends: readonly number[];
}

export function mapOf(bytes: Uint8Array): SegmentMap {
  const kinds: KindOfByte[] = Array.from({ length: bytes.length }, () => 'zeros behind the end');
  const ends = [0];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const field = { recordBytes: 0, padding: 0 };
  const record = newRecord();
  for (let offset = 0; offset + lengthFieldBytes <= bytes.length;) {
    if (!readLengthField(view, offset, field)) break;
    const start = offset + lengthFieldBytes;
    const end = start + field.recordBytes;
    if (!parseRecord(bytes, start, end, record)) throw new Error(`no record at ${offset}`);
    kinds.fill('length field', offset, start);
    // etcd writes `08 type 10 checksum [1a length data]`.
    kinds.fill('other bytes of a record', start, end);
    kinds[start + 1] = 'type';
    let at = start + 3;
    while (((bytes[at] ?? 0) & 0x80) !== 0) at += 1;
    kinds.fill('checksum', start + 3, at + 1);
    if (record.type !== RecordType.Crc) kinds.fill('data', record.dataStart, record.dataEnd);
    kinds.fill('padding', end, end + field.padding);
    offset = end + field.padding;
    ends.push(offset);
  }
  return { kinds, ends };
}
