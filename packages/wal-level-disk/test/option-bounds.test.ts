/** Every option at its bounds, one below and one above. */
import { describe, expect, it } from 'vitest';
import { checkedDiskOptions } from '../src/options.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const gibibyte = 1024 * mebibyte;

describe.each([
  ['writeBufferBytes', 64 * kibibyte, gibibyte, 4 * mebibyte],
  ['blockCacheBytes', 0, 2 * gibibyte, 8 * mebibyte],
  ['blockBytes', kibibyte, 4 * mebibyte, 4 * kibibyte],
  ['tableBytes', mebibyte, gibibyte, 2 * mebibyte],
  ['openTablesMax', 74, 50_000, 1000],
  ['compactPurgedBytes', 0, Number.MAX_SAFE_INTEGER, 4 * mebibyte],
] as const)('%s', (name, min, max, byDefault) => {
  it('is accepted at both of its bounds', () => {
    for (const value of [min, min + 1, max - 1, max]) {
      expect(checkedDiskOptions({ [name]: value }).disk[name]).toBe(value);
    }
    expect(checkedDiskOptions().disk[name]).toBe(byDefault);
  });

  it('is refused one below, one above, and when it is not an integer', () => {
    for (const value of [min - 1, max + 1, min + 0.5, Number.NaN, Infinity]) {
      const check = (): unknown => checkedDiskOptions({ [name]: value });
      expect(check, String(value)).toThrow(
        expect.objectContaining({ code: 'WAL_INVALID', message: expect.stringContaining(name) }),
      );
    }
  });
});
