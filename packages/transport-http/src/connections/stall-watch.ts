/** A timeout that fires if nothing arrives from the other side. */
import type { Clock, Timer } from '@babuza/vfs';

/** The event loop can process incoming data between two steps. */
const steps = 5;

/**
 * Calls `onStall` once after `timeoutMs`, unless it is cancelled. It counts steps rather than time.
 * A pause of this process is at most one step, so data that arrived during the pause is read before
 * the timeout fires.
 */
export function startStallWatch(clock: Clock, timeoutMs: number, onStall: () => void): Timer {
  let left = steps;
  const step = (): void => {
    left -= 1;
    if (left === 0) onStall();
    else timer = clock.startTimer(timeoutMs / steps, step);
  };
  let timer = clock.startTimer(timeoutMs / steps, step);
  return { cancel: () => timer.cancel() };
}
