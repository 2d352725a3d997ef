/** The order of the keys, and parsing them. */
import { describe, expect, it } from 'vitest';
import { GroupKeys, KeyKind, parseKey, type KeyRange } from '../src/keys.ts';
import { bytes, hex } from './hostile-store.ts';

const groups = [0n, 1n, 255n, 256n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 2n, 2n ** 64n - 1n];
const indexes = [0, 1, 2, 255, 256, 65_535, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, 2 ** 53 - 1];

/** All kinds of keys of these groups and indexes in the required order. */
function allKeys(): Uint8Array[] {
  return groups.flatMap((groupId) => {
    const keys = new GroupKeys(groupId);
    return [
      keys.header,
      keys.state,
      ...indexes.map((index) => keys.marker(index)),
      ...indexes.map((index) => keys.termRun(index)),
      ...indexes.map((index) => keys.entry(index)),
    ];
  });
}

function within(key: Uint8Array, { gte, lt }: KeyRange): boolean {
  return Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lt) < 0;
}

describe('keys', () => {
  it('are ordered by group, kind and index', () => {
    const keys = allKeys();
    const ordered = [...keys].sort((one, other) => Buffer.compare(one, other));
    expect(ordered.map(hex)).toEqual(keys.map(hex));
    expect(new Set(keys.map(hex)).size).toBe(keys.length);
  });

  it('have these bytes', () => {
    const keys = new GroupKeys(0x0102_0304_0506_0708n);
    expect(hex(keys.header)).toBe('010203040506070810');
    expect(hex(keys.state)).toBe('010203040506070820');
    expect(hex(keys.marker(258))).toBe('0102030405060708300000000000000102');
    expect(hex(keys.termRun(2 ** 32))).toBe('0102030405060708400000000100000000');
    expect(hex(keys.entry(2 ** 53 - 1))).toBe('010203040506070850001fffffffffffff');
  });

  it('are parsed', () => {
    const keys = new GroupKeys(9n);
    expect(parseKey(keys.header)).toEqual({ kind: KeyKind.Header, index: 0 });
    expect(parseKey(keys.state)).toEqual({ kind: KeyKind.State, index: 0 });
    for (const index of indexes) {
      expect(parseKey(keys.marker(index))).toEqual({ kind: KeyKind.Marker, index });
      expect(parseKey(keys.termRun(index))).toEqual({ kind: KeyKind.TermRun, index });
      expect(parseKey(keys.entry(index))).toEqual({ kind: KeyKind.Entry, index });
    }
  });

  it('of another form are not parsed', () => {
    for (const foreign of [
      '',
      '00',
      '0000000000000001',
      '000000000000000100',
      '000000000000000110ff',
      '00000000000000012000',
      '000000000000000130',
      '00000000000000015000000000000001',
      '000000000000000150000000000000000100',
      '000000000000000150ffffffffffffffff',
      '00000000000000015100000000000000ff',
    ]) {
      expect(parseKey(bytes(foreign)), foreign).toBe(undefined);
    }
  });

  it('form ranges that contain exactly the keys that they name', () => {
    for (const groupId of groups) {
      const keys = new GroupKeys(groupId);
      const prefix = hex(keys.header).slice(0, 16);
      for (const key of allKeys()) {
        const own = hex(key).startsWith(prefix);
        const parsed = parseKey(key);
        const isEntry = own && parsed?.kind === KeyKind.Entry;
        const index = parsed?.index ?? 0;
        expect(within(key, keys.all)).toBe(own);
        expect(within(key, keys.records)).toBe(own && !isEntry);
        expect(within(key, keys.fromEntry(255))).toBe(isEntry && index >= 255);
        expect(within(key, keys.entriesBetween(2, 256))).toBe(isEntry && index >= 2 && index < 256);
      }
      expect(within(bytes(`${prefix}ff`), keys.all)).toBe(true);
      expect(within(bytes(prefix), keys.all)).toBe(true);
    }
  });
});
