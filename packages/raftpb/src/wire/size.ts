/**
 * Computes the size of a value on the wire, and refuses a value that the wire cannot carry. Every
 * encoder does that first, so that a refused value leaves the target untouched. Therefore the
 * writers of `write.ts` check nothing again. Nothing here allocates.
 */

import { RaftpbEncodeError } from '../errors.ts';

/** The highest id: all 64 bits. */
const idMax = 0xffff_ffff_ffff_ffffn;

/** The size of an index, term or commit index as a varint: 1 to 8 bytes. Throws `RAFTPB_ENCODE`. */
export function sizeOfSafeInteger(value: number, what: string): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RaftpbEncodeError(what, `expected an integer from 0 to 2^53 - 1, got ${value}`);
  }
  return varintBytes(value);
}

/** The size of an id as a varint: 1 to 10 bytes. Throws `RAFTPB_ENCODE`. */
export function sizeOfId(id: bigint, what: string): number {
  if (typeof id !== 'bigint' || id < 0n || id > idMax) {
    throw new RaftpbEncodeError(what, `expected a bigint from 0 to 2^64 - 1, got ${String(id)}`);
  }
  if (id < 0x80n) return 1;
  if (id < 0x4000n) return 2;
  if (id < 0x20_0000n) return 3;
  if (id < 0x1000_0000n) return 4;
  if (id < 0x8_0000_0000n) return 5;
  if (id < 0x400_0000_0000n) return 6;
  if (id < 0x2_0000_0000_0000n) return 7;
  if (id < 0x100_0000_0000_0000n) return 8;
  return id < 0x8000_0000_0000_0000n ? 9 : 10;
}

/**
 * The size of a payload with its length before it. Throws `RAFTPB_ENCODE` for a value that is not
 * an array of bytes, because `Uint8Array.set` would silently turn a string into zeros. It does not
 * use `instanceof`, which refuses arrays of another realm.
 */
export function sizeOfBytes(data: Uint8Array, what: string): number {
  if (data === null || data.BYTES_PER_ELEMENT !== 1) {
    throw new RaftpbEncodeError(what, `expected a Uint8Array, got ${typeof data}`);
  }
  return varintBytes(data.length) + data.length;
}

/** The size of an embedded message of `bodyBytes` bytes with its length before it. */
export function sizeOfEmbedded(bodyBytes: number): number {
  return varintBytes(bodyBytes) + bodyBytes;
}

/** Refuses a target without `size` bytes from `offset` on, before a byte is written. */
export function checkRoom(what: string, size: number, target: Uint8Array, offset: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0 || offset + size > target.length) {
    throw new RaftpbEncodeError(
      what,
      `${size} bytes do not fit at offset ${offset} of a target of ${target.length} bytes`,
    );
  }
}

/** `value` must be a safe integer of at least 0. */
function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 0x8_0000_0000) return 5;
  if (value < 0x400_0000_0000) return 6;
  return value < 0x2_0000_0000_0000 ? 7 : 8;
}
