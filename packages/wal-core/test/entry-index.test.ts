/** Compares the term index with an array, and checks its memory. */
import { InvariantError, TermIndex } from '@babuza/wal-core/backend';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyIndexStep, checkIndex, indexSteps, NaiveIndex } from './naive-index.ts';

describe('TermIndex', () => {
  it('agrees with an array after random steps', () => {
    fc.assert(
      fc.property(indexSteps, (steps) => {
        const index = new TermIndex();
        const naive = new NaiveIndex();
        for (const step of steps) {
          applyIndexStep(step, naive, index, (at, term) => index.append(at, term));
          checkIndex(index, naive);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('a clone shares nothing with its original', () => {
    fc.assert(
      fc.property(indexSteps, indexSteps, (before, after) => {
        const original = new TermIndex();
        const naive = new NaiveIndex();
        for (const step of before) {
          applyIndexStep(step, naive, original, (at, term) => original.append(at, term));
        }
        const copy = original.clone();
        const copied = naive.clone();
        for (const step of after) {
          applyIndexStep(step, naive, original, (at, term) => original.append(at, term));
        }
        checkIndex(copy, copied);
        checkIndex(original, naive);
      }),
      { numRuns: 100 },
    );
  });

  it('takes memory by changes of term, not by entries', () => {
    const index = new TermIndex();
    for (let at = 1; at <= 100_000; at += 1) index.append(at, 1 + Math.floor(at / 1000));
    expect(index.memoryBytes).toBeLessThan(3000);
    index.compactTo(99_999);
    expect(index.memoryBytes).toBeLessThan(64);
  });

  it('ignores a truncation above its last index', () => {
    const index = new TermIndex(5, 1);
    index.append(6, 2);
    index.truncateFrom(20);
    expect([index.lastIndex, index.term(6)]).toEqual([6, 2]);
  });

  it('refuses steps that would leave a gap', () => {
    const index = new TermIndex(5, 1);
    expect(() => index.append(7, 1)).toThrow(InvariantError);
    expect(() => index.append(5, 1)).toThrow(InvariantError);
    expect(() => index.truncateFrom(5)).toThrow(InvariantError);
    expect(() => index.compactTo(6)).toThrow(InvariantError);
    expect([index.firstIndex, index.lastIndex, index.term(5)]).toEqual([6, 5, 1]);
  });
});
