/** Waiting that an `AbortSignal` ends. Nothing is left behind: no listener, no timer. */
import type { Clock } from './environment.ts';

/** The promise, or the reason of the signal when that fires first; a later rejection is dropped. */
export async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      promise.then(resolve, reject);
    });
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Resolves after `delayMs`; rejects with the reason of the signal within its `abort`, and the timer
 * is gone by then.
 */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', settle);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = clock.startTimer(delayMs, settle);
    signal.addEventListener('abort', settle, { once: true });
    if (signal.aborted) settle();
  });
}

/**
 * Resolves when the work has ended or after `limitMs`, whichever is first. Rejects as the work
 * does, or with the reason of the signal. The timer is gone by then.
 */
export async function atMost(
  clock: Clock,
  limitMs: number,
  work: Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const isOver = new AbortController();
  const any = AbortSignal.any([signal, isOver.signal]);
  try {
    await Promise.race([work, pause(clock, limitMs, any)]);
  } finally {
    isOver.abort();
  }
}
