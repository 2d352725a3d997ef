/**
 * Damages a directory, or creates its files, as a forge file describes it. The files are in memory,
 * by name.
 */
import { crc32c } from '../../src/format/crc32c.ts';
import { frameBytes, writeLengthField } from '../../src/format/frame.ts';
import { RecordType } from '../../src/format/layout.ts';
import { recordHeadBytes, writeRecordHead } from '../../src/format/record.ts';
import { parseSegmentName } from '../../src/format/segment-name.ts';
import { bytesOf, type ByteString } from './byte-strings.ts';
import { recordsIn, type PlacedRecord } from './records.ts';

type Position =
  | { readonly off: number }
  | {
      readonly record: number;
      readonly minData?: number;
      readonly part?: 'len' | 'type' | 'crc' | 'dataLen' | 'data' | 'pad' | 'end' | 'eof';
      readonly at?: number;
    };

type RawRecord =
  | { readonly type: number; readonly data?: ByteString; readonly crc?: string | number }
  | { readonly payload: ByteString };

export type ForgeLine =
  | { readonly op: 'flip'; readonly seg: number; readonly pos: Position; readonly bit: number }
  | { readonly op: 'set'; readonly seg: number; readonly pos: Position; readonly bytes: ByteString }
  | { readonly op: 'truncate'; readonly seg: number; readonly pos: Position }
  | {
      readonly op: 'zero';
      readonly seg: number;
      readonly pos: Position;
      readonly n?: number;
      readonly to?: Position;
    }
  | { readonly op: 'zeroChunk'; readonly seg: number; readonly pos: Position; readonly nth: number }
  | { readonly op: 'delete'; readonly seg: number }
  | { readonly op: 'rename' | 'copyAs'; readonly seg: number; readonly name: string }
  | { readonly op: 'file'; readonly name: string; readonly bytes: ByteString }
  | {
      readonly op: 'raw';
      readonly name: string;
      readonly records: readonly RawRecord[];
      readonly size?: number;
    }
  | { readonly op: 'appendRaw'; readonly seg?: number; readonly records: readonly RawRecord[] };

/** Applies all steps in order. The contents of `files` are copied before they are changed. */
export function forge(files: Map<string, Uint8Array>, lines: readonly ForgeLine[]): void {
  for (const line of lines) forgeOne(files, line);
}

function forgeOne(files: Map<string, Uint8Array>, line: ForgeLine): void {
  if (line.op === 'file') {
    files.set(line.name, bytesOf(line.bytes) ?? new Uint8Array(0));
    return;
  }
  if (line.op === 'raw') {
    const { bytes } = encodeRecords(line.records, 0);
    files.set(line.name, resized(bytes, Math.max(bytes.length, line.size ?? 0)));
    return;
  }
  const name = segmentAt(files, line.seg ?? -1);
  const content = files.get(name) ?? new Uint8Array(0);
  switch (line.op) {
    case 'delete':
      files.delete(name);
      break;
    case 'rename':
      files.delete(name);
      files.set(line.name, content);
      break;
    case 'copyAs':
      files.set(line.name, content.slice());
      break;
    case 'appendRaw':
      files.set(name, appended(content, line.records));
      break;
    default:
      files.set(name, damaged(content.slice(), line));
  }
}

function damaged(
  bytes: Uint8Array,
  line: Extract<ForgeLine, { op: 'flip' | 'set' | 'truncate' | 'zero' | 'zeroChunk' }>,
): Uint8Array {
  const at = offsetOf(bytes, line.pos);
  switch (line.op) {
    case 'flip':
      bytes[at] = (bytes[at] ?? 0) ^ (1 << line.bit);
      return bytes;
    case 'set': {
      const data = bytesOf(line.bytes) ?? new Uint8Array(0);
      const target = resized(bytes, Math.max(bytes.length, at + data.length));
      target.set(data, at);
      return target;
    }
    case 'truncate':
      return resized(bytes, at);
    case 'zero':
      return bytes.fill(
        0,
        at,
        line.to === undefined ? at + (line.n ?? 0) : offsetOf(bytes, line.to),
      );
    case 'zeroChunk': {
      const chunk = chunksOf(recordAt(bytes, line.pos)).at(line.nth);
      if (chunk === undefined) throw new Error(`no such chunk: ${JSON.stringify(line)}`);
      return bytes.fill(0, ...chunk);
    }
    default:
      throw new Error(`unknown operation: ${JSON.stringify(line)}`);
  }
}

