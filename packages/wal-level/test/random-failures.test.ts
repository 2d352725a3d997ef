/**
 * Random sequences over several logs of one database, in which most writes succeed. Whatever fails,
 * nothing is lost that was acknowledged or that an opening showed.
 */
import { expect, it } from 'vitest';
import { RandomFailures, type Seen } from './random-failures.ts';
import { randomFrom } from './samples.ts';

const seeds = 40;
const stepsPerSeed = 120;

it(`${seeds} random sequences with failing writes, reopenings and power cuts lose nothing`, async () => {
  const seen: Seen = {
    openings: 0,
    reopenings: 0,
    refused: 0,
    poisoned: 0,
    powerCuts: 0,
    acknowledged: 0,
    syncs: 0,
    records: 0,
  };
  for (let seed = 1; seed <= seeds; seed += 1) {
    const world = new RandomFailures(randomFrom(seed), seen);
    let step = 0;
    try {
      for (; step < stepsPerSeed; step += 1) await world.step();
      await world.end();
    } catch (error) {
      throw new Error(`seed ${seed}, step ${step}`, { cause: error });
    }
  }
  for (const [what, count] of Object.entries(seen)) expect(count, what).toBeGreaterThan(seeds);
});
