/** When the next attempt to reach a peer is due. */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { Attempts } from '../../src/connections/attempts.ts';

let clock: SimulatedClock;
let drawn: number;
let attempts: Attempts;
beforeEach(() => {
  clock = new SimulatedClock();
  drawn = 0;
  attempts = new Attempts({ clock, random: { uint32: () => drawn } });
});

/** The time until the next attempt is due, in whole milliseconds. */
async function restMs(): Promise<number> {
  let restedMs = 0;
  while (!attempts.isDue && restedMs < 2000) {
    await clock.advance(1);
    restedMs += 1;
  }
  return restedMs;
}

describe('attempts to reach a peer', () => {
  it('are due at the beginning', () => {
    expect(attempts.isDue).toBe(true);
  });

  it('rest twice as long after each failure, 1 s at most, for ever', async () => {
    const rests: number[] = [];
    for (let failure = 0; failure < 40; failure += 1) {
      attempts.failed();
      rests.push(await restMs());
    }
    // Half of the pause is fixed, and the other half is random.
    expect(rests.slice(0, 7)).toEqual([25, 50, 100, 200, 400, 500, 500]);
    expect(new Set(rests.slice(5))).toEqual(new Set([500]));
  });

  it.each([
    [0, 25],
    [2 ** 31, 38],
    [2 ** 32 - 1, 50],
  ])('rest a share of the pause that is drawn: %i makes %i ms', async (word, expectedMs) => {
    drawn = word;
    attempts.failed();
    expect(await restMs()).toBe(expectedMs);
  });

  it.each([
    [999, false, 100],
    [1000, true, 25],
    [1001, true, 25],
  ])(
    'forget the failures when a connection answers after %i ms: %s',
    async (afterMs, isGood, nextRestMs) => {
      attempts.failed();
      attempts.failed();
      await restMs();
      attempts.opened();
      await clock.advance(afterMs);
      expect(attempts.answered()).toBe(isGood);
      attempts.failed();
      expect(await restMs()).toBe(nextRestMs);
    },
  );

  it('count the age of the connection that is open now, not of an earlier one', async () => {
    attempts.opened();
    await clock.advance(5000);
    attempts.failed();
    await restMs();
    attempts.opened();
    expect(attempts.answered()).toBe(false);
    attempts.failed();
    expect(await restMs()).toBe(50);
  });

  it.each([
    [999, false],
    [1000, true],
    [1001, true],
  ])('are due at once when the peer appears again after %i ms: %s', async (afterMs, counts) => {
    for (let failure = 0; failure < 10; failure += 1) attempts.failed();
    expect(attempts.appeared()).toBe(true);
    expect(attempts.isDue).toBe(true);
    await clock.advance(afterMs);
    attempts.failed();
    expect(attempts.appeared()).toBe(counts);
    expect(attempts.isDue).toBe(counts);
  });

  it('do not put off the moment from which the peer counts again', async () => {
    attempts.appeared();
    await clock.advance(600);
    expect(attempts.appeared()).toBe(false);
    await clock.advance(400);
    expect(attempts.appeared()).toBe(true);
  });
});
