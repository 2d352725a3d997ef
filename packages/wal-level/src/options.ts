/** What a user can choose, with defaults and ranges; checked once, here. */
import { defaultCacheLimits, InvalidArgumentError, type CacheLimits } from '@babuza/wal-core';

export interface LevelWalOptions {
  /** Bounds of the cache of recent entries. Default 1,024 entries and 1 MiB. */
  readonly cache?: CacheLimits | undefined;
  /**
   * Reads and verifies every entry when a log is opened, instead of the keys and the records that
   * describe the log. Every entry is verified anyway whenever it is read. Default false.
   */
  readonly verifyOnOpen?: boolean | undefined;
}

export interface CheckedLevelOptions {
  readonly cache: CacheLimits;
  readonly verifyOnOpen: boolean;
}

/**
 * Fills in the defaults. Throws `WAL_INVALID` naming the option, what was given and what is
 * allowed.
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
