import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { crc32ByTable, crc32cByTable, type CrcByTable } from '@babuza/wal-core/backend';

/** Calculates a CRC bit by bit, as the definition has it. */
function bitwise(polynomial: number, previous: number, bytes: Uint8Array): number {
  let crc = ~previous;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : polynomial);
  }
  return ~crc >>> 0;
}

const bytes: Uint8Array = new Uint8Array(400).map((_, at) => (at * 193 + (at >> 3)) & 255);

const kinds: readonly (readonly [string, CrcByTable, number, number])[] = [
  ['CRC-32', crc32ByTable, 0xedb8_8320, 0xcbf4_3926],
  ['CRC-32C', crc32cByTable, 0x82f6_3b78, 0xe306_9283],
];

describe.each(kinds)('%s by table', (_, byTable, polynomial, check) => {
  it('has its check value', () => {
    expect(byTable(0, new TextEncoder().encode('123456789'))).toBe(check);
  });

  it('agrees with the definition for every length and every offset within a step', () => {
    for (let length = 0; length < 80; length += 1) {
      for (let start = 0; start < 17; start += 1) {
        const part = bytes.subarray(start, start + length);
        const expected = bitwise(polynomial, 0x1234_5678, part);
        expect(byTable(0x1234_5678, bytes, start, start + length)).toBe(expected);
      }
    }
  });

  it('continues a checksum over the next piece', () => {
    for (let cut = 0; cut <= bytes.length; cut += 7) {
      expect(byTable(byTable(0, bytes, 0, cut), bytes, cut)).toBe(byTable(0, bytes));
    }
  });
});

it('CRC-32 by table agrees with zlib', () => {
  expect(crc32ByTable(0, bytes)).toBe(crc32(bytes));
});
