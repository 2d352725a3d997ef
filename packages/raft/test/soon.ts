/** Promises that end without a timer and without I/O. */
import { turnOfEventLoop } from '@babuza/testkit';

/**
 * The promise, where microtasks are enough to end it; rejects where it has not ended after all of
 * them, because nothing else would end it.
 */
export function soon<T>(promise: Promise<T>): Promise<T> {
  const tooLate = turnOfEventLoop().then((): never => {
    throw new Error('it waits for ever');
  });
  return Promise.race([promise, tooLate]);
}
