/** The options of a native log, their defaults and their checks. */
import { nodeEnvironment, type Environment } from '@babuza/vfs';
import { InvalidArgumentError, type CacheLimits } from '@babuza/wal-core';
import {
  checkBoolean,
  checkedCacheLimits,
  checkInteger,
  checkOptionNames,
} from '@babuza/wal-files';
import { segmentBytesDefault, segmentBytesMax, segmentBytesMin } from './format/layout.ts';

export interface NativeWalOptions {
  /**
   * The size of a segment file in bytes, a multiple of 4,096 from 16 KiB to 1 GiB. Default 64 MiB.
   * A log may be opened with another value than before; it applies to new segments.
   */
  readonly segmentBytes?: number | undefined;
  /** Bounds of the cache of recent entries. Default 1,024 entries and 1 MiB. */
  readonly cache?: CacheLimits | undefined;
  /**
   * Whether to write and sync on the calling thread. This gives one caller the lowest latency, but
   * the event loop waits for the disk. Default false.
   */
  readonly inline?: boolean | undefined;
  /**
   * The action if the last batch is damaged and it is unknown whether it was acknowledged: `cut` it
   * and report that, or `refuse` to open the log. Default `cut`.
   */
  readonly uncertainTail?: 'cut' | 'refuse' | undefined;
  /**
   * The milliseconds without a write after which a mark records in the file that everything before
   * it is durable. From 1 to 60,000. Default 50.
   */
  readonly idleMarkMs?: number | undefined;
  /** The number of purged segments that are kept for reuse, from 0 to 16. Default 2. */
  readonly recycledMax?: number | undefined;
  /** The files, the clock and the random numbers. Default: those of Node.js. */
  readonly environment?: Environment | undefined;
}

export type CheckedOptions = {
  readonly [Name in keyof NativeWalOptions]-?: Exclude<NativeWalOptions[Name], undefined>;
};

const optionNames: ReadonlySet<string> = new Set<keyof NativeWalOptions>([
  'segmentBytes',
  'cache',
  'inline',
  'uncertainTail',
  'idleMarkMs',
  'recycledMax',
  'environment',
]);

/**
 * Checks the options and fills in the defaults. Throws `WAL_INVALID` with the name of the option,
 * its value and the values that are allowed.
 */
export function checkedOptions(options: NativeWalOptions = {}): CheckedOptions {
  checkOptionNames(options, optionNames);
  const checked: CheckedOptions = {
    segmentBytes: options.segmentBytes ?? segmentBytesDefault,
    cache: checkedCacheLimits(options.cache),
    inline: options.inline ?? false,
    uncertainTail: options.uncertainTail ?? 'cut',
    idleMarkMs: options.idleMarkMs ?? 50,
    recycledMax: options.recycledMax ?? 2,
    environment: options.environment ?? nodeEnvironment(),
  };
  checkInteger('segmentBytes', checked.segmentBytes, segmentBytesMin, segmentBytesMax);
  if (checked.segmentBytes % 4096 !== 0) {
    throw new InvalidArgumentError(
      `segmentBytes must be a multiple of 4096, got ${checked.segmentBytes}`,
    );
  }
  checkInteger('idleMarkMs', checked.idleMarkMs, 1, 60_000);
  checkInteger('recycledMax', checked.recycledMax, 0, 16);
  checkBoolean('inline', checked.inline);
  if (checked.uncertainTail !== 'cut' && checked.uncertainTail !== 'refuse') {
    throw new InvalidArgumentError(
      `uncertainTail must be 'cut' or 'refuse', got ${String(checked.uncertainTail)}`,
    );
  }
  return checked;
}
