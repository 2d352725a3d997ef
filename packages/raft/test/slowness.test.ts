/**
 * When a node counts as slow: how long saves wait, as seen from tick to tick, and how its tolerance
 * grows and ends.
 */
import { describe, expect, it } from 'vitest';
import { StallTolerance } from '../src/leadership/stall-tolerance.ts';
import { SaveWatch } from '../src/leadership/save-watch.ts';

describe('how long saves wait', () => {
  it('counts from the first tick that finds one on, and never more than it waited', () => {
    const saves = { isBusy: false, finishedCount: 0 };
    const watch = new SaveWatch(saves);
    const seen: [number, string][] = [];
    const tick = (isBusy: boolean, finished = 0): void => {
      saves.isBusy = isBusy;
      saves.finishedCount += finished;
      watch.tick(100);
      seen.push([watch.waitedMs, watch.lastTick]);
    };
    tick(false);
    tick(true);
    tick(true);
    tick(true);
    tick(true, 1); // Another one is under way now.
    tick(true, 3);
    tick(true);
    tick(false, 1);
    tick(false);
    expect(seen).toEqual([
      [0, 'none'],
      [0, 'none'],
      [100, 'slow'],
      [200, 'slow'],
      [0, 'slow'],
      [0, 'quick'],
      [100, 'slow'],
      [0, 'slow'],
      [0, 'none'],
    ]);
  });
});

describe('a tick after a save that waited', () => {
  it('counts as slow however short the tick before was', () => {
    const saves = { isBusy: true, finishedCount: 0 };
    const watch = new SaveWatch(saves);
    watch.tick(1);
    watch.tick(1);
    expect([watch.waitedMs, watch.lastTick]).toEqual([1, 'slow']);
    saves.finishedCount = 1;
    watch.tick(1);
    expect([watch.waitedMs, watch.lastTick]).toEqual([0, 'slow']);
    saves.finishedCount = 2;
    watch.tick(1);
    expect(watch.lastTick).toBe('quick');
  });
});

describe('tolerance', () => {
  it('doubles each time that leadership is transferred, up to 32', () => {
    const tolerance = new StallTolerance(1000);
    const factors = [tolerance.factor];
    for (let at = 0; at < 7; at += 1) {
      tolerance.leadershipTransferred();
      factors.push(tolerance.factor);
    }
    expect(factors).toEqual([1, 2, 4, 8, 16, 32, 32, 32]);
  });

  it('ends after five ticks in a row with quick saves; idle ticks say nothing', () => {
    const tolerance = new StallTolerance(1000);
    tolerance.leadershipTransferred();
    for (const saves of ['quick', 'quick', 'slow', 'quick', 'none', 'quick', 'quick'] as const) {
      tolerance.tick(100, saves);
    }
    expect(tolerance.factor).toBe(2);
    tolerance.tick(100, 'quick');
    tolerance.tick(100, 'quick');
    expect(tolerance.factor).toBe(1);
  });

  it('halves after 60 election timeouts without quick saves', () => {
    const tolerance = new StallTolerance(1000);
    tolerance.leadershipTransferred();
    tolerance.leadershipTransferred();
    for (let tick = 0; tick < 599; tick += 1) tolerance.tick(100, 'slow');
    expect(tolerance.factor).toBe(4);
    tolerance.tick(100, 'slow');
    expect(tolerance.factor).toBe(2);
    for (let tick = 0; tick < 1200; tick += 1) tolerance.tick(100, 'slow');
    expect(tolerance.factor).toBe(1);
  });
});
