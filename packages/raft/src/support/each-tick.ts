/** Polls a condition with every tick. */
import type { Clock, Timer } from '@babuza/vfs';
import type { StoppedError } from '../errors.ts';
import { waiting } from '../proposals/waiters.ts';

export interface EachTickParts {
  readonly clock: Clock;
  readonly tickMs: number;
  readonly onStop: (call: (cause: StoppedError) => void) => () => void;
}

/**
 * Calls `look` now and with every tick until it returns something. Rejects with the error of
 * `look`, the reason of the signal, or `RAFT_STOPPED`.
 */
export function eachTick<T extends object | true>(
  { clock, tickMs, onStop }: EachTickParts,
  signal: AbortSignal | undefined,
  look: () => T | undefined,
): Promise<T> {
  return waiting<T>(signal, (waiter) => {
    let timer: Timer | undefined;
    const turn = (): void => {
      try {
        const found = look();
        if (found === undefined) timer = clock.startTimer(tickMs, turn);
        else waiter.resolve(found);
      } catch (error) {
        waiter.reject(error);
      }
    };
    const endWatch = onStop(waiter.reject);
    turn();
    return () => {
      timer?.cancel();
      endWatch();
    };
  });
}
