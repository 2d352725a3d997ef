/** Checks of options, so that all back ends reject the same values with the same messages. */
import { defaultCacheLimits, InvalidArgumentError, type CacheLimits } from '@babuza/wal-core';

/** Throws `WAL_INVALID` if `options` is not an object or has a name that is not in `names`. */
export function checkOptionNames(options: object, names: ReadonlySet<string>): void {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError(`options must be an object, got ${String(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (names.has(name)) continue;
    throw new InvalidArgumentError(`unknown option ${name}; there are: ${[...names].join(', ')}`);
  }
}

/** Throws `WAL_INVALID` unless the value is an integer from `min` to `max`. */
export function checkInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(
      `${name} must be an integer from ${min} to ${max}, got ${String(value)}`,
    );
  }
}

/** Throws `WAL_INVALID` unless the value is a boolean. */
export function checkBoolean(name: string, value: boolean): void {
  if (typeof value === 'boolean') return;
  throw new InvalidArgumentError(`${name} must be true or false, got ${String(value)}`);
}

/** The bounds of the cache, or the default ones. Throws `WAL_INVALID` if they are out of range. */
export function checkedCacheLimits(limits: CacheLimits = defaultCacheLimits): CacheLimits {
  checkInteger('cache.entriesMax', limits.entriesMax, 0, 2 ** 24);
  checkInteger('cache.bytesMax', limits.bytesMax, 0, 2 ** 32);
  return limits;
}
