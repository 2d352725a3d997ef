/**
 * Runs seeds as tests. There are two test files, one for each way to do storage work, so that two
 * processors are used. One has the even seeds, the other the odd ones.
 *
 * `BABUZA_SIMULATION_SEEDS` is the number of seeds of both files together, `BABUZA_SEED` the first
 * seed.
 */

import { describe, expect, it } from 'vitest';
import { Counters } from './counters.ts';
import { simulate } from './simulation.ts';

/** The number for a usual test run. `pnpm torture` runs 2,000. */
const defaultSeeds = 100;
/** With at least this many seeds, each counted event must have happened. */
const seedsToCount = 50;

export function sweep(kind: 'readyLoop' | 'storageThreads'): void {
  const count = Number(process.env['BABUZA_SIMULATION_SEEDS'] ?? defaultSeeds);
  const first = Number(process.env['BABUZA_SEED'] ?? 1);
  const parity = kind === 'storageThreads' ? 0 : 1;
  const seeds = Array.from({ length: count }, (_, at) => first + at).filter(
    (seed) => Math.abs(seed % 2) === parity,
  );

  describe(`simulation, ${kind}`, () => {
    it('keeps the invariants of Raft with every seed', { timeout: 36_000_000 }, () => {
      const started = performance.now();
      const counters = new Counters();
      for (const seed of seeds) counters.addAll(simulate(seed).counters);
      if (seeds.length === 0) return;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${seeds.length} seeds from ${first} in ${seconds} s: ${counters.toString()}`);
      const stranded = counters.of('strandedByRemoval') + counters.of('strandedByTerm');
      expect(counters.of('settled') + stranded).toBe(seeds.length);
      expect(stranded).toBeLessThanOrEqual(seeds.length / 50);
      // A simulation proves nothing about events that did not happen in it.
      if (seeds.length >= seedsToCount) expect(counters.rareIn(seeds.length)).toEqual([]);
    });

    it('gives the same run for the same seed', () => {
      const own = [parity + 2, parity + 4];
      const digests = own.map((seed) => simulate(seed).digest);
      expect(own.map((seed) => simulate(seed).digest)).toEqual(digests);
      expect(digests[0]).not.toBe(digests[1]);
    });
  });
}
