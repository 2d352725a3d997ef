/**
 * Writes tags and values at an offset and returns the offset of their end. Nothing is checked here:
 * the caller has computed the size of the whole message with `size.ts`, which refuses invalid
 * values, and has made sure that it fits.
 */

/** Above this value the 32-bit operators of JavaScript do not work. */
const int31Limit = 0x8000_0000;
const lowMask = 0xffff_ffffn;

/** A tag and a number, for a field that is always written. */
export function writeNumber(
  target: Uint8Array,
  offset: number,
  tag: number,
  value: number,
): number {
  target[offset] = tag;
  return writeVarint(target, offset + 1, value);
}

/** A tag and an id of up to 64 bits. */
export function writeId(target: Uint8Array, offset: number, tag: number, id: bigint): number {
  target[offset] = tag;
  if (id <= lowMask) return writeVarint(target, offset + 1, Number(id));
  return writeVarint64(target, offset + 1, Number(id & lowMask), Number(id >> 32n));
}

/** A tag, the length, and a copy of the bytes. */
export function writeBytes(
  target: Uint8Array,
  offset: number,
  tag: number,
  data: Uint8Array,
): number {
  target[offset] = tag;
  const start = writeVarint(target, offset + 1, data.length);
  target.set(data, start);
  return start + data.length;
}

/** A tag and the length of an embedded message, which the caller writes after it. */
export function writeEmbeddedHead(
  target: Uint8Array,
  offset: number,
  tag: number,
  bodyBytes: number,
): number {
  target[offset] = tag;
  return writeVarint(target, offset + 1, bodyBytes);
}

/**
 * Writes a safe integer, the low seven bits first. The high bit of a byte says that more follow.
 */
function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let end = offset;
  while (rest >= int31Limit) {
    target[end++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest >= 0x80) {
    target[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[end++] = rest;
  return end;
}

/** Writes a number of 64 bits in two halves. `high` must not be 0. */
function writeVarint64(target: Uint8Array, offset: number, low: number, high: number): number {
  let end = offset;
  let lowRest = low;
  let highRest = high;
  while (highRest !== 0) {
    target[end++] = (lowRest & 0x7f) | 0x80;
    lowRest = ((lowRest >>> 7) | (highRest << 25)) >>> 0;
    highRest >>>= 7;
  }
  return writeVarint(target, end, lowRest);
}
