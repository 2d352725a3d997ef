/**
 * The options of a log in an ordered key-value store, with their defaults and ranges. They are
 * checked once, here.
 */
import { defaultCacheLimits, InvalidArgumentError, type CacheLimits } from '@babuza/wal-core';

export interface LevelWalOptions {
  /**
   * Bounds of the cache of recent entries. Default 1,024 entries and 1 MiB; 0 to 2^24 entries and 0
   * to 2^32 bytes.
   */
  readonly cache?: CacheLimits | undefined;
  /**
   * Whether opening a log reads and verifies every entry. By default opening reads the keys of the
   * entries and the records that describe the log, and an entry is verified whenever it is read.
   * Default false.
   */
  readonly verifyOnOpen?: boolean | undefined;
}

export interface CheckedLevelOptions {
  readonly cache: CacheLimits;
  readonly verifyOnOpen: boolean;
}

/**
 * Fills in the defaults. Throws `WAL_INVALID`, which names the option, the value, and the values
 * that are allowed.
 */
export function checkedLevelOptions(options: LevelWalOptions = {}): CheckedLevelOptions {
  const { cache = defaultCacheLimits, verifyOnOpen = false } = options;
  integerIn('cache.entriesMax', cache.entriesMax, 2 ** 24);
  integerIn('cache.bytesMax', cache.bytesMax, 2 ** 32);
  if (typeof verifyOnOpen !== 'boolean') {
    throw new InvalidArgumentError(
      `verifyOnOpen must be true or false, got ${String(verifyOnOpen)}`,
    );
  }
  return { cache, verifyOnOpen };
}

function integerIn(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new InvalidArgumentError(
      `${name} must be an integer from 0 to ${max}, got ${String(value)}`,
    );
  }
}
