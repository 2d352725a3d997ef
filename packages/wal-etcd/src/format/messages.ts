/**
 * The messages in records, with all 64 bits of every number as in etcd. Logs with the contract of
 * wal-core are read with raftpb, whose terms and indexes end at 2^53 − 1. This file is for the
 * entry points `inspect` and `format`, which read and write everything that etcd can.
 *
 * Source: `raftpb.Entry`, `raftpb.HardState` and `walpb.Snapshot`, in the form that etcd writes up
 * to 3.6: zero values are written too.
 */
import { decodeConfState, encodeConfState, type ConfState } from '@babuza/raftpb';
import {
  bytesTag,
  Reader,
  sizeOfBytes,
  sizeOfId,
  tagBytes,
  varintTag,
  writeBytes,
  writeId,
} from '@babuza/raftpb/wire';

/** An entry in etcd's log. */
export interface EtcdEntry {
  /** 0 normal, 1 ConfChange, 2 ConfChangeV2. A log may contain other values. */
  readonly type: number;
  readonly term: bigint;
  readonly index: bigint;
  /** Absent and empty data differ. */
  readonly data?: Uint8Array | undefined;
}

export interface EtcdHardState {
  readonly term: bigint;
  readonly vote: bigint;
  readonly commit: bigint;
}

/** `walpb.Snapshot`. etcd 3.4 writes no membership and skips it when reading. */
export interface EtcdSnapshot {
  readonly index: bigint;
  readonly term: bigint;
  readonly confState?: ConfState | undefined;
}

/** `etcdserverpb.Metadata`: the metadata that an etcd server writes to its log. */
export interface EtcdMetadata {
  readonly nodeId: bigint;
  readonly clusterId: bigint;
}

const first = varintTag(1);
const second = varintTag(2);
const third = varintTag(3);
const thirdBytes = bytesTag(3);
const fourthBytes = bytesTag(4);

/** With `omitsNormalType` a type of 0 is omitted, as etcd does since 3.7. */
export function encodeEtcdEntry(
  { type, term, index, data }: EtcdEntry,
  omitsNormalType = false,
): Uint8Array {
  const payload = data === undefined ? 0 : tagBytes + sizeOfBytes(data, 'Entry.data');
  // A negative enumeration value has 64 bits in the protobuf encoding.
  const typeBits = BigInt.asUintN(64, BigInt(type));
  const numbers = [omitsNormalType && type === 0 ? undefined : typeBits, term, index];
  const { bytes, end } = encodeNumbers(numbers, payload);
  if (data !== undefined) writeBytes(bytes, end, fourthBytes, data);
  return bytes;
}

export function decodeEtcdEntry(bytes: Uint8Array): EtcdEntry {
  let type = 0;
  let term = 0n;
  let index = 0n;
  let data: Uint8Array | undefined;
  readFields(bytes, 'Entry', 4, (reader, tag) => {
    if (tag === first) type = Number(BigInt.asIntN(32, reader.id('Entry.type')));
    else if (tag === second) term = reader.id('Entry.term');
    else if (tag === third) index = reader.id('Entry.index');
    else if (tag === fourthBytes) data = reader.bytes('Entry.data');
    else return false;
    return true;
  });
  return data === undefined ? { type, term, index } : { type, term, index, data };
}

export function encodeEtcdHardState({ term, vote, commit }: EtcdHardState): Uint8Array {
  return encodeNumbers([term, vote, commit]).bytes;
}

export function decodeEtcdHardState(bytes: Uint8Array): EtcdHardState {
  const numbers = decodeNumbers(bytes, 'HardState', 3);
  return { term: numbers[0] ?? 0n, vote: numbers[1] ?? 0n, commit: numbers[2] ?? 0n };
}

export function encodeEtcdSnapshot({ index, term, confState }: EtcdSnapshot): Uint8Array {
  const body = confState === undefined ? undefined : encodeConfState(confState);
  const extra = body === undefined ? 0 : tagBytes + sizeOfBytes(body, 'Snapshot.confState');
  const { bytes, end } = encodeNumbers([index, term], extra);
  if (body !== undefined) writeBytes(bytes, end, thirdBytes, body);
  return bytes;
}

export function decodeEtcdSnapshot(bytes: Uint8Array): EtcdSnapshot {
  let index = 0n;
  let term = 0n;
  const confStates: Uint8Array[] = [];
  readFields(bytes, 'Snapshot', 3, (reader, tag) => {
    if (tag === first) index = reader.id('Snapshot.index');
    else if (tag === second) term = reader.id('Snapshot.term');
    else if (tag === thirdBytes) confStates.push(reader.bytes('Snapshot.confState'));
    else return false;
    return true;
  });
  if (confStates.length === 0) return { index, term };
  // Protobuf merges repeated occurrences of a message field as if their bytes were joined.
  for (const each of confStates) decodeConfState(each);
  return { index, term, confState: decodeConfState(Buffer.concat(confStates)) };
}

/** Encodes the metadata of an etcd server, for a log that an etcd will be started on. */
export function encodeEtcdMetadata({ nodeId, clusterId }: EtcdMetadata): Uint8Array {
  return encodeNumbers([nodeId, clusterId]).bytes;
}

/**
 * Decodes the metadata of an etcd server. Unknown fields are ignored.
 *
 * @throws RaftpbDecodeError when the bytes are not a protobuf message
 */
export function decodeEtcdMetadata(bytes: Uint8Array): EtcdMetadata {
  const numbers = decodeNumbers(bytes, 'Metadata', 2);
  return { nodeId: numbers[0] ?? 0n, clusterId: numbers[1] ?? 0n };
}

/**
 * Encodes numbers as the fields 1, 2, …, without those that are `undefined`, and leaves `moreBytes`
 * free after them.
 */
function encodeNumbers(
  numbers: readonly (bigint | undefined)[],
  moreBytes = 0,
): { bytes: Uint8Array; end: number } {
  let size = moreBytes;
  for (const number of numbers) {
    if (number !== undefined) size += tagBytes + sizeOfId(number, 'a number');
  }
  const bytes = new Uint8Array(size);
  let end = 0;
  for (const [at, number] of numbers.entries()) {
    if (number !== undefined) end = writeId(bytes, end, varintTag(at + 1), number);
  }
  return { bytes, end };
}

function decodeNumbers(bytes: Uint8Array, message: string, count: number): bigint[] {
  const numbers: bigint[] = [];
  readFields(bytes, message, count, (reader, tag) => {
    const field = tag >>> 3;
    if (field > count || tag !== varintTag(field)) return false;
    numbers[field - 1] = reader.id(message);
    return true;
  });
  return numbers;
}

/**
 * Calls `read` for each field. A field that it does not accept is skipped, or refused if its number
 * is a known one.
 */
function readFields(
  bytes: Uint8Array,
  message: string,
  knownFieldMax: number,
  read: (reader: Reader, tag: number) => boolean,
): void {
  const reader = new Reader(bytes);
  while (reader.hasMore()) {
    const tag = reader.tag(message);
    if (!read(reader, tag)) reader.skipUnknown(tag, knownFieldMax, message);
  }
}
