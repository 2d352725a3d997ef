/**
 * The small parts of the format: checksum, length field, names, torn records. `messages.test.ts`
 * has the messages.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../src/format/crc32c.ts';
import {
  frameBytes,
  paddingOf,
  readLengthField,
  writeLengthField,
  type LengthField,
} from '../src/format/frame.ts';
import {
  hasSegmentSuffix,
  isTemporaryName,
  parseSegmentName,
  segmentName,
} from '../src/format/segment-name.ts';
import { isTornRecord } from '../src/recovery/torn-record.ts';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const counted = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at);

/** Calculates the checksum bit by bit, as the definition has it. */
function bitwise(previous: number, bytes: Uint8Array): number {
  let crc = ~previous;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0x82f63b78);
  }
  return ~crc >>> 0;
}

describe('CRC-32C', () => {
  // The first one is the check value of the CRC catalogue, the others are from RFC 3720, section
  // B.4.
  it.each([
    ['123456789', ascii('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 times 0xff', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', counted(32), 0x46dd794e],
    ['31 to 0', counted(32).reverse(), 0x113fdb5c],
  ])('of %s', (_, bytes, expected) => {
    expect(crc32c(0, bytes)).toBe(expected);
  });

  it('agrees with the definition for every length up to 64 at every alignment', () => {
    const bytes = counted(96).map((byte) => (byte * 167 + 13) & 255);
    for (let start = 0; start < 16; start += 1) {
      for (let length = 0; length <= 64; length += 1) {
        const expected = bitwise(0x1234_5678, bytes.subarray(start, start + length));
        expect(crc32c(0x1234_5678, bytes, start, start + length)).toBe(expected);
      }
    }
  });

  it('can be continued at every offset', () => {
    const cuts = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.nat(0xffff_ffff));
    fc.assert(
      fc.property(cuts, ([bytes, at, previous]) => {
        const whole = crc32c(previous, bytes);
        expect(whole).toBe(bitwise(previous, bytes));
        const cut = Math.min(at, bytes.length);
        expect(crc32c(crc32c(previous, bytes, 0, cut), bytes, cut)).toBe(whole);
      }),
    );
  });
});

describe('length field', () => {
  const read = (field: Uint8Array): LengthField | undefined => {
    const found = { recordBytes: -1, padding: -1 };
    return readLengthField(new DataView(field.buffer, field.byteOffset), 0, found)
      ? found
      : undefined;
  };
  const written = (recordBytes: number): Uint8Array => {
    const field = new Uint8Array(8).fill(0xaa);
    writeLengthField(field, 0, recordBytes);
    return field;
  };

  // Lengths around a multiple of 8, and a large one.
  it.each([
    [4, '0400000000000084'],
    [14, '0e00000000000082'],
    [16, '1000000000000000'],
  ])('of a record of %i bytes', (recordBytes, hex) => {
    expect(Buffer.from(written(recordBytes)).toString('hex')).toBe(hex);
  });

  it('has length and padding, which fill up to a multiple of 8', () => {
    const lengths = [...Array(65).keys(), 255, 256, 65_535, 2 ** 24, 2 ** 32, 2 ** 40 + 3].slice(1);
    for (const recordBytes of lengths) {
      const padding = paddingOf(recordBytes);
      expect(padding).toBeLessThan(8);
      expect((recordBytes + padding) % 8).toBe(0);
      expect(frameBytes(recordBytes)).toBe(8 + recordBytes + padding);
      expect(read(written(recordBytes))).toEqual({ recordBytes, padding });
    }
  });

  it('of 0 ends the file', () => {
    expect(read(new Uint8Array(8))).toBeUndefined();
  });

  it('has four unused bits', () => {
    for (let spare = 0; spare < 16; spare += 1) {
      const field = written(14);
      field[7] = (field[7] ?? 0) | (spare << 3);
      expect(read(field)).toEqual({ recordBytes: 14, padding: 2 });
    }
  });

  it('has padding only with the top bit, and every value of it is accepted', () => {
    expect(read(Uint8Array.of(14, 0, 0, 0, 0, 0, 0, 0x07))).toEqual({
      recordBytes: 14,
      padding: 0,
    });
    expect(read(Uint8Array.of(14, 0, 0, 0, 0, 0, 0, 0x87))).toEqual({
      recordBytes: 14,
      padding: 7,
    });
    expect(read(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80))).toEqual({ recordBytes: 0, padding: 0 });
  });

  it('can hold lengths of 56 bits', () => {
    const found = read(new Uint8Array(8).fill(0xff));
    expect(found).toEqual({ recordBytes: 2 ** 56, padding: 7 });
  });
});

