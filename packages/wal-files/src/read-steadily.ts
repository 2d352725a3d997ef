/**
 * Looking at a log without owning it, also while a node writes it. A reader that is slower than the
 * writer sees a batch that is half there, a list of files that is older than a rotation, a file
 * that was purged or written again: what it takes for damage may be gone a moment later. Damage
 * stays where it is. So what looks wrong is looked at again, with pauses, and believed when it is
 * the same thing several times.
 */
import { FileError, type Clock } from '@babuza/vfs';
import { CorruptError, WalError, type TailReport } from '@babuza/wal-core';

/** So often in a row the same damage must be seen. */
const sightingsMin = 4;

/** After so many attempts a log that never looked the same twice is given up. */
const attemptsMax = 100;

const pauseMs = 40;

/**
 * Calls `look` until what it says is sure: a clean log at once, anything else when it stays the
 * same.
 */
export async function readSteadily<Value>(
  clock: Clock,
  look: () => Promise<{ tail: TailReport; value: Value }>,
): Promise<Value> {
  let seen = '';
  let sightings = 0;
  for (let attempt = 1; ; attempt += 1) {
    let complaint: string;
    let settle: () => Value;
    try {
      const { tail, value } = await look();
      if (tail.verdict === 'clean') return value;
      complaint = `${tail.verdict} ${tail.file} ${tail.offset}`;
      settle = () => value;
    } catch (error) {
      complaint = complaintOf(error);
      settle = () => {
        throw error;
      };
    }
    sightings = complaint === seen ? sightings + 1 : 1;
    seen = complaint;
    if (sightings >= sightingsMin || attempt === attemptsMax) return settle();
    await clock.sleep(pauseMs);
  }
}

/**
 * What a failure complains of, so that two can be compared. Rethrows what looking again cannot
 * mend.
 */
function complaintOf(error: unknown): string {
  if (error instanceof CorruptError) return `${error.verdict} ${error.file} ${error.offset}`;
  if (error instanceof FileError && error.kind === 'not-found') return `gone ${error.path}`;
  if (error instanceof WalError && error.code === 'WAL_FOREIGN') return error.message;
  throw error;
}
