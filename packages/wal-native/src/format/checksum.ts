/**
 * Each frame has two checksums. A CRC-32 covers header and body. A header check covers the header
 * alone, so that a damaged length is detected before it is used. The header check is a hash over
 * eight words in JavaScript, because the overhead of a call of `zlib` for 32 bytes is larger than
 * that.
 *
 * Both start from a seed made of the salt of the segment and the offset of the frame. So a frame of
 * another segment, of an earlier use of a recycled file, or at another offset of the same file does
 * not pass.
 */
import { crc32 } from 'node:zlib';

/** One step: spreads `word` over all bits of `hash` (the rounds of MurmurHash3, 32 bits). */
export function mix(hash: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e2d51);
  mixed = (mixed << 15) | (mixed >>> 17);
  let next = hash ^ Math.imul(mixed, 0x1b873593);
  next = (next << 13) | (next >>> 19);
  return (Math.imul(next, 5) + 0xe6546b64) | 0;
}

/** The last step: every bit of the input may change every bit of the result. Unsigned. */
export function finish(hash: number): number {
  let next = hash ^ (hash >>> 16);
  next = Math.imul(next, 0x85ebca6b);
  next ^= next >>> 13;
  next = Math.imul(next, 0xc2b2ae35);
  return (next ^ (next >>> 16)) >>> 0;
}

/** The start value of both checksums of the frame at `offset`. Unsigned. */
export function frameSeed(salt: number, offset: number): number {
  return finish(mix(mix(0x62616275, salt), offset >>> 3));
}

/** CRC-32 of `data`, continued from `start`. */
export function checksum(data: Uint8Array, start = 0): number {
  return crc32(data, start);
}
