/** The memory of the cache: which payloads share it, and when it is reused. */
import { RingCache } from '@babuza/wal-core/backend';
import type { Entry } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';

const kib = 1024;
const slabBytes = 64 * kib;

const entry = (index: number, bytes: number, fill = index % 251): Entry => ({
  index,
  term: 1,
  type: 0,
  data: new Uint8Array(bytes).fill(fill),
});

const bufferAt = (cache: RingCache, index: number): ArrayBufferLike | undefined =>
  cache.get(index)?.data?.buffer;

function filled(entriesMax: number, count: number, bytesOf: (index: number) => number): RingCache {
  const cache = new RingCache({ entriesMax, bytesMax: 10_000 * kib });
  for (let index = 1; index <= count; index += 1) cache.append(entry(index, bytesOf(index)));
  return cache;
}

describe('the memory of cached payloads', () => {
  it('is shared by small payloads until 64 KiB are full', () => {
    const cache = filled(100, 17, () => 8 * kib);
    const indexes = Array.from({ length: 17 }, (_, at) => at + 1);
    const shares = indexes.map((index) =>
      indexes.find((other) => bufferAt(cache, other) === bufferAt(cache, index)),
    );
    expect(shares).toEqual([...Array<number>(8).fill(1), ...Array<number>(8).fill(9), 17]);
    expect(bufferAt(cache, 1)?.byteLength).toBe(slabBytes);
    expect([1, 2, 9].map((index) => cache.get(index)?.data?.byteOffset)).toEqual([0, 8 * kib, 0]);
  });

  it('holds a single payload from 16 KiB on', () => {
    const cache = filled(100, 2, (index) => 16 * kib - (index % 2));
    expect(bufferAt(cache, 1)?.byteLength).toBe(slabBytes);
    expect(bufferAt(cache, 2)?.byteLength).toBe(16 * kib);
  });

  it('is reused if no reader has a payload of it', () => {
    // Nine entries of 7,000 bytes fit into 64 KiB; the rest of the slab keeps its old content.
    const cache = new RingCache({ entriesMax: 9, bytesMax: 1000 * kib });
    for (let index = 1; index <= 18; index += 1) cache.append(entry(index, 7000, 0xa5));
    cache.append(entry(19, 1, 0));
    const buffer = bufferAt(cache, 19);
    expect(buffer).toBeDefined();
    const old = new Uint8Array(buffer ?? new ArrayBuffer(0)).subarray(1, 63_000);
    expect(old).toHaveLength(62_999);
    expect(old.every((byte) => byte === 0xa5)).toBe(true);
  });

  it('is reused once: when it is full, another slab is used', () => {
    const cache = filled(100, 20, () => 15 * kib);
    // Four entries fill 64 KiB. The first ones are dropped while the second ones are still cached.
    cache.compactTo(16);
    for (let index = 21; index <= 32; index += 1) cache.append(entry(index, 15 * kib));
    for (let index = 17; index <= 32; index += 1) {
      expect(cache.get(index)).toEqual(entry(index, 15 * kib));
    }
  });

  it('is reused also after a single payload of 64 KiB', () => {
    const cache = new RingCache({ entriesMax: 1, bytesMax: 1000 * kib });
    cache.append(entry(1, slabBytes, 0xa5));
    cache.append(entry(2, 1, 0));
    const old = new Uint8Array(bufferAt(cache, 2) ?? new ArrayBuffer(0)).subarray(1);
    expect(old).toHaveLength(slabBytes - 1);
    expect(old.every((byte) => byte === 0xa5)).toBe(true);
  });

  it.each([
    ['small', () => 10_000],
    ['large', () => 20_000],
    ['small and large', (index: number) => (index % 3 === 0 ? 20_000 : 10_000)],
    ['as large as what small ones share', (index: number) => (index % 4 === 0 ? slabBytes : 9000)],
  ])('never holds two payloads in one place: %s ones', (_, bytesOf) => {
    for (let count = 1; count <= 40; count += 1) {
      const cache = filled(8, count, bytesOf);
      expect(cache.count).toBe(Math.min(8, count));
      for (let index = cache.firstIndex; index <= count; index += 1) {
        const data = cache.get(index)?.data;
        expect(data).toHaveLength(bytesOf(index));
        expect(data?.every((byte) => byte === index)).toBe(true);
      }
    }
  });

  it('with a payload that a reader has is not filled after the cache was cleared', () => {
    const cache = filled(8, 1, () => 100);
    const buffer = bufferAt(cache, 1);
    cache.clear();
    cache.append(entry(5, 100));
    expect(bufferAt(cache, 5) === buffer).toBe(false);
  });
});

describe('a run of cached entries', () => {
  const indexesOf = (cache: RingCache): number[] =>
    Array.from({ length: 12 }, (_, index) => index).filter((index) => cache.get(index));
  const boundsOf = ({ firstIndex, lastIndex, count, bytes }: RingCache): number[] => [
    firstIndex,
    lastIndex,
    count,
    bytes,
  ];

  it('keeps the entries below a truncation, and continues there', () => {
    const cache = new RingCache({ entriesMax: 8, bytesMax: 1000 });
    for (let index = 3; index <= 9; index += 1) cache.append(entry(index, 10));
    cache.truncateFrom(10);
    expect(boundsOf(cache)).toEqual([3, 9, 7, 70]);
    cache.truncateFrom(6);
    expect([boundsOf(cache), indexesOf(cache)]).toEqual([
      [3, 5, 3, 30],
      [3, 4, 5],
    ]);
    cache.append(entry(6, 10));
    expect(boundsOf(cache)).toEqual([3, 6, 4, 40]);
    cache.truncateFrom(2);
    expect(boundsOf(cache)).toEqual([2, 1, 0, 0]);
    cache.append(entry(2, 10));
    expect(indexesOf(cache)).toEqual([2]);
  });

  it('keeps the entries above a compaction, and continues after them', () => {
    const cache = new RingCache({ entriesMax: 8, bytesMax: 1000 });
    for (let index = 3; index <= 9; index += 1) cache.append(entry(index, 10));
    cache.compactTo(2);
    expect(boundsOf(cache)).toEqual([3, 9, 7, 70]);
    cache.compactTo(8);
    expect([boundsOf(cache), indexesOf(cache)]).toEqual([[9, 9, 1, 10], [9]]);
    cache.compactTo(9);
    expect(boundsOf(cache)).toEqual([10, 9, 0, 0]);
    cache.compactTo(11);
    expect(boundsOf(cache)).toEqual([12, 11, 0, 0]);
    cache.append(entry(12, 10));
    expect(boundsOf(cache)).toEqual([12, 12, 1, 10]);
  });

  it('holds entries without data, which need no bytes', () => {
    const cache = new RingCache({ entriesMax: 8, bytesMax: 10 });
    cache.append({ index: 1, term: 4, type: 2, data: undefined });
    cache.append(entry(2, 10));
    expect(cache.get(1)).toEqual({ index: 1, term: 4, type: 2, data: undefined });
    expect(boundsOf(cache)).toEqual([1, 2, 2, 10]);
    expect([cache.get(0), cache.get(3)]).toEqual([undefined, undefined]);
    cache.clear();
    expect(boundsOf(cache)).toEqual([1, 0, 0, 0]);
  });
});
