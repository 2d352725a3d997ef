/**
 * Numbers in keys and values: big-endian everywhere, in keys because a database orders them by
 * their bytes, in values to be the same.
 */

/** Terms and indexes: integers up to 2^53 − 1 take 8 bytes. */
export const integerBytes = 8;

const lowRange = 2 ** 32;

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Writes an integer from 0 to 2^53 − 1. */
export function writeInteger(target: DataView, offset: number, value: number): void {
  target.setUint32(offset, Math.floor(value / lowRange));
  target.setUint32(offset + 4, value % lowRange);
}

/**
 * Reads what `writeInteger` wrote; anything above 2^53 − 1 is no safe integer, for the caller to
 * refuse.
 */
export function readInteger(source: DataView, offset: number): number {
  return source.getUint32(offset) * lowRange + source.getUint32(offset + 4);
}
