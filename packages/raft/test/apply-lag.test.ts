/** How long committed entries wait for the state machine, as measured from check to check. */
import { SimulatedClock } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { ApplyLag } from '../src/apply/apply-lag.ts';
import type { Logger } from '../src/index.ts';

const lagMsMax = 1000;
/** A tenth of the bound. */
const checkMs = 100;

/** A clock of a process that can stall: time passes, and no timer fires. */
class StandingClock extends SimulatedClock {
  stoodMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.stoodMs;
  }
}

let clock: StandingClock;
let commitIndex: number;
let appliedIndex: number;
let told: boolean[];
let logged: string[];

beforeEach(() => {
  clock = new StandingClock();
  [commitIndex, appliedIndex, told, logged] = [10, 10, [], []];
});

const logger: Logger = {
  debug: () => undefined,
  info: (text) => void logged.push(`info: ${text}`),
  warn: (text) => void logged.push(`warn: ${text}`),
  error: () => undefined,
};

function newLag(boundMs = lagMsMax): ApplyLag {
  const lag = new ApplyLag({
    clock,
    lagMsMax: boundMs,
    commitIndex: () => commitIndex,
    appliedIndex: () => appliedIndex,
    logger,
    tell: (event) => {
      if (event.type === 'state-machine-behind') told.push(event.behind);
    },
  });
  lag.start();
  return lag;
}

describe('a state machine', () => {
  it('that does not answer is behind from the bound on, and not before', async () => {
    const lag = newLag();
    commitIndex = 11;
    await clock.advance(checkMs);
    await clock.advance(lagMsMax - checkMs);
    expect([told, lag.problem, lag.lagMs]).toEqual([[], undefined, lagMsMax - checkMs]);
    await clock.advance(checkMs);
    expect([told, lag.lagMs]).toEqual([[true], lagMsMax]);
    expect(lag.problem).toContain('applied 10 of 11');
    appliedIndex = 11;
    // No entry waits any more, and no check is needed to see that.
    expect(lag.lagMs).toBe(0);
    await clock.advance(checkMs);
    expect([told, lag.problem, lag.lagMs]).toEqual([[true, false], undefined, 0]);
    expect(logged).toEqual([
      'warn: the state machine is behind: it has applied 10 of 11 entries, and one that is ' +
        'committed has waited for 1000 ms (applyLagMsMax is 1000)',
      'info: the state machine has caught up',
    ]);
  });

  it('has no lag before anything was committed, and none as long as it keeps up', async () => {
    const lag = newLag();
    expect([lag.lagMs, lag.problem]).toEqual([0, undefined]);
    await clock.advance(checkMs);
    expect([lag.lagMs, logged]).toEqual([0, []]);
  });

  it('that applies all the time and falls behind is found, at each entry that it is late with', async () => {
    const lag = newLag();
    // One entry comes with each check, and each takes twelve checks to apply.
    for (let look = 0; look < 60; look += 1) {
      commitIndex += 1;
      if (look % 12 === 11) appliedIndex += 2;
      await clock.advance(checkMs);
    }
    expect([told, lag.lagMs >= lagMsMax]).toEqual([[true], true]);
    appliedIndex = commitIndex;
    await clock.advance(checkMs);
    expect([told, lag.lagMs]).toEqual([[true, false], 0]);
  });

  it('has the lag of the last entry that was looked at, while others wait for less', async () => {
    const lag = newLag();
    commitIndex = 11;
    await clock.advance(checkMs);
    commitIndex = 12;
    await clock.advance(checkMs);
    appliedIndex = 11;
    await clock.advance(checkMs);
    expect([lag.lagMs, told]).toEqual([2 * checkMs, []]);
  });

  it('is not behind where each entry is applied within the bound', async () => {
    const lag = newLag();
    for (let look = 0; look < 40; look += 1) {
      commitIndex += 1;
      if (look % 9 === 8) appliedIndex = commitIndex;
      await clock.advance(checkMs);
    }
    expect([told, lag.problem]).toEqual([[], undefined]);
  });

  it('is not blamed for the time that the process stood still', async () => {
    const lag = newLag();
    commitIndex = 11;
    await clock.advance(checkMs);
    clock.stoodMs += 10 * lagMsMax;
    await clock.advance(checkMs);
    expect([told, lag.lagMs]).toEqual([[], checkMs]);
    await clock.advance(lagMsMax);
    expect(told).toEqual([true]);
  });
});

describe('a look that is late', () => {
  it.each([
    ['by as long as between two looks counts', checkMs, 3 * checkMs],
    ['by more does not', checkMs + 1, 2 * checkMs],
  ])('%s', async (_, lateMs, expectedMs) => {
    const lag = newLag();
    commitIndex = 11;
    await clock.advance(checkMs);
    clock.stoodMs += lateMs;
    await clock.advance(checkMs);
    await clock.advance(checkMs);
    expect(lag.lagMs).toBe(expectedMs);
  });
});

describe('the looking', () => {
  it('ends with the node, also where that ends before it begins', async () => {
    const lag = newLag();
    expect(clock.pendingCount).toBe(1);
    lag.stop();
    expect(clock.pendingCount).toBe(0);
    lag.start();
    expect(clock.pendingCount).toBe(0);
  });

  it('does not begin where the bound is infinite', () => {
    newLag(Infinity);
    expect(clock.pendingCount).toBe(0);
  });

  it.each([
    [1, 10],
    [99, 10],
    [100, 10],
    [101, 10.1],
    [10_000, 1000],
    [10_001, 1000],
  ])('is taken each tenth of the bound, between 10 ms and a second: %i', (boundMs, expected) => {
    newLag(boundMs);
    clock.fireNext();
    expect(clock.monotonicMs()).toBeCloseTo(expected, 5);
  });
});
