/** Names that rest after a slow failure: their times and their number. */
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../testkit/src/seeded-random.ts';
import { RestingNames } from '../src/names/resting-names.ts';

const failure = new Error('EAI_AGAIN');

describe('a name that failed', () => {
  it.each([
    [0, 0],
    [1, 3],
    [10_000, 30_000],
  ])('after %i ms rests for %i ms', (durationMs, restMs) => {
    const names = new RestingNames();
    names.failed('a', failure, 1000, 1000 + durationMs);
    const endMs = 1000 + durationMs + restMs;
    expect(names.failureOf('a', endMs - 0.5)?.error).toBe(restMs === 0 ? undefined : failure);
    expect(names.failureOf('a', endMs)).toBeUndefined();
    expect(names.failureOf('b', 1000)).toBeUndefined();
  });

  it('rests according to its last failure', () => {
    const names = new RestingNames();
    names.failed('a', failure, 0, 1000);
    names.failed('a', failure, 1000, 1010);
    expect(names.failureOf('a', 1039)?.error).toBe(failure);
    expect(names.failureOf('a', 1040)).toBeUndefined();
    names.failed('a', failure, 1040, 1040);
    expect(names.count).toBe(0);
  });
});

describe('the names that are kept', () => {
  it('are only those that rest, however many names have failed one after the other', () => {
    const names = new RestingNames();
    for (let at = 0; at < 10_000; at += 1) {
      names.failed(`name-${at}`, failure, at * 1000, (at + 1) * 1000);
      expect(names.count).toBeLessThanOrEqual(3);
    }
    for (const [at, isResting] of [
      [9996, false],
      [9997, true],
      [9999, true],
    ] as const) {
      expect(names.failureOf(`name-${at}`, 9_999_999.5) !== undefined).toBe(isResting);
    }
  });

  it('are a few dozen at most for each thread, whatever the durations are', () => {
    const random = new SeededRandom(7);
    const names = new RestingNames();
    let nowMs = 0;
    let countMax = 0;
    for (let at = 0; at < 20_000; at += 1) {
      const startedMs = nowMs;
      // Durations from 1 ms to 33 s, with each power of two equally often.
      nowMs += 2 ** (random.uint32() % 16);
      names.failed(`name-${at}`, failure, startedMs, nowMs);
      countMax = Math.max(countMax, names.count);
    }
    // Ever shorter durations are the worst case: each name rests until after the end of all others.
    for (let power = 15; power >= 0; power -= 1) {
      const startedMs = nowMs;
      nowMs += 2 ** power;
      names.failed(`worst-${power}`, failure, startedMs, nowMs);
    }
    expect(names.count).toBeGreaterThanOrEqual(16);
    expect(Math.max(countMax, names.count)).toBeLessThan(40);
  });
});
