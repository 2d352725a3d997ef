/** Compares the position index with a map, and checks its memory. */
import { InvariantError, PositionIndex } from '@babuza/wal-core/backend';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyIndexStep, checkIndex, indexSteps, NaiveIndex } from './naive-index.ts';

interface Position {
  readonly segmentId: number;
  readonly offset: number;
}

/** Returns positions as a log does: ascending, and now and then in a new segment. */
class Positions {
  readonly #entriesPerSegment: number;
  readonly #known = new Map<number, Position>();
  #count = 0;

  constructor(entriesPerSegment: number) {
    this.#entriesPerSegment = entriesPerSegment;
  }

  next(index: number): Position {
    const segmentId = Math.floor(this.#count / this.#entriesPerSegment);
    const offset = 64 + (this.#count % this.#entriesPerSegment) * 48;
    this.#count += 1;
    this.#known.set(index, { segmentId, offset });
    return { segmentId, offset };
  }

  check(index: PositionIndex): void {
    for (let at = index.firstIndex; at <= index.lastIndex;) {
      const run = index.runOf(at);
      expect(run.lastIndex).toBeGreaterThanOrEqual(at);
      for (; at <= Math.min(run.lastIndex, index.lastIndex); at += 1) {
        const found = { segmentId: run.segmentId, offset: run.offsetOf(at) };
        expect(found, `entry ${at}`).toEqual(this.#known.get(at));
      }
    }
  }
}

describe('PositionIndex', () => {
  it('agrees with a map, in small and large segments, within and across pages', () => {
    const segments = fc.constantFrom(1, 3, 700, 5000);
    const appendMax = fc.constantFrom(8, 1500);
    fc.assert(
      fc.property(indexSteps, segments, appendMax, (steps, entriesPerSegment, most) => {
        const index = new PositionIndex();
        const naive = new NaiveIndex();
        const positions = new Positions(entriesPerSegment);
        const append = (at: number, term: number): void => {
          const { segmentId, offset } = positions.next(at);
          index.append(at, term, segmentId, offset);
        };
        for (const step of steps) applyIndexStep(step, naive, index, append, most);
        checkIndex(index, naive);
        positions.check(index);
      }),
      { numRuns: 60 },
    );
  });

  it('takes at most 6 bytes an entry at 100,000 entries, in segments of any usual size', () => {
    for (const entriesPerSegment of [6000, 20_000, 1_000_000]) {
      const index = new PositionIndex();
      const positions = new Positions(entriesPerSegment);
      for (let at = 1; at <= 100_000; at += 1) {
        const { segmentId, offset } = positions.next(at);
        index.append(at, 1 + Math.floor(at / 10_000), segmentId, offset);
      }
      expect(index.memoryBytes / 100_000).toBeLessThanOrEqual(6);
    }
  });

  it('frees memory when it is compacted, truncated and reset', () => {
    const index = new PositionIndex();
    const positions = new Positions(30_000);
    for (let at = 1; at <= 100_000; at += 1) {
      const { segmentId, offset } = positions.next(at);
      index.append(at, 1, segmentId, offset);
    }
    index.compactTo(45_000);
    expect(index.memoryBytes).toBeLessThan(55_000 * 6);
    index.truncateFrom(46_001);
    expect(index.memoryBytes).toBeLessThan(3 * 4096);
    positions.check(index);
    index.resetTo(500_000, 2);
    expect(index.memoryBytes).toBeLessThan(64);
  });

  it('keeps offsets up to 32 GiB, and refuses offsets that it would round', () => {
    const index = new PositionIndex();
    const last = 2 ** 35 - 8;
    index.append(1, 1, 7, last);
    expect(index.runOf(1).offsetOf(1)).toBe(last);
    for (const offset of [12, last + 8, -8, 0.5]) {
      expect(() => index.append(2, 1, 7, offset), `offset ${offset}`).toThrow(InvariantError);
    }
    expect(index.lastIndex).toBe(1);
    expect(() => index.runOf(2)).toThrow(InvariantError);
  });

  it('returns a copy of the terms that is independent', () => {
    const index = new PositionIndex(10, 2);
    index.append(11, 3, 0, 0);
    const terms = index.cloneTerms();
    terms.append(12, 4);
    index.truncateFrom(11);
    expect([terms.lastIndex, terms.term(11), index.lastIndex]).toEqual([12, 3, 10]);
  });
});
