/** The simulation finds each planted error of `mutants/simulation-list.ts` within a few seeds. */

import { describe, expect, it } from 'vitest';
import { testMutants } from './mutants/run.ts';
import { simulationMutants } from './mutants/simulation-list.ts';

describe('planted errors that the simulation finds', () => {
  it('there are at least 25 planted errors, and their names differ', () => {
    expect(simulationMutants.length).toBeGreaterThanOrEqual(25);
    expect(new Set(simulationMutants.map(({ name }) => name)).size).toBe(simulationMutants.length);
  });

  testMutants('simulation', simulationMutants, 900_000);
});
