/**
 * The values of a log in an ordered store. Every value starts with a checksum (CRC-32) over its key
 * and the rest of the value. So every read notices a value under a wrong key, of a wrong group, or
 * with a changed bit. FORMAT.md describes the format.
 *
 * ```
 *   header    | checksum 4 | magic 8 | version 4 | cluster 8 | node 8 | entryBytesMax 4
 *                          | has extra 1 | extra … |
 *   version 3 | the same up to "has extra", then length of identity 1 | identity … | extra … |
 *   identity  | checksum 4 | version 4 | bytes … |
 *   state     | checksum 4 | start index 8 | start term 8 | last index 8 | terms 4 | markers 4
 *                          | term 8 | vote 8 | commit 8 | batch 8 (from version 2 on) |
 *   marker    | checksum 4 | raftpb.SnapshotMetadata … |
 *   term run  | checksum 4 | term 8 |
 *   entry     | checksum 4 | index 8 | term 8 | flags 1 | payload … |
 * ```
 */
import { crc32 } from 'node:zlib';
import {
  decodeSnapshotMetadata,
  encodeSnapshotMetadataInto,
  snapshotMetadataEncodedSize,
  type Entry,
  type EntryType,
  type HardState,
  type SnapshotMetadata,
} from '@babuza/raftpb';
import type { WalMetadata } from '@babuza/wal-core';
import { readInteger, viewOf, writeInteger } from './numbers.ts';

const checksumBytes = 4;

/**
 * The version of new logs without an identity. Checksum, magic and version stay at the same offsets
 * in all later versions.
 */
export const formatVersion = 2;
/** The same as version 2 with an identity in the header. Only logs with an identity use it. */
const versionWithIdentity = 3;
/** The newest version that this release reads. */
export const formatVersionMax: number = versionWithIdentity;
/** The version of the identity record. It is independent of the version of the log. */
export const identityVersion = 1;
/**
 * The first version, whose batches have no numbers. Such a log is read, and continued in its own
 * version.
 */
const versionWithoutBatchNumbers = 1;

/** `babuzalv` */
const magic: bigint = 0x6261_6275_7a61_6c76n;
const headerBytes = checksumBytes + 33;
/** The version, which follows the checksum. */
const identityHeadBytes = 4;
const stateBytes = checksumBytes + 56;
const batchNumberBytes = 8;
const termRunBytes = checksumBytes + 8;

/** The size of the value of an entry without its payload. */
export const entryOverheadBytes: number = checksumBytes + 17;
const entryTypeMask = 0b11;
/** Set if the entry has data, which distinguishes absent from empty data. */
export const entryHasData = 0b100;

/** A value that does not fit its key. The caller adds the key and the log to the message. */
export class DamagedValueError extends Error {
  override readonly name = 'DamagedValueError';
}

/** A header with a valid checksum and another magic number or an unknown version. */
export class ForeignHeaderError extends Error {
  override readonly name = 'ForeignHeaderError';
  /** The version of the header. Absent if the magic number is another one. */
  readonly version: number | undefined;
  constructor(version?: number) {
    super('this release cannot read the header');
    this.version = version;
  }
}

/** The content of the state record. */
export interface StateRecord {
  /** The log starts behind this index. `startTerm` is the term there. */
  readonly startIndex: number;
  readonly startTerm: number;
  readonly lastIndex: number;
  /** The digest of the term runs, see `log-digest.ts`. */
  readonly termsDigest: number;
  /** The digest of the markers. */
  readonly markersDigest: number;
  readonly hardState: HardState;
  /** The number of the batch that wrote this record, from 1 on. Absent in version 1. */
  readonly batch: number | undefined;
}

/** The content of the header. */
export interface Header {
  readonly metadata: WalMetadata;
  /** Whether the state records of the log carry the number of their batch. */
  readonly numbersBatches: boolean;
}

