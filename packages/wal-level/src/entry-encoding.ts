/**
 * Encodes entries as keys and values of the store. This code runs for every entry that is saved, so
 * it is written for speed: one allocation holds all entries of a save, integers are written byte by
 * byte, and short parts of a checksum are computed with a table, because a call of `node:zlib`
 * costs more than they do. FORMAT.md describes the format, and `decodeEntryValue` reads it.
 */
import { crc32 } from 'node:zlib';
import type { Entry } from '@babuza/raftpb';
import { crc32ByTable, uninitializedBytes } from '@babuza/wal-core/backend';
import type { LevelOperation } from './database.ts';
import { entryKeyBytes, type GroupKeys } from './keys.ts';
import { entryHasData, entryOverheadBytes } from './values.ts';

const checksumBytes = 4;
const lowRange = 2 ** 32;
/**
 * Appends a put for each entry, in order, and returns the sum of the sizes of keys and values. The
 * keys and values share memory that nobody changes afterwards.
 */
export function encodeEntries(
  keys: GroupKeys,
  entries: readonly Entry[],
  operations: LevelOperation[],
): number {
  let bytes = 0;
  for (const { data } of entries) bytes += entryKeyBytes + entryOverheadBytes + (data?.length ?? 0);
  const memory = uninitializedBytes(bytes);
  const { buffer } = memory;
  let offset = 0;
  for (const entry of entries) {
    const valueOffset = offset + entryKeyBytes;
    const end = encodeEntry(memory, offset, valueOffset, keys, entry);
    const key = new Uint8Array(buffer, offset, entryKeyBytes);
    const value = new Uint8Array(buffer, valueOffset, end - valueOffset);
    operations.push({ type: 'put', key, value });
    offset = end;
  }
  return bytes;
}

/** Returns the offset of the end of the value. */
function encodeEntry(
  memory: Uint8Array,
  keyOffset: number,
  valueOffset: number,
  keys: GroupKeys,
  { index, term, type, data }: Entry,
): number {
  memory.set(keys.entryPrefix, keyOffset);
  putInteger(memory, keyOffset + keys.entryPrefix.length, index);
  const body = valueOffset + checksumBytes;
  putInteger(memory, body, index);
  putInteger(memory, body + 8, term);
  memory[body + 16] = type | (data === undefined ? 0 : entryHasData);
  const payload = valueOffset + entryOverheadBytes;
  let crc = crc32ByTable(0, memory, keyOffset, valueOffset);
  crc = crc32ByTable(crc, memory, body, payload);
  if (data !== undefined && data.length > 0) {
    memory.set(data, payload);
    // The checksum covers the stored copy, because the caller still owns the original bytes.
    crc = crc32(memory.subarray(payload, payload + data.length), crc);
  }
  putUint32(memory, valueOffset, crc);
  return payload + (data?.length ?? 0);
}

function putInteger(bytes: Uint8Array, offset: number, value: number): void {
  putUint32(bytes, offset, Math.floor(value / lowRange));
  putUint32(bytes, offset + 4, value % lowRange);
}

function putUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}
