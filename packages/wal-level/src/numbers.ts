/**
 * Integers in keys and values. They are big-endian: a database orders keys by their bytes, and
 * values follow the same rule.
 */

/** The size of a term or an index. Both are at most 2^53 − 1. */
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
 * Reads what `writeInteger` wrote. A value above 2^53 − 1 returns an unsafe integer, which the
 * caller must refuse.
 */
export function readInteger(source: DataView, offset: number): number {
  return source.getUint32(offset) * lowRange + source.getUint32(offset + 4);
}
