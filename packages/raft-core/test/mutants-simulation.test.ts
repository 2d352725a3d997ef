/**
 * Planted errors that the simulation finds, each within a few seeds: see
 * `mutants/simulation-list.ts`.
 */

import { describe, expect, it } from 'vitest';
import { testMutants } from './mutants/run.ts';
import { simulationMutants } from './mutants/simulation-list.ts';

describe('mutants that the simulation finds', () => {
  it('there are enough, and all differ', () => {
    expect(simulationMutants.length).toBeGreaterThanOrEqual(25);
    expect(new Set(simulationMutants.map(({ name }) => name)).size).toBe(simulationMutants.length);
  });

  testMutants('simulation', simulationMutants, 900_000);
});
