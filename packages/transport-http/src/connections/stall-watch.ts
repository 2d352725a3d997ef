/** Notices that nothing comes from the other side. */
import type { Clock, Timer } from '@babuza/vfs';

/** Between two of them what has come meanwhile is read. */
const steps = 5;

/**
 * Calls `onStall` once after `timeoutMs`, unless it is cancelled. It counts steps, not time: a
 * pause of this process itself is one step at most, so that what came during the pause is seen
 * before anybody is given up.
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
