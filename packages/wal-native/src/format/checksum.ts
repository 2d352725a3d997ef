/**
 * Two checksums guard a frame. The long one is CRC-32 over header and body: it proves the content.
 * The short one covers the header alone, so that a wrong length is known as such before it is
 * believed; it is a mixing function over eight words, because a call of `zlib` for 32 bytes costs
 * more than the work.
 *
 * Both start from a seed made of the segment's salt and the frame's offset: a frame of another
 * segment, of an earlier life of a recycled file, or at another place of the same file does not
 * fit.
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

/** What both checksums of the frame at `offset` start from. Unsigned. */
export function frameSeed(salt: number, offset: number): number {
  return finish(mix(mix(0x62616275, salt), offset >>> 3));
}

/** CRC-32 of `data`, continued from `start`. */
export function checksum(data: Uint8Array, start = 0): number {
  return crc32(data, start);
}
