/**
 * The rule for torn records: a record was not written completely if one of its parts, divided at
 * sector boundaries, is all zeros.
 */
import { describe, expect, it } from 'vitest';
import { isTornRecord } from '../src/recovery/torn-record.ts';

/** Bytes that are not zero, except in this range. */
const withZeros = (length: number, start: number, end: number): Uint8Array =>
  new Uint8Array(length).fill(1).fill(0, start, end);

describe('a record of some sectors', () => {
  // The record is at offset 520: its parts have 504, 512, 512 and 72 bytes.
  const cuts = [0, 504, 1016, 1528, 1600];

  for (const at of [0, 1, 2, 3]) {
    const [start = 0, end = 0] = cuts.slice(at);
    it(`is torn if part ${at} is all zeros`, () => {
      expect(isTornRecord(withZeros(1600, start, end), 520)).toBe(true);
    });

    it(`is not torn if one byte of part ${at} is there`, () => {
      for (const place of [start, start + 1, end - 2, end - 1]) {
        const bytes = withZeros(1600, start, end);
        bytes[place] = 1;
        expect(isTornRecord(bytes, 520)).toBe(false);
      }
    });
  }

  it('is not torn if 512 zeros cross a sector boundary', () => {
    expect(isTornRecord(withZeros(1600, 505, 1017 - 2), 520)).toBe(false);
    expect(isTornRecord(withZeros(1600, 250, 762), 520)).toBe(false);
  });

  it('is complete without zeros', () => {
    expect(isTornRecord(withZeros(1600, 0, 0), 520)).toBe(false);
    expect(isTornRecord(withZeros(504, 0, 0), 520)).toBe(false);
    expect(isTornRecord(withZeros(512, 0, 0), 512)).toBe(false);
  });

  it('may start and end at a sector boundary', () => {
    expect(isTornRecord(withZeros(1024, 512, 1024), 1024)).toBe(true);
    expect(isTornRecord(withZeros(1024, 0, 512), 1024)).toBe(true);
    expect(isTornRecord(withZeros(1024, 511, 1023), 1024)).toBe(false);
  });
});
