/** A signal ends a wait at once, with its reason, and leaves no listener and no timer. */
import { describe, expect, it } from 'vitest';
import { nodeEnvironment, pause, unlessAborted, type Clock } from '../src/index.ts';

const reason = new Error('enough');

describe('waiting', () => {
  it('resolves with the result', async () => {
    const { signal } = new AbortController();
    expect(await unlessAborted(signal, Promise.resolve(3))).toBe(3);
    await expect(unlessAborted(signal, Promise.reject(reason))).rejects.toBe(reason);
  });

  it('rejects with the reason of a signal that fired before or fires meanwhile', async () => {
    const never = new Promise<never>(() => undefined);
    await expect(unlessAborted(AbortSignal.abort(reason), never)).rejects.toBe(reason);
    const ending = new AbortController();
    const waits = unlessAborted(ending.signal, never);
    ending.abort(reason);
    await expect(waits).rejects.toBe(reason);
  });
});

describe('a pause', () => {
  /** The test fires the timers. */
  const timers = new Set<() => void>();
  const clock: Clock = {
    ...nodeEnvironment().clock,
    startTimer: (_, callback) => {
      timers.add(callback);
      return { cancel: () => void timers.delete(callback) };
    },
  };

  it('resolves after its delay', async () => {
    const passing = pause(clock, 10, new AbortController().signal);
    expect(timers.size).toBe(1);
    for (const fire of timers) fire();
    await passing;
    expect(timers.size).toBe(0);
  });

  it('ends with the signal, and leaves no timer', async () => {
    const ending = new AbortController();
    const waits = pause(clock, 10, ending.signal);
    ending.abort(reason);
    expect(timers.size).toBe(0);
    await expect(waits).rejects.toBe(reason);
    await expect(pause(clock, 10, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(timers.size).toBe(0);
  });
});
