/**
 * The frame of a record. It consists of a length field of 8 bytes (little-endian; the low 56 bits
 * are the length of the record, the top byte is `0x80 | padding` if there is padding), the record,
 * and zeros up to a multiple of 8. A length field of 0 means that no record follows in this file.
 */
import { lengthFieldBytes } from './layout.ts';

/** The number of zeros after a record of this length. */
export function paddingOf(recordBytes: number): number {
  return (8 - (recordBytes % 8)) % 8;
}

/** The length of the frame of a record of this length. */
export function frameBytes(recordBytes: number): number {
  return lengthFieldBytes + recordBytes + paddingOf(recordBytes);
}

/** Writes the length field at offset `at`. */
export function writeLengthField(target: Uint8Array, at: number, recordBytes: number): void {
  const padding = paddingOf(recordBytes);
  let rest = recordBytes;
  for (let byte = 0; byte < 7; byte += 1) {
    target[at + byte] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
  target[at + 7] = padding === 0 ? 0 : 0x80 | padding;
}

/** The result of reading a length field; the object is reused. */
export interface LengthField {
  recordBytes: number;
  padding: number;
}

export function newLengthField(): LengthField {
  return { recordBytes: 0, padding: 0 };
}

/**
 * Reads the length field at offset `at`. Returns false if it is 0. Like etcd, it takes the padding
 * from the top byte, whatever the length is; bits 3 to 6 of that byte are ignored.
 */
export function readLengthField(view: DataView, at: number, field: LengthField): boolean {
  const low = view.getUint32(at, true);
  const high = view.getUint32(at + 4, true);
  if (low === 0 && high === 0) return false;
  const upper = high & 0xff_ffff;
  // Lengths below 2^32 stay 32-bit integers.
  field.recordBytes = upper === 0 ? low : upper * 0x1_0000_0000 + low;
  const top = high >>> 24;
  field.padding = (top & 0x80) === 0 ? 0 : top & 7;
  return true;
}
