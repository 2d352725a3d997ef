/** Waits for something that can only be looked at. */
import type { Clock, Timer } from '@babuza/vfs';
import type { StoppedError } from '../errors.ts';
import { waiting } from '../proposals/waiters.ts';

export interface EachTickParts {
  readonly clock: Clock;
  readonly tickMs: number;
  readonly onStop: (call: (cause: StoppedError) => void) => () => void;
}

/**
 * Looks now and with every tick until `look` returns something. Rejects with what `look` throws,
 * the reason of the signal, or `RAFT_STOPPED`.
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
