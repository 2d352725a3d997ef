/**
 * Term runs against a simple model, and digests that are extended against digests computed again.
 */
import { TermIndex } from '@babuza/wal-core/backend';
import { describe, expect, it } from 'vitest';
import {
  emptyLogDigest,
  markersDigestOf,
  termRuns,
  termsDigestOf,
  withTermRun,
  type TermRun,
} from '../src/log-digest.ts';
import { randomFrom } from './samples.ts';

function naiveRuns(index: TermIndex, from: number): TermRun[] {
  const runs: TermRun[] = [];
  for (let at = Math.max(from, index.firstIndex); at <= index.lastIndex; at += 1) {
    const term = index.term(at);
    if (term !== undefined && term !== index.term(at - 1)) runs.push({ index: at, term });
  }
  return runs;
}

describe('term runs', () => {
  it('are those of the entries, from any index on', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = randomFrom(seed);
      const index = new TermIndex(random(5), random(2));
      let term = 1;
      for (let count = random(40); count > 0; count -= 1) {
        term += random(4) === 0 ? 1 + random(3) : 0;
        index.append(index.lastIndex + 1, term);
      }
      if (index.lastIndex >= index.firstIndex && random(2) === 0) {
        index.compactTo(index.firstIndex + random(index.lastIndex - index.firstIndex + 1));
      }
      for (let from = 0; from <= index.lastIndex + 2; from += 1) {
        expect([...termRuns(index, from)], `seed ${seed} from ${from}`).toEqual(
          naiveRuns(index, from),
        );
      }
      const digest = naiveRuns(index, 0).reduce(withTermRun, emptyLogDigest.termsDigest);
      expect(termsDigestOf(index)).toBe(digest);
    }
  });

  it('of a long log are found without a look at every entry', () => {
    const index = new TermIndex();
    for (let at = 1; at <= 200_000; at += 1) index.append(at, 1 + Math.floor(at / 50_000));
    let looks = 0;
    const term = index.term.bind(index);
    Object.defineProperty(index, 'term', {
      value: (at: number) => {
        looks += 1;
        return term(at);
      },
    });
    expect([...termRuns(index, 1)].map((run) => run.index)).toEqual([
      1, 50_000, 100_000, 150_000, 200_000,
    ]);
    expect(looks).toBeLessThan(200);
  });

  it('have digests that depend on index, term, and the order of the markers', () => {
    const digests = [
      withTermRun(0, { index: 1, term: 2 }),
      withTermRun(0, { index: 2, term: 1 }),
      withTermRun(withTermRun(0, { index: 1, term: 2 }), { index: 3, term: 4 }),
      markersDigestOf(new Map([[1, 5]])),
      markersDigestOf(
        new Map([
          [1, 5],
          [2, 6],
        ]),
      ),
      markersDigestOf(
        new Map([
          [1, 6],
          [2, 5],
        ]),
      ),
    ];
    expect(new Set(digests).size).toBe(digests.length);
  });
});