export function encodeHeader(key: Uint8Array, metadata: WalMetadata): Uint8Array {
  const { clusterId, nodeId, entryBytesMax, extra, identity } = metadata;
  const identityBytes = identity === undefined ? 0 : 1 + identity.length;
  const value = new Uint8Array(headerBytes + identityBytes + (extra?.length ?? 0));
  const view = viewOf(value);
  view.setBigUint64(4, magic);
  view.setUint32(12, identity === undefined ? formatVersion : versionWithIdentity);
  view.setBigUint64(16, clusterId);
  view.setBigUint64(24, nodeId);
  view.setUint32(32, entryBytesMax);
  if (extra !== undefined) {
    value[36] = 1;
    value.set(extra, headerBytes + identityBytes);
  }
  if (identity !== undefined) {
    value[headerBytes] = identity.length;
    value.set(identity, headerBytes + 1);
  }
  return seal(key, value);
}

/** Throws `DamagedValueError`, or `ForeignHeaderError` for a valid header of another format. */
export function decodeHeader(key: Uint8Array, value: Uint8Array): Header {
  const view = unseal(key, value, 16 - checksumBytes);
  if (view.getBigUint64(4) !== magic) throw new ForeignHeaderError();
  const version = view.getUint32(12);
  const numbersBatches = version !== versionWithoutBatchNumbers;
  if (version < versionWithoutBatchNumbers || version > formatVersionMax) {
    throw new ForeignHeaderError(version);
  }
  const hasExtra = value[36];
  const hasIdentity = version === versionWithIdentity;
  // A missing length of the identity counts as 0. The header is too short then, which the check
  // below notices.
  const extraStart = headerBytes + (hasIdentity ? 1 + (value[headerBytes] ?? 0) : 0);
  const bytes = value.length - extraStart;
  if (bytes < 0 || (hasExtra !== 1 && (hasExtra !== 0 || bytes > 0))) {
    throw new DamagedValueError('the lengths in the header do not fit its size');
  }
  const metadata = {
    clusterId: view.getBigUint64(16),
    nodeId: view.getBigUint64(24),
    entryBytesMax: view.getUint32(32),
    extra: hasExtra === 1 ? new Uint8Array(value.subarray(extraStart)) : undefined,
    identity: hasIdentity ? new Uint8Array(value.subarray(headerBytes + 1, extraStart)) : undefined,
  };
  return { metadata, numbersBatches };
}

export function encodeIdentity(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const start = checksumBytes + identityHeadBytes;
  const value = new Uint8Array(start + bytes.length);
  viewOf(value).setUint32(checksumBytes, identityVersion);
  value.set(bytes, start);
  return seal(key, value);
}

/**
 * The bytes are meaningful only if the version is `identityVersion`. Throws `DamagedValueError`.
 */
export function decodeIdentity(
  key: Uint8Array,
  value: Uint8Array,
): { version: number; bytes: Uint8Array } {
  const view = unseal(key, value, identityHeadBytes);
  const bytes = new Uint8Array(value.subarray(checksumBytes + identityHeadBytes));
  return { version: view.getUint32(checksumBytes), bytes };
}

export function encodeState(key: Uint8Array, state: StateRecord): Uint8Array {
  const { batch } = state;
  const value = new Uint8Array(stateBytes + (batch === undefined ? 0 : batchNumberBytes));
  const view = viewOf(value);
  writeInteger(view, 4, state.startIndex);
  writeInteger(view, 12, state.startTerm);
  writeInteger(view, 20, state.lastIndex);
  view.setUint32(28, state.termsDigest);
  view.setUint32(32, state.markersDigest);
  writeInteger(view, 36, state.hardState.term);
  view.setBigUint64(44, state.hardState.vote);
  writeInteger(view, 52, state.hardState.commit);
  if (batch !== undefined) writeInteger(view, stateBytes, batch);
  return seal(key, value);
}

/** Throws `DamagedValueError`. */
export function decodeState(key: Uint8Array, value: Uint8Array): StateRecord {
  const bodyBytes = stateBytes - checksumBytes;
  const view = unseal(key, value, bodyBytes, bodyBytes + batchNumberBytes);
  const numbered = value.length === stateBytes + batchNumberBytes;
  if (!numbered && value.length !== stateBytes) {
    throw new DamagedValueError(
      `the value has ${value.length} bytes, expected ${stateBytes} or ${stateBytes + batchNumberBytes}`,
    );
  }
  return {
    startIndex: safeInteger(view, 4),
    startTerm: safeInteger(view, 12),
    lastIndex: safeInteger(view, 20),
    termsDigest: view.getUint32(28),
    markersDigest: view.getUint32(32),
    hardState: {
      term: safeInteger(view, 36),
      vote: view.getBigUint64(44),
      commit: safeInteger(view, 52),
    },
    batch: numbered ? safeInteger(view, stateBytes) : undefined,
  };
}

