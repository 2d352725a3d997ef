/** The rate that is too slow, and the time that counts. */
import { SimulatedClock } from '@babuza/testkit';
import { expect, it } from 'vitest';
import { RateWatch } from '../../src/budget/rate-watch.ts';

/** Delivers a byte at this interval until the watch reports too slow or 1,000 have arrived. */
async function roundsUntilTooSlow(bytes: number, everyMs: number): Promise<number | undefined> {
  const clock = new SimulatedClock();
  const rate = new RateWatch(clock, 5000);
  for (let round = 1; round <= 1000; round += 1) {
    rate.wait();
    await clock.advance(everyMs);
    if (!rate.came(bytes)) return round;
  }
  return undefined;
}

it.each([
  [1, 3000, 5],
  [1, 100, 50],
  [63, 1000, 5],
  [64, 1000, undefined],
  [6, 100, 50],
  [7, 100, undefined],
])('%i bytes every %i ms are too slow after %s of them', async (bytes, everyMs, rounds) => {
  expect(await roundsUntilTooSlow(bytes, everyMs)).toBe(rounds);
});

it('the time in which nothing is read does not count', async () => {
  const clock = new SimulatedClock();
  const rate = new RateWatch(clock, 5000);
  for (let round = 0; round < 100; round += 1) {
    await clock.advance(4000);
    rate.wait();
    expect(rate.came(1)).toBe(true);
  }
});

it('a pause of this process counts as one step of five', async () => {
  const clock = new SimulatedClock();
  const rate = new RateWatch(clock, 5000);
  for (let round = 0; round < 4; round += 1) {
    rate.wait();
    await clock.advance(3_600_000);
    expect(rate.came(1)).toBe(true);
  }
});
