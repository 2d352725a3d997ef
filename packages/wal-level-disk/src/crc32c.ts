/** CRC-32C (Castagnoli), the checksum of LevelDB's blocks; `node:zlib` has the other polynomial only. */

/** The polynomial, its bits reversed (RFC 3720, appendix B.4, has test vectors). */
const polynomial = 0x82f6_3b78;

const table: Uint32Array = new Uint32Array(256).map((_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) * polynomial);
  return crc;
});

/** From 0 to 2^32 − 1. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffff_ffff) >>> 0;
}
