/**
 * Reads index, term and type of an entry without its payload, for replay. The encoding that every
 * etcd writes is parsed in place; any other valid protobuf encoding is decoded by raftpb.
 */
import { decodeEntry, type EntryType } from '@babuza/raftpb';
import { bytesTag, varintTag } from '@babuza/raftpb/wire';

const typeTag = varintTag(1);
const termTag = varintTag(2);
const indexTag = varintTag(3);
const dataTag = bytesTag(4);

/**
 * The result of reading an entry; the object is reused. The offsets are those in the bytes that
 * were read.
 */
export interface EntryNumbers {
  index: number;
  term: number;
  type: EntryType;
  hasData: boolean;
  dataStart: number;
  /** The end of the payload. */
  dataEnd: number;
}

export function newEntryNumbers(): EntryNumbers {
  return { index: 0, term: 0, type: 0, hasData: false, dataStart: 0, dataEnd: 0 };
}

/**
 * Reads the entry from `start` up to but not including `end`.
 *
 * @throws RaftpbDecodeError like `decodeEntry`: the bytes are not an entry, its type is unknown, or
 * a number is above 2^53 − 1
 */
export function readEntryNumbers(
  bytes: Uint8Array,
  start: number,
  end: number,
  entry: EntryNumbers,
): void {
  if (readCommonEntry(bytes, start, end, entry)) return;
  const message = bytes.subarray(start, end);
  const { index, term, type, data } = decodeEntry(message);
  entry.index = index;
  entry.term = term;
  entry.type = type;
  entry.hasData = data !== undefined;
  entry.dataStart = data === undefined ? end : start + data.byteOffset - message.byteOffset;
  entry.dataEnd = entry.dataStart + (data?.length ?? 0);
}

/**
 * The last number that `readSmall` read. It returns the end of the number, or 0 if it has more than
 * 28 bits.
 */
let value = 0;

function readSmall(bytes: Uint8Array, start: number, end: number): number {
  value = 0;
  let at = start;
  for (let shift = 0; shift < 28 && at < end; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return at;
  }
  return 0;
}

function readCommonEntry(
  bytes: Uint8Array,
  start: number,
  end: number,
  entry: EntryNumbers,
): boolean {
  let at = start;
  let type: number = 0;
  if (bytes[at] === typeTag) {
    type = bytes[at + 1] ?? 0x80;
    at += 2;
  }
  if ((type !== 0 && type !== 1 && type !== 2) || bytes[at] !== termTag) return false;
  at = readSmall(bytes, at + 1, end);
  const term = value;
  if (at === 0 || bytes[at] !== indexTag) return false;
  at = readSmall(bytes, at + 1, end);
  const index = value;
  if (at === 0) return false;
  const hasData = at < end;
  if (hasData) {
    if (bytes[at] !== dataTag) return false;
    at = readSmall(bytes, at + 1, end);
    if (at === 0 || at + value !== end) return false;
  }
  entry.index = index;
  entry.term = term;
  entry.type = type;
  entry.hasData = hasData;
  entry.dataStart = at;
  entry.dataEnd = end;
  return true;
}
