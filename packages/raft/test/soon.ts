/** Promises that settle without a timer and without I/O. */
import { turnOfEventLoop } from '@babuza/testkit';

/**
 * The promise, if microtasks are enough to settle it. Rejects when it is pending after all of them,
 * because nothing else would settle it.
 */
export function soon<T>(promise: Promise<T>): Promise<T> {
  const tooLate = turnOfEventLoop().then((): never => {
    throw new Error('it waits for ever');
  });
  return Promise.race([promise, tooLate]);
}
