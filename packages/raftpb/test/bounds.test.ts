/** Numbers, lengths and buffers at the bounds where the code branches. */
import { describe, expect, it } from 'vitest';
import {
  decodeConfState,
  decodeHardState,
  decodeMessage,
  decodeSnapshot,
  encodeHardState,
  RaftpbDecodeError,
} from '../src/index.ts';
import { allocate } from '../src/wire/allocate.ts';
import { bytes, concat, tag, varint } from './wire.ts';

const slabBytes = 8192;

describe('an id', () => {
  it.each([
    ['2^53', 2n ** 53n],
    ['2^54', 2n ** 54n],
    ['2^63', 2n ** 63n],
    ['2^64', 2n ** 64n - 6n],
  ])('around %s keeps each of its bits', (_, around) => {
    for (let step = -3n; step <= 5n; step += 1n) {
      const state = { term: 0, vote: around + step, commit: 0 };
      expect(decodeHardState(encodeHardState(state))).toStrictEqual(state);
    }
  });
});

describe('a number that is read as true or false', () => {
  it.each([
    ['0', 0n, false],
    ['1', 1n, true],
    ['2', 2n, true],
    ['2^31', 2n ** 31n, true],
    ['2^32', 2n ** 32n, true],
    ['2^40', 2n ** 40n, true],
    ['2^63', 2n ** 63n, true],
  ])('is so where it is %s', (_, number, expected) => {
    expect(decodeMessage(concat(tag(10, 0), varint(number))).reject).toBe(expected);
    expect(decodeConfState(concat(tag(5, 0), varint(number))).autoLeave).toBe(expected);
  });
});

describe('an embedded message', () => {
  /** The error for bytes that continue after the end of the embedded message. */
  function errorOf(decode: (input: Uint8Array) => unknown, hex: string): unknown {
    try {
      return decode(bytes(hex));
    } catch (error) {
      return error;
    }
  }

  it.each([
    // The message after each of them is valid without it.
    ['data of two bytes in an entry of two', '3a 02 22 02 10 05', 'Entry.data'],
    ['data of two bytes in an entry of three', '3a 03 22 02 61 10 05', 'Entry.data'],
    ['an unknown field of four bytes', '3a 01 3d 10 05 18 06', 'Entry'],
    ['an unknown field of eight bytes', '3a 01 39 10 05 18 06 20 07 28 08', 'Entry'],
    ['an unknown field with a length', '3a 02 3a 02 10 05', 'Entry'],
  ])('does not take %s from what follows it', (_, hex, what) => {
    const error = errorOf(decodeMessage, hex);
    expect(error).toBeInstanceOf(RaftpbDecodeError);
    expect(error).toMatchObject({ what });
  });

  it('in a snapshot does not take a list of ids from what follows it', () => {
    // The membership has two bytes; its list of ids says that it has two more.
    const error = errorOf(decodeSnapshot, '12 06 0a 02 0a 02 10 05');
    expect(error).toBeInstanceOf(RaftpbDecodeError);
  });
});

describe('the buffer of an encoded message', () => {
  /** Leaves this many bytes in the current slab. */
  function leave(left: number): void {
    let used = slabBytes;
    while (used > 100) {
      const { byteOffset, length } = allocate(100);
      used = byteOffset + length;
    }
    for (let rest = slabBytes - used - left; rest > 0;) {
      rest -= allocate(rest > 1100 ? 1000 : rest).length;
    }
  }

  it.each([
    [1999, slabBytes - 2000],
    [2000, slabBytes - 2000],
    [2001, 0],
  ])('of %i bytes, where 2,000 are left in a slab, begins at %i', (length, offset) => {
    leave(2000);
    const array = allocate(length);
    expect([array.length, array.byteOffset, array.buffer.byteLength]).toEqual([
      length,
      offset,
      slabBytes,
    ]);
    const next = allocate(65);
    const overlaps =
      next.buffer === array.buffer && next.byteOffset < array.byteOffset + array.length;
    expect(overlaps).toBe(false);
  });

  it.each([
    [64, 64],
    [65, slabBytes],
    [2048, slabBytes],
    [2049, 2049],
  ])('of %i bytes belongs to one of %i', (length, bufferBytes) => {
    expect(allocate(length).buffer.byteLength).toBe(bufferBytes);
  });
});
