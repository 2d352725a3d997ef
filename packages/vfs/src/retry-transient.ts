/**
 * Repeats calls that fail because the system is short of a resource before the failure is reported.
 */
import type { Clock } from './environment.ts';
import { FileError } from './file-error.ts';

/**
 * The pauses between the attempts, 160 ms in total. That bounds how long a save waits for a file.
 */
const pausesMs: readonly number[] = [10, 30, 120];

/**
 * Makes a call up to four times while it fails with a transient `FileError`, since such a call had
 * no effect. Throws the last failure, or at once a failure that is not transient.
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
