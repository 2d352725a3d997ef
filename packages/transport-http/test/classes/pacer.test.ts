/** The rate that all snapshots share. */
import { SimulatedClock } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { Pacer } from '../../src/snapshots/pacer.ts';

const never = new AbortController().signal;

describe('a pacer', () => {
  it('lets the first pass at once, and each one after the time that those before take', async () => {
    const clock = new SimulatedClock();
    const pacer = new Pacer(clock, 1000);
    const passedMs: [string, number][] = [];
    const pass = async (name: string, bytes: number): Promise<void> => {
      await pacer.pass(bytes, never);
      passedMs.push([name, clock.monotonicMs()]);
    };
    // Two snapshots that are sent at once share the rate.
    const all = [pass('one', 500), pass('two', 500), pass('one', 250), pass('two', 1)];
    await clock.advance(10_000);
    await Promise.all(all);
    expect(passedMs).toEqual([
      ['one', 0],
      ['two', 500],
      ['one', 1000],
      ['two', 1250],
    ]);
  });

  it('waits also for the shortest time, and without a timer where there is nothing to wait for', async () => {
    const clock = new SimulatedClock();
    const pacer = new Pacer(clock, 1000);
    void pacer.pass(1, never);
    expect(clock.pendingCount).toBe(0);
    void pacer.pass(1, never);
    expect(clock.pendingCount).toBe(1);
    await clock.advance(2);
    void pacer.pass(1, never);
    expect(clock.pendingCount).toBe(0);
  });

  it('gives nobody the time in which nothing passed', async () => {
    const clock = new SimulatedClock();
    const pacer = new Pacer(clock, 1000);
    await pacer.pass(100, never);
    await clock.advance(60_000);
    await pacer.pass(100, never);
    const later = pacer.pass(100, never).then(() => clock.monotonicMs());
    await clock.advance(1000);
    expect(await later).toBe(60_100);
  });

  it('rejects with the reason of a signal that fires meanwhile, and leaves no timer', async () => {
    const clock = new SimulatedClock();
    const pacer = new Pacer(clock, 1000);
    await pacer.pass(100, never);
    const giveUp = new AbortController();
    const waiting = pacer.pass(100, giveUp.signal);
    giveUp.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(clock.pendingCount).toBe(0);
  });

  it('never waits without a limit', async () => {
    const clock = new SimulatedClock();
    const pacer = new Pacer(clock, Infinity);
    for (let turn = 0; turn < 10; turn += 1) await pacer.pass(2 ** 40, never);
    expect(clock.pendingCount).toBe(0);
  });
});