export function encodeMarker(key: Uint8Array, marker: SnapshotMetadata): Uint8Array {
  const value = new Uint8Array(checksumBytes + snapshotMetadataEncodedSize(marker));
  encodeSnapshotMetadataInto(marker, value, checksumBytes);
  return seal(key, value);
}

/** Throws `DamagedValueError`. */
export function decodeMarker(key: Uint8Array, value: Uint8Array): SnapshotMetadata {
  unseal(key, value, 0);
  try {
    return decodeSnapshotMetadata(value.subarray(checksumBytes));
  } catch (error) {
    throw new DamagedValueError('the snapshot marker cannot be decoded', { cause: error });
  }
}

export function encodeTermRun(key: Uint8Array, term: number): Uint8Array {
  const value = new Uint8Array(termRunBytes);
  writeInteger(viewOf(value), 4, term);
  return seal(key, value);
}

/** Throws `DamagedValueError`. */
export function decodeTermRun(key: Uint8Array, value: Uint8Array): number {
  const view = unseal(key, value, termRunBytes - checksumBytes, termRunBytes - checksumBytes);
  return safeInteger(view, 4);
}

/** The payload is a `Uint8Array` that shares the memory of `value`. Throws `DamagedValueError`. */
export function decodeEntryValue(key: Uint8Array, value: Uint8Array): Entry {
  const view = unseal(key, value, entryOverheadBytes - checksumBytes);
  const index = safeInteger(view, 4);
  const term = safeInteger(view, 12);
  const flags = view.getUint8(20);
  const type = entryTypeOf(flags & entryTypeMask);
  const bytes = value.length - entryOverheadBytes;
  const hasData = (flags & entryHasData) !== 0;
  if (type === undefined || flags >= 2 * entryHasData || (!hasData && bytes > 0)) {
    throw new DamagedValueError(`the entry has the unknown flags ${flags}`);
  }
  if (!hasData) return { index, term, type };
  const data = new Uint8Array(value.buffer, value.byteOffset + entryOverheadBytes, bytes);
  return { index, term, type, data };
}

/** The checksum in a complete value. */
export function checksumOf(value: Uint8Array): number {
  return viewOf(value).getUint32(0);
}

/** Writes the checksum into the value. */
function seal(key: Uint8Array, value: Uint8Array): Uint8Array {
  viewOf(value).setUint32(0, checksumFor(key, value));
  return value;
}

function unseal(
  key: Uint8Array,
  value: Uint8Array,
  bodyBytesMin: number,
  bodyBytesMax = Infinity,
): DataView {
  const bodyBytes = value.length - checksumBytes;
  // The length is checked before the checksum, because a value may be too short to hold a checksum.
  if (bodyBytes < bodyBytesMin || bodyBytes > bodyBytesMax) {
    const range =
      bodyBytesMax === Infinity
        ? `at least ${checksumBytes + bodyBytesMin}`
        : `${checksumBytes + bodyBytesMin} to ${checksumBytes + bodyBytesMax}`;
    throw new DamagedValueError(`the value has ${value.length} bytes, expected ${range}`);
  }
  const view = viewOf(value);
  const expected = checksumFor(key, value);
  const got = view.getUint32(0);
  if (got !== expected) {
    throw new DamagedValueError(
      `the value carries checksum ${hex(got)}, but its bytes have ${hex(expected)}`,
    );
  }
  return view;
}

function checksumFor(key: Uint8Array, value: Uint8Array): number {
  return crc32(value.subarray(checksumBytes), crc32(key));
}

function safeInteger(view: DataView, offset: number): number {
  const value = readInteger(view, offset);
  if (!Number.isSafeInteger(value)) throw new DamagedValueError('a number is above 2^53 - 1');
  return value;
}

function entryTypeOf(number: number): EntryType | undefined {
  return number === 0 || number === 1 || number === 2 ? number : undefined;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
