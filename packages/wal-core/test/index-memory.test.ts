/** The memory of an index: `WalStats.indexBytes` is exactly the memory that it holds. */
import { InvariantError, PositionIndex, TermIndex } from '@babuza/wal-core/backend';
import { describe, expect, it } from 'vitest';

const runOfTerms = 16;
const offset = 4;
const pageEntries = 1024;

/** Adds entries of one term from `base + 1` on, as many to each segment as `counts` says. */
function indexOf(counts: readonly number[], base = 0): PositionIndex {
  const index = new PositionIndex(base, 1);
  for (const [segmentId, count] of counts.entries()) {
    for (let at = 0; at < count; at += 1) {
      index.append(index.lastIndex + 1, 1, segmentId, 64 + 8 * at);
    }
  }
  return index;
}

const bytesOf = (index: PositionIndex): number => index.memoryBytes - runOfTerms;

describe('the memory of an index with positions', () => {
  it.each([
    [[], 0],
    [[1], 32 * offset],
    [[32], 32 * offset],
    [[33], 64 * offset],
    [[65], 128 * offset],
    [[pageEntries], pageEntries * offset],
    [[pageEntries + 1], 2 * pageEntries * offset],
    [[2 * pageEntries], 2 * pageEntries * offset],
    [[2 * pageEntries + 1], 3 * pageEntries * offset],
    [[4 * pageEntries + 1], 5 * pageEntries * offset],
    [[1, 1, 40], (32 + 32 + 64) * offset],
  ])('is that of its pages, with %j entries in its segments: %i bytes', (counts, bytes) => {
    expect(bytesOf(indexOf(counts))).toBe(bytes);
  });

  it('shrinks by each page and each segment whose entries are all compacted', () => {
    const index = indexOf([3 * pageEntries, 10]);
    const full = bytesOf(index);
    index.compactTo(pageEntries - 1);
    expect(bytesOf(index)).toBe(full);
    expect(index.runOf(pageEntries).offsetOf(pageEntries)).toBe(64 + 8 * (pageEntries - 1));
    index.compactTo(pageEntries);
    expect(bytesOf(index)).toBe(full - pageEntries * offset);
    expect(index.runOf(pageEntries + 1).offsetOf(pageEntries + 1)).toBe(64 + 8 * pageEntries);
    index.compactTo(3 * pageEntries - 1);
    expect(bytesOf(index)).toBe((pageEntries + 32) * offset);
    index.compactTo(3 * pageEntries);
    expect(bytesOf(index)).toBe(32 * offset);
    index.compactTo(3 * pageEntries + 10);
    expect(bytesOf(index)).toBe(0);
  });

  it('shrinks by each page and each segment whose entries are all truncated', () => {
    const index = indexOf([3 * pageEntries, 10]);
    index.truncateFrom(3 * pageEntries + 2);
    expect(bytesOf(index)).toBe((3 * pageEntries + 32) * offset);
    index.truncateFrom(3 * pageEntries + 1);
    expect(bytesOf(index)).toBe(3 * pageEntries * offset);
    index.truncateFrom(2 * pageEntries + 2);
    expect(bytesOf(index)).toBe(3 * pageEntries * offset);
    index.truncateFrom(2 * pageEntries + 1);
    expect(bytesOf(index)).toBe(2 * pageEntries * offset);
    expect(index.runOf(1).lastIndex).toBe(2 * pageEntries);
  });

  it('grows with each change of the term', () => {
    const terms = new TermIndex();
    for (let index = 1; index <= 100; index += 1) terms.append(index, index);
    expect(terms.memoryBytes).toBe(101 * runOfTerms);
    const index = new PositionIndex();
    index.append(1, 1, 0, 0);
    expect(index.memoryBytes).toBe(2 * runOfTerms + 32 * offset);
  });
});

describe('positions', () => {
  it('are known for the entries of the index only', () => {
    const index = indexOf([3, 2], 10);
    expect([11, 13, 14, 15].map((at) => index.runOf(at).segmentId)).toEqual([0, 0, 1, 1]);
    for (const at of [0, 10, 16]) expect(() => index.runOf(at)).toThrow(InvariantError);
    expect(() => index.runOf(11).offsetOf(10)).toThrow(InvariantError);
    expect(() => new PositionIndex().runOf(1)).toThrow(InvariantError);
    index.compactTo(13);
    expect(() => index.runOf(13)).toThrow(InvariantError);
  });

  it('of one segment are listed without compacted entries', () => {
    const index = indexOf([3, 2], 10);
    expect(index.offsetsIn(0)).toEqual([{ firstIndex: 11, offsets: [64, 72, 80] }]);
    expect(index.offsetsIn(1)).toEqual([{ firstIndex: 14, offsets: [64, 72] }]);
    expect(index.offsetsIn(2)).toEqual([]);
    index.compactTo(12);
    expect(index.offsetsIn(0)).toEqual([{ firstIndex: 13, offsets: [80] }]);
    // After a truncation one segment can hold two runs, with a run of another segment between them.
    index.truncateFrom(15);
    index.append(15, 2, 0, 800);
    expect(index.offsetsIn(0)).toEqual([
      { firstIndex: 13, offsets: [80] },
      { firstIndex: 15, offsets: [800] },
    ]);
    expect(index.offsetsIn(1)).toEqual([{ firstIndex: 14, offsets: [64] }]);
  });
});
