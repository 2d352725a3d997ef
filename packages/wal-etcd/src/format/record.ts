/**
 * The record in a frame: a protobuf message with `08 type`, `10 checksum` and, if there is data,
 * `1a length data`. The checksum is chained over the data of all records up to this one. No
 * checksum protects the type, the frame and the padding.
 */
import { RaftpbDecodeError } from '@babuza/raftpb';
import { bytesTag, Reader, varintTag, writeNumber } from '@babuza/raftpb/wire';

const typeTag = varintTag(1);
const crcTag = varintTag(2);
const dataTag = bytesTag(3);
const knownFieldMax = 3;

/**
 * The result of parsing a record; the object is reused. The offsets are those in the bytes that
 * were parsed.
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

/** The length of a record without its data. */
export function recordHeadBytes(type: number, crc: number, dataBytes: number | undefined): number {
  const head = 1 + varintBytes(type) + 1 + varintBytes(crc);
  return dataBytes === undefined ? head : head + 1 + varintBytes(dataBytes);
}

/** Writes the part of a record before its data at offset `at`. Returns the offset after it. */
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

/**
 * Parses the record from `start` up to but not including `end`. Returns false if it is not a
 * protobuf message.
 */
export function parseRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  record: ParsedRecord,
): boolean {
  return parseCommonRecord(bytes, start, end, record) || parseAnyRecord(bytes, start, end, record);
}

/** Parses the encoding that every etcd writes: the three fields in order, the data last. */
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
 * Reads the checksum of a record when only its beginning is in memory. Returns `undefined` if the
 * record does not have the encoding that etcd writes.
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

/** The result of the last `readUint32`. */
let readValue = 0;

/**
 * Reads a number of up to 32 bits into `readValue`. Returns the offset after it, or 0 if it is
 * longer.
 */
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

/**
 * Parses every encoding that protobuf allows: fields in any order, absent, unknown and repeated
 * fields. The last occurrence of a field counts.
 */
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
      // All 64 bits are compared, so that a larger number cannot pass for a known type.
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
