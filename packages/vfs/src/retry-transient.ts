/** Calls that fail because the system is short of something are made again a few times before they are told. */
import type { Clock } from './environment.ts';
import { FileError } from './file-error.ts';

/** The pauses between the attempts, 160 ms in all: a save that waits for a file waits no longer. */
const pausesMs: readonly number[] = [10, 30, 120];

/**
 * Makes a call up to four times while it fails with an error that `isTransient`. Such a call did nothing. The
 * last failure is thrown, and every other one at once.
 */
export async function retryTransient<Result>(
  clock: Clock,
  call: () => Promise<Result>,
): Promise<Result> {
  for (const pauseMs of pausesMs) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof FileError) || !error.isTransient) throw error;
      await clock.sleep(pauseMs);
    }
  }
  return call();
}
