/** Waits that an `AbortSignal` can end. They leave no listener and no timer behind. */
import type { Clock } from './environment.ts';

/**
 * Settles as `promise` does, or rejects with the reason of the signal if the signal fires first. A
 * rejection of `promise` after that is ignored.
 */
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
 * Resolves after `delayMs`. If the signal fires first, the timer is cancelled and the promise
 * rejects with the reason of the signal before `abort` returns.
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
 * Resolves when `work` has ended or after `limitMs`, whichever is first. Rejects if `work` rejects,
 * or with the reason of the signal. The timer is cancelled before it settles.
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
