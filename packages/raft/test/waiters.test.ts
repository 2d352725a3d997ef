/** Many waiting callers: the cost of each must not depend on their number. */
import { getEventListeners } from 'node:events';
import { SimulatedClock } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { ReadRounds } from '../src/reads/reads.ts';
import { IndexWaiters, waiting } from '../src/proposals/waiters.ts';

const many = 30_000;
/**
 * Far above the time that it takes, and far below the ten seconds and more of a quadratic
 * implementation.
 */
const quickMs = 5000;

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

function newRounds(asked: Uint8Array[]): ReadRounds {
  return new ReadRounds({
    clock: new SimulatedClock(),
    nodeId: 1n,
    incarnation: 1,
    timeoutMs: 1000,
    retryMs: 100,
    ask: (context) => asked.push(context),
    appliedIndex: () => 9,
  });
}

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describe('many callers that wait', () => {
  it('for a read, and many more for the next one, do not hold up the node', async () => {
    const asked: Uint8Array[] = [];
    const rounds = newRounds(asked);
    const read = (): Promise<number> => waiting<number>(undefined, (waiter) => rounds.wait(waiter));
    const first = times(many, read);
    await turn();
    const next = times(many, read);
    const startedMs = performance.now();
    for (const readers of [first, next]) {
      const context = asked.at(-1);
      if (context !== undefined) rounds.answered(9, context);
      expect((await Promise.all(readers)).every((index) => index === 9)).toBe(true);
      await turn();
    }
    expect(performance.now() - startedMs).toBeLessThan(quickMs);
    expect(rounds.counts).toEqual({ pending: 0, answered: 2 * many, failed: 0 });
  });

  it('for an index do not hold up the node', async () => {
    let appliedIndex = 0;
    const waiters = new IndexWaiters(() => appliedIndex);
    const all = times(many, () => waiters.wait(5, undefined));
    appliedIndex = 5;
    const startedMs = performance.now();
    waiters.applied();
    await Promise.all(all);
    expect(performance.now() - startedMs).toBeLessThan(quickMs);
  });

  it('with one signal share a listener, all hear of it, and leave none behind', async () => {
    const rounds = newRounds([]);
    const control = new AbortController();
    const { signal } = control;
    const listeners = (): number => getEventListeners(signal, 'abort').length;
    const read = (): Promise<number> => waiting<number>(signal, (waiter) => rounds.wait(waiter));
    const answered = waiting<void>(signal, ({ resolve }) => {
      resolve();
      return undefined;
    });
    await answered;
    expect(listeners()).toBe(0);
    const all = Promise.allSettled(times(many, read));
    expect(listeners()).toBe(1);
    const startedMs = performance.now();
    control.abort(new Error('enough'));
    const ends = await all;
    expect(performance.now() - startedMs).toBeLessThan(quickMs);
    expect(ends.every((end) => end.status === 'rejected' && end.reason === signal.reason)).toBe(
      true,
    );
    expect([listeners(), rounds.counts.pending]).toEqual([0, 0]);
  });
});
