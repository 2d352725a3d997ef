/**
 * Reads a log without owning it, even while a node writes it. A reader may see a batch that is only
 * partly written, a list of files from before a rotation, or a file that was purged or reused. Such
 * apparent damage is gone a moment later, while real damage stays the same. So the log is read
 * again after a pause, and damage counts only if several reads in a row find the same.
 */
import { FileError, type Clock } from '@babuza/vfs';
import { CorruptError, WalError, type TailReport } from '@babuza/wal-core';

/** How many reads in a row must find the same damage. */
const equalReadsMin = 4;

/** The most reads, for a log that keeps changing. */
const attemptsMax = 100;

const pauseMs = 40;

/**
 * Calls `look` until its result is certain: at once if the log is clean, otherwise when several
 * calls in a row have the same result.
 */
export async function readSteadily<Value>(
  clock: Clock,
  look: () => Promise<{ tail: TailReport; value: Value }>,
): Promise<Value> {
  let seen = '';
  let equalReads = 0;
  for (let attempt = 1; ; attempt += 1) {
    let damage: string;
    let settle: () => Value;
    try {
      const { tail, value } = await look();
      if (tail.verdict === 'clean') return value;
      damage = `${tail.verdict} ${tail.file} ${tail.offset}`;
      settle = () => value;
    } catch (error) {
      damage = damageOf(error);
      settle = () => {
        throw error;
      };
    }
    equalReads = damage === seen ? equalReads + 1 : 1;
    seen = damage;
    if (equalReads >= equalReadsMin || attempt === attemptsMax) return settle();
    await clock.sleep(pauseMs);
  }
}

/**
 * Describes the damage that an error reports, so that two can be compared. Rethrows an error that
 * another read cannot change.
 */
function damageOf(error: unknown): string {
  if (error instanceof CorruptError) return `${error.verdict} ${error.file} ${error.offset}`;
  if (error instanceof FileError && error.kind === 'not-found') return `gone ${error.path}`;
  if (error instanceof WalError && error.code === 'WAL_FOREIGN') return error.message;
  throw error;
}
