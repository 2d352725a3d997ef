/** Waiting that a signal ends. */
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { orAborted, reasonOf, untilAborted } from '../src/until-aborted.ts';
import { failureOf } from './support.ts';

const reason = new Error('enough');
const never = new Promise<never>(() => {});

/** A source that counts how often it was asked to end. */
function source(
  next: (call: number) => Promise<IteratorResult<number>> | IteratorResult<number>,
  ends: () => unknown = () => undefined,
) {
  const told = { returns: 0, nexts: 0 };
  const items: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        told.nexts += 1;
        return await next(told.nexts);
      },
      return: async () => {
        told.returns += 1;
        await ends();
        return { done: true as const, value: undefined };
      },
    }),
  };
  return { told, items };
}

async function collected(items: AsyncIterable<number>): Promise<number[]> {
  const found: number[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('work under a signal', () => {
  it('returns its own outcome, and leaves no listener', async () => {
    const { signal } = new AbortController();
    expect(await orAborted(Promise.resolve(3), signal)).toBe(3);
    expect(await failureOf(orAborted(Promise.reject(reason), signal))).toBe(reason);
    await Promise.resolve();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends with the reason of the signal, before and after it has fired', async () => {
    const abort = new AbortController();
    const waiting = orAborted(never, abort.signal);
    abort.abort(reason);
    expect(await failureOf(waiting)).toBe(reason);
    expect(await failureOf(orAborted(never, abort.signal))).toBe(reason);
    // Nobody waits for a failure of the work itself any more.
    const failing = orAborted(Promise.reject(new Error('late')), abort.signal);
    expect(await failureOf(failing)).toBe(reason);
  });

  it('rejects with an error, whatever the signal fired with', () => {
    const said = new AbortController();
    said.abort('text');
    expect(reasonOf(said.signal)).toEqual(new Error('text'));
    const error = new AbortController();
    error.abort(reason);
    expect(reasonOf(error.signal)).toBe(reason);
  });
});

describe('items under a signal', () => {
  it('are all of them, and a source that has ended is not asked to end', async () => {
    const { signal } = new AbortController();
    const { told, items } = source((call) =>
      call <= 3 ? { done: false, value: call } : { done: true, value: undefined },
    );
    expect(await collected(untilAborted(items, signal))).toEqual([1, 2, 3]);
    expect(told).toEqual({ returns: 0, nexts: 4 });
    expect(await collected(untilAborted([4, 5], signal))).toEqual([4, 5]);
  });

  it('end with the failure of the source, which is not asked to end', async () => {
    const { signal } = new AbortController();
    const { told, items } = source(async (call) => {
      if (call === 2) throw reason;
      return { done: false, value: call };
    });
    const found: number[] = [];
    const reading = (async () => {
      for await (const item of untilAborted(items, signal)) found.push(item);
    })();
    expect(await failureOf(reading)).toBe(reason);
    expect(found).toEqual([1]);
    expect(told.returns).toBe(0);
  });

  it('end a source that nobody reads any more, and wait for its end', async () => {
    const { signal } = new AbortController();
    let isEnded = false;
    const { told, items } = source(
      () => ({ done: false, value: 1 }),
      async () => {
        await Promise.resolve();
        isEnded = true;
      },
    );
    for await (const item of untilAborted(items, signal)) if (item === 1) break;
    expect([told.returns, isEnded]).toEqual([1, true]);
  });

  it('end with the signal, which does not wait for a source that hangs', async () => {
    const abort = new AbortController();
    const { told, items } = source(
      () => never,
      () => never,
    );
    const reading = collected(untilAborted(items, abort.signal));
    await Promise.resolve();
    abort.abort(reason);
    expect(await failureOf(reading)).toBe(reason);
    expect(told).toEqual({ returns: 1, nexts: 1 });
  });

  it('end with the signal even while they wait for the end of the source', async () => {
    const abort = new AbortController();
    const { items } = source(
      () => ({ done: false, value: 1 }),
      () => never,
    );
    const reading = untilAborted(items, abort.signal);
    await reading.next();
    const returning = reading.return();
    await Promise.resolve();
    abort.abort(reason);
    expect(await returning).toMatchObject({ done: true });
  });

  it('ignore a source that cannot end, or fails to', async () => {
    const { signal } = new AbortController();
    const { items } = source(
      () => ({ done: false, value: 1 }),
      () => Promise.reject(new Error('it does not end')),
    );
    for await (const item of untilAborted(items, signal)) if (item === 1) break;
    const endless = {
      [Symbol.asyncIterator]: () => ({ next: async () => ({ done: false as const, value: 1 }) }),
    };
    for await (const item of untilAborted(endless, signal)) if (item === 1) break;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
