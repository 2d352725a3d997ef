/** An index as an array of terms, and random steps for comparing it with a real one. */
import type { EntryIndex } from '@babuza/wal-core/backend';
import * as fc from 'fast-check';
import { expect } from 'vitest';

export class NaiveIndex {
  /** The index of the first element of `terms`. */
  base = 0;
  terms: number[] = [0];

  clone(): NaiveIndex {
    const copy = new NaiveIndex();
    copy.base = this.base;
    copy.terms = [...this.terms];
    return copy;
  }

  get lastIndex(): number {
    return this.base + this.terms.length - 1;
  }
}

export interface IndexStep {
  readonly kind: 'append' | 'truncate' | 'compact' | 'reset';
  /** The number of entries to append, or the position to cut at, as a fraction of the log. */
  readonly amount: number;
  readonly termStep: number;
}

const step: fc.Arbitrary<IndexStep> = fc.record({
  kind: fc.constantFrom('append', 'append', 'append', 'truncate', 'compact', 'reset'),
  amount: fc.double({ min: 0, max: 1, noNaN: true }),
  termStep: fc.nat(2),
});

export const indexSteps: fc.Arbitrary<IndexStep[]> = fc.array(step, { maxLength: 25 });

/** Makes the same step on both indexes. It appends up to `appendMax` entries. */
export function applyIndexStep(
  { kind, amount, termStep }: IndexStep,
  naive: NaiveIndex,
  index: EntryIndex,
  append: (index: number, term: number) => void,
  appendMax = 12,
): void {
  const { base, lastIndex } = naive;
  const at = base + Math.floor(amount * (lastIndex - base));
  if (kind === 'append') {
    const count = Math.ceil(amount * appendMax);
    const term = (naive.terms.at(-1) ?? 0) + termStep;
    for (let added = 1; added <= count; added += 1) {
      naive.terms.push(term);
      append(lastIndex + added, term);
    }
  } else if (kind === 'truncate') {
    naive.terms.length = at - base + 1;
    index.truncateFrom(at + 1);
  } else if (kind === 'compact') {
    naive.terms.splice(0, at - base);
    naive.base = at;
    index.compactTo(at);
  } else if (amount < 0.3) {
    naive.base = lastIndex + 7;
    naive.terms = [termStep + 9];
    index.resetTo(naive.base, termStep + 9);
  }
}

export function checkIndex(index: EntryIndex, naive: NaiveIndex): void {
  expect([index.firstIndex, index.lastIndex]).toEqual([naive.base + 1, naive.lastIndex]);
  const terms = naive.terms.map((_, at) => index.term(naive.base + at));
  expect(terms).toEqual(naive.terms);
  expect([index.term(naive.base - 1), index.term(naive.lastIndex + 1)]).toEqual([
    undefined,
    undefined,
  ]);
}
