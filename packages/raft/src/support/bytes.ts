/** Integers in 8 bytes, big-endian. They are below 2^53, so that a double holds them exactly. */

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `value` is an integer from 0 to 2^53 − 1. */
export function writeInteger(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, Math.floor(value / 2 ** 32));
  view.setUint32(offset + 4, value >>> 0);
}

/** Returns `NaN` for a value above 2^53 − 1. */
export function readInteger(view: DataView, offset: number): number {
  const value = view.getUint32(offset) * 2 ** 32 + view.getUint32(offset + 4);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