describe('segment names', () => {
  it('are two numbers of 16 digits', () => {
    const { fileName } = segmentName(26n, 0xffff_ffff_ffff_ffffn);
    expect(fileName).toBe('000000000000001a-ffffffffffffffff.wal');
    expect(parseSegmentName(fileName)).toEqual({
      fileName,
      sequence: 26n,
      firstIndex: 0xffff_ffff_ffff_ffffn,
    });
  });

  it.each([
    ['9-ff.wal', 9n, 255n],
    ['0-0.wal', 0n, 0n],
    ['00000000000000AB-0000000000000001.wal', 171n, 1n],
    // etcd does not check the characters after the pattern, if the name ends with the suffix.
    ['1-2.wal.wal', 1n, 2n],
    ['1-2.wal and more.wal', 1n, 2n],
  ])('are read leniently: %s', (fileName, sequence, firstIndex) => {
    expect(parseSegmentName(fileName)).toEqual({ fileName, sequence, firstIndex });
  });

  it.each([
    'segment-one.wal',
    '0000000000000001-0000000000000001',
    '0000000000000001-0000000000000001.wal.broken',
    '00000000000000001-0000000000000001.wal',
    '0000000000000001-00000000000000001.wal',
    '-1.wal',
    '1-.wal',
    '1_2.wal',
    '0x1-2.wal',
    'a1-2.WAL',
    '.wal',
    '0.tmp',
    '',
  ])('are not: %j', (fileName) => {
    expect(parseSegmentName(fileName)).toBeUndefined();
  });

  it('any file that ends in .wal counts as a log', () => {
    expect(hasSegmentSuffix('zz.wal')).toBe(true);
    expect(hasSegmentSuffix('0000000000000000-0000000000000000.wal.broken')).toBe(false);
  });

  it('of prepared files are temporary', () => {
    expect(['0.tmp', '1.tmp', '12.tmp', 'a.tmp', '0.tmp.1'].map(isTemporaryName)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('torn records', () => {
  /**
   * A direct implementation of the rule: each byte belongs to the sector of its offset in the file.
   */
  function byTheRule(bytes: Uint8Array, fileOffset: number): boolean {
    const sectors = new Map<number, boolean>();
    for (const [at, byte] of bytes.entries()) {
      const sector = Math.floor((fileOffset + at) / 512);
      sectors.set(sector, (sectors.get(sector) ?? true) && byte === 0);
    }
    return [...sectors.values()].includes(true);
  }

  it('have a sector of zeros', () => {
    const bytes = new Uint8Array(2000).fill(1);
    expect(isTornRecord(bytes, 8)).toBe(false);
    // The sector from 512 to 1023 of the file is zero.
    expect(isTornRecord(bytes.slice().fill(0, 504, 1016), 8)).toBe(true);
    expect(isTornRecord(bytes.slice().fill(0, 505, 1016), 8)).toBe(false);
    expect(isTornRecord(bytes.slice().fill(0, 504, 1015), 8)).toBe(false);
    // The first and the last part may be shorter than a sector.
    expect(isTornRecord(bytes.slice().fill(0, 0, 504), 8)).toBe(true);
    expect(isTornRecord(bytes.slice().fill(0, 1528), 8)).toBe(true);
    expect(isTornRecord(new Uint8Array(3), 1000)).toBe(true);
    expect(isTornRecord(new Uint8Array(0), 1000)).toBe(false);
  });

  it('agree with the rule for zeros at every offset', () => {
    const zeros = fc.tuple(fc.nat(3000), fc.nat(1200));
    const record = fc.tuple(
      fc.integer({ min: 1, max: 3000 }),
      fc.nat(2000),
      fc.array(zeros, { maxLength: 4 }),
    );
    fc.assert(
      fc.property(record, ([length, words, ranges]) => {
        const bytes = new Uint8Array(length).fill(7);
        for (const [start, count] of ranges) bytes.fill(0, start, start + count);
        const fileOffset = words * 8;
        expect(isTornRecord(bytes, fileOffset)).toBe(byTheRule(bytes, fileOffset));
      }),
    );
  });
});
