/**
 * Groups of nodes under simulated misfortune; see `simulation/`. `BABUZA_SIMULATION_SEEDS` says how many seeds are
 * run, `BABUZA_SEED` which is the first.
 */

import { describe, expect, it } from 'vitest';
import { Counters } from './simulation/counters.ts';
import { simulate } from './simulation/simulation.ts';

const seeds = Number(process.env['BABUZA_SIMULATION_SEEDS'] ?? 150);
const first = Number(process.env['BABUZA_SEED'] ?? 1);

describe('simulation', () => {
  it('keeps the invariants of Raft with every seed', { timeout: 36_000_000 }, () => {
    const counters = new Counters();
    for (let seed = first; seed < first + seeds; seed += 1) {
      counters.addAll(simulate(seed).counters);
    }
    console.log(`simulated ${seeds} seeds from ${first}: ${counters.toString()}`);
    // A group may end without anybody who can be elected, as etcd's: see `Settling.isStranded`. It is rare.
    expect(counters.of('settled') + counters.of('stranded')).toBe(seeds);
    expect(counters.of('stranded')).toBeLessThanOrEqual(Math.ceil(seeds / 50));
    // A simulation that does not do something proves nothing of it. One seed alone need not do everything.
    if (seeds >= 100) {
      expect(counters.below(seeds / 10).filter((name) => name !== 'stranded')).toEqual([]);
    }
  });

  it('is the same again with the same seed', () => {
    for (const seed of [1, 2, 3, 4]) expect(simulate(seed).digest).toBe(simulate(seed).digest);
    expect(simulate(1).digest).not.toBe(simulate(2).digest);
  });
});
