/** Each planted error of `mutants/list.ts` fails the test that it names. */

import { describe, expect, it } from 'vitest';
import { mutants } from './mutants/list.ts';
import { testMutants } from './mutants/run.ts';

describe('planted errors', () => {
  it('there are at least 75 planted errors, and their names differ', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(75);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  testMutants('rules', mutants, 560_000);
});
