/** Every planted error is caught by the test that is named for it. */

import { describe, expect, it } from 'vitest';
import { mutants } from './mutants/list.ts';
import { testMutants } from './mutants/run.ts';

describe('mutants', () => {
  it('there are enough, and all differ', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(75);
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  testMutants('rules', mutants, 560_000);
});
