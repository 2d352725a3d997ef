/**
 * CRC-32 and CRC-32C in plain JavaScript. `node:zlib` has no CRC-32C, and for short inputs a call
 * into a native library costs more than the calculation. The code takes sixteen bytes a step, with
 * one table for each of them ("slicing-by-16", after Kounavis and Berry, 2008). Both polynomials
 * are reflected, and the value is inverted at both ends. Only back ends use it.
 */

/**
 * Continues the checksum `previous` over `bytes`, from `start` up to but not including `end`.
 * Returns an integer from 0 to 2^32 − 1.
 */
export type CrcByTable = (
  previous: number,
  bytes: Uint8Array,
  start?: number,
  end?: number,
) => number;

const stepBytes = 16;

function crcByTable(polynomial: number): CrcByTable {
  /** Table k starts at `256 * k`. It holds the effect of a byte that k more bytes follow. */
  const t = tablesOf(polynomial);
  return (previous, b, start = 0, end = b.length) => {
    let crc = ~previous;
    // `| 0` keeps the offsets 32-bit integers. V8 makes an index that is a double four times
    // slower.
    let i = start | 0;
    const stop = end | 0;
    for (const last = stop - stepBytes; i <= last; i += stepBytes) {
      const low = crc ^ word(b, i);
      crc =
        (t[3840 | (low & 255)] ?? 0) ^
        (t[3584 | ((low >>> 8) & 255)] ?? 0) ^
        (t[3328 | ((low >>> 16) & 255)] ?? 0) ^
        (t[3072 | (low >>> 24)] ?? 0) ^
        (t[2816 | (b[i + 4] ?? 0)] ?? 0) ^
        (t[2560 | (b[i + 5] ?? 0)] ?? 0) ^
        (t[2304 | (b[i + 6] ?? 0)] ?? 0) ^
        (t[2048 | (b[i + 7] ?? 0)] ?? 0) ^
        (t[1792 | (b[i + 8] ?? 0)] ?? 0) ^
        (t[1536 | (b[i + 9] ?? 0)] ?? 0) ^
        (t[1280 | (b[i + 10] ?? 0)] ?? 0) ^
        (t[1024 | (b[i + 11] ?? 0)] ?? 0) ^
        (t[768 | (b[i + 12] ?? 0)] ?? 0) ^
        (t[512 | (b[i + 13] ?? 0)] ?? 0) ^
        (t[256 | (b[i + 14] ?? 0)] ?? 0) ^
        (t[b[i + 15] ?? 0] ?? 0);
    }
    for (; i < stop; i += 1) crc = (t[(crc ^ (b[i] ?? 0)) & 255] ?? 0) ^ (crc >>> 8);
    return ~crc >>> 0;
  };
}

function word(b: Uint8Array, i: number): number {
  return (b[i] ?? 0) | ((b[i + 1] ?? 0) << 8) | ((b[i + 2] ?? 0) << 16) | ((b[i + 3] ?? 0) << 24);
}

function tablesOf(polynomial: number): Int32Array {
  const made = new Int32Array(256 * stepBytes);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : polynomial);
    made[byte] = crc;
  }
  for (let at = 256; at < made.length; at += 1) {
    const before = made[at - 256] ?? 0;
    made[at] = (before >>> 8) ^ (made[before & 255] ?? 0);
  }
  return made;
}

/**
 * CRC-32C (Castagnoli; RFC 3720, appendix B.4). The checksum of "123456789", from 0, is E3069283.
 */
export const crc32cByTable: CrcByTable = crcByTable(0x82f6_3b78);

/** CRC-32 as `node:zlib` calculates it. The checksum of "123456789", from 0, is CBF43926. */
export const crc32ByTable: CrcByTable = crcByTable(0xedb8_8320);
