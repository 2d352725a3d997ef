/**
 * The record: the protobuf message in a frame, `08 type`, `10 checksum`, and, where there is data,
 * `1a length data`. The checksum goes over the data of all records up to this one, chained; type,
 * frame and padding are protected by nothing.
 */
import { RaftpbDecodeError } from '@babuza/raftpb';
import { bytesTag, Reader, varintTag, writeNumber } from '@babuza/raftpb/wire';

const typeTag = varintTag(1);
const crcTag = varintTag(2);
const dataTag = bytesTag(3);
const knownFieldMax = 3;

/**
 * A record that was read: filled again and again. Offsets are those of the bytes that were parsed.
 */
export interface ParsedRecord {
  type: number;
  crc: number;
  /** Absent and empty data differ. */
  hasData: boolean;
  dataStart: number;
  dataEnd: number;
}

export function newRecord(): ParsedRecord {
  return { type: 0, crc: 0, hasData: false, dataStart: 0, dataEnd: 0 };
}

/** The bytes of a record in front of its data: all of it where there is none. */
export function recordHeadBytes(type: number, crc: number, dataBytes: number | undefined): number {
  const head = 1 + varintBytes(type) + 1 + varintBytes(crc);
  return dataBytes === undefined ? head : head + 1 + varintBytes(dataBytes);
}

/** Writes what comes in front of the data, at `at`; returns the offset behind it. */
export function writeRecordHead(
  target: Uint8Array,
  at: number,
  type: number,
  crc: number,
  dataBytes: number | undefined,
): number {
  const end = writeNumber(target, writeNumber(target, at, typeTag, type), crcTag, crc);
  return dataBytes === undefined ? end : writeNumber(target, end, dataTag, dataBytes);
}

/** Parses the record from `start` up to, not including, `end`; false where it is no message. */
export function parseRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  record: ParsedRecord,
): boolean {
  return parseCommonRecord(bytes, start, end, record) || parseAnyRecord(bytes, start, end, record);
}

/** The form that every etcd writes: the three fields in order, the data last. */
function parseCommonRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  record: ParsedRecord,
): boolean {
  const type = bytes[start + 1] ?? 0x80;
  if (end - start < 4 || bytes[start] !== typeTag || type >= 0x80) return false;
  if (bytes[start + 2] !== crcTag) return false;
  let at = readUint32(bytes, start + 3, end);
  if (at === 0) return false;
  const crc = readValue;
  record.type = type;
  record.crc = crc;
  record.dataStart = end;
  record.dataEnd = end;
  record.hasData = at !== end;
  if (at === end) return true;
  if (bytes[at] !== dataTag) return false;
  at = readUint32(bytes, at + 1, end);
  if (at === 0 || at + readValue !== end) return false;
  record.dataStart = at;
  return true;
}

/**
 * The checksum of a record of which only the beginning is there; `undefined` where it does not
 * begin as etcd begins each.
 */
export function readRecordChecksum(
  bytes: Uint8Array,
  start: number,
  end: number,
): number | undefined {
  const type = bytes[start + 1] ?? 0x80;
  if (bytes[start] !== typeTag || type >= 0x80 || bytes[start + 2] !== crcTag) return undefined;
  return readUint32(bytes, start + 3, end) === 0 ? undefined : readValue;
}

/** What the last `readUint32` read. */
let readValue = 0;

/** Reads a number of up to 32 bits into `readValue`; returns the offset behind it, or 0. */
function readUint32(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  let at = start;
  for (let shift = 0; at < end; shift += 7) {
    const byte = bytes[at++] ?? 0;
    if (shift === 28 && byte > 15) return 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      readValue = value >>> 0;
      return at;
    }
  }
  return 0;
}

/** Whatever protobuf allows: any order, absent and unknown fields, the last one wins. */
function parseAnyRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  record: ParsedRecord,
): boolean {
  const message = bytes.subarray(start, end);
  const reader = new Reader(message);
  Object.assign(record, newRecord());
  try {
    while (reader.hasMore()) {
      const tag = reader.tag('Record');
      // All 64 bits count: none above 2^32 may pass for a type that is known.
      if (tag === typeTag) record.type = Number(BigInt.asIntN(64, reader.id('Record.type')));
      else if (tag === crcTag) record.crc = Number(BigInt.asUintN(32, reader.id('Record.crc')));
      else if (tag === dataTag) {
        const data = reader.bytes('Record.data');
        record.hasData = true;
        record.dataStart = start + data.byteOffset - message.byteOffset;
        record.dataEnd = record.dataStart + data.length;
      } else reader.skipUnknown(tag, knownFieldMax, 'Record');
    }
    return true;
  } catch (error) {
    if (error instanceof RaftpbDecodeError) return false;
    throw error;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1;
  return bytes;
}