function segmentAt(files: ReadonlyMap<string, Uint8Array>, at: number): string {
  const names = [...files.keys()].filter((name) => parseSegmentName(name) !== undefined);
  const name = names.sort().at(at);
  if (name === undefined) throw new Error(`no segment ${at}`);
  return name;
}

function recordAt(bytes: Uint8Array, position: Position): PlacedRecord {
  if ('off' in position) throw new Error('an offset is no record');
  const { record, minData = 0 } = position;
  const records = recordsIn(bytes);
  const first = record < 0 ? records.length + record : record;
  const found = records.slice(first).find((each) => each.dataEnd - each.dataStart >= minData);
  if (found === undefined) throw new Error(`no such record: ${JSON.stringify(position)}`);
  return found;
}

function offsetOf(bytes: Uint8Array, position: Position): number {
  if ('off' in position) return position.off;
  const { part = 'len', at = 0 } = position;
  if (part === 'eof') return bytes.length + at;
  const record = recordAt(bytes, position);
  const start = record.offset + 8;
  const crc = start + 3;
  let dataLength = crc;
  while ((bytes[dataLength] ?? 0) >= 0x80) dataLength += 1;
  const parts = {
    len: record.offset,
    type: start + 1,
    crc,
    // The offset after the last byte of the checksum and the tag.
    dataLen: dataLength + 2,
    data: record.dataStart,
    pad: start + record.recordBytes,
    end: start + record.recordBytes + record.padding,
  };
  return parts[part] + at;
}

/** The record with its padding, divided at the sector boundaries of the file. */
function chunksOf({ offset, recordBytes, padding }: PlacedRecord): [number, number][] {
  const end = offset + 8 + recordBytes + padding;
  const chunks: [number, number][] = [];
  for (let at = offset + 8; at < end;) {
    const next = Math.min(end, (Math.floor(at / 512) + 1) * 512);
    chunks.push([at, next]);
    at = next;
  }
  return chunks;
}

function appended(bytes: Uint8Array, records: readonly RawRecord[]): Uint8Array {
  const last = recordsIn(bytes).at(-1);
  const end = last === undefined ? 0 : last.offset + frameBytes(last.recordBytes);
  const { bytes: added } = encodeRecords(records, last?.crc ?? 0);
  const target = resized(bytes, Math.max(bytes.length, end + added.length));
  target.set(added, end);
  return target;
}

/** Frames of records that continue a checksum. A checksum that a record already has is kept. */
function encodeRecords(
  records: readonly RawRecord[],
  checksum: number,
): { bytes: Uint8Array; checksum: number } {
  const frames: Uint8Array[] = [];
  let chain = checksum;
  for (const record of records) {
    if ('payload' in record) {
      frames.push(framed(bytesOf(record.payload) ?? new Uint8Array(0)));
      continue;
    }
    const { type, crc } = record;
    const data = bytesOf(record.data);
    if (type !== RecordType.Crc && data !== undefined) chain = crc32c(chain, data);
    if (type === RecordType.Crc && crc !== undefined) chain = Number(crc);
    const stored = crc === undefined ? chain : Number(crc);
    const head = new Uint8Array(recordHeadBytes(type, stored, data?.length));
    writeRecordHead(head, 0, type, stored, data?.length);
    frames.push(framed(data === undefined ? head : Buffer.concat([head, data])));
  }
  return { bytes: Buffer.concat(frames), checksum: chain };
}

function framed(record: Uint8Array): Uint8Array {
  const frame = new Uint8Array(frameBytes(record.length));
  writeLengthField(frame, 0, record.length);
  frame.set(record, 8);
  return frame;
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  if (length <= bytes.length) return bytes.slice(0, length);
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}
