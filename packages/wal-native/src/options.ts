/** What a user can choose, with defaults and ranges; checked once, here. */
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
   * A log may be opened with another value than before: it counts for new segments.
   */
  readonly segmentBytes?: number | undefined;
  /** Bounds of the cache of recent entries. Default 1,024 entries and 1 MiB. */
  readonly cache?: CacheLimits | undefined;
  /**
   * Write and sync on the calling thread: the lowest latency for one caller, but the event loop
   * waits for the disk. Default false.
   */
  readonly inline?: boolean | undefined;
  /**
   * What to do when the very last batch is damaged and nothing tells whether it had been
   * acknowledged: `cut` it and report, or `refuse` to open. Default `cut`.
   */
  readonly uncertainTail?: 'cut' | 'refuse' | undefined;
  /**
   * After so many milliseconds without a write, a mark says in the file that all before it is
   * durable. From 1 to 60,000. Default 50.
   */
  readonly idleMarkMs?: number | undefined;
  /** How many purged segments are kept to be written again, from 0 to 16. Default 2. */
  readonly recycledMax?: number | undefined;
  /** The world of files, time and chance. Default: that of Node.js. */
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
 * Fills in the defaults. Throws `WAL_INVALID` naming the option, what was given and what is
 * allowed.
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
