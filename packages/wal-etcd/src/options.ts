/** The options of a log in etcd's format, with their defaults and ranges, and their check. */
import { nodeEnvironment, type Environment } from '@babuza/vfs';
import { InvalidArgumentError, type CacheLimits } from '@babuza/wal-core';
import {
  checkBoolean,
  checkedCacheLimits,
  checkInteger,
  checkOptionNames,
} from '@babuza/wal-files';
import { segmentBytesDefault } from './format/layout.ts';

export interface EtcdWalOptions {
  /**
   * The nominal size of a segment in bytes, from 16,384 to 1 GiB. Default 64,000,000, as in etcd. A
   * segment may become longer. The value may change each time a log is opened.
   */
  readonly segmentBytes?: number | undefined;
  /** Bounds of the cache of recent entries. Default 1,024 entries and 1 MiB. */
  readonly cache?: CacheLimits | undefined;
  /**
   * Whether to write and sync on the calling thread. This has the lowest latency for a single
   * caller, but the event loop waits for the disk. Default false.
   */
  readonly inline?: boolean | undefined;
  /**
   * The form of the metadata of a new log. `babuza` has fields of this package, which etcd ignores.
   * `etcd` has node and cluster id alone, as an etcd server writes them. Default `babuza`. Both
   * forms can always be read.
   */
  readonly metadata?: 'babuza' | 'etcd' | undefined;
  /**
   * The handling of a log that ends in a way that a crash or damage could explain: `cut` drops that
   * end and reports it, as an etcd server does; `refuse` rejects with `WAL_CORRUPT`. Default `cut`.
   */
  readonly uncertainTail?: 'cut' | 'refuse' | undefined;
  /** File system, clock and random numbers. Default: those of Node.js. */
  readonly environment?: Environment | undefined;
}

export type CheckedOptions = {
  readonly [Name in keyof EtcdWalOptions]-?: Exclude<EtcdWalOptions[Name], undefined>;
};

const optionNames: ReadonlySet<string> = new Set<keyof EtcdWalOptions>([
  'segmentBytes',
  'cache',
  'inline',
  'metadata',
  'uncertainTail',
  'environment',
]);

/**
 * Fills in the defaults. Throws `WAL_INVALID` with the name of the option, the value and the
 * allowed range.
 */
export function checkedOptions(options: EtcdWalOptions = {}): CheckedOptions {
  checkOptionNames(options, optionNames);
  const checked: CheckedOptions = {
    segmentBytes: options.segmentBytes ?? segmentBytesDefault,
    cache: checkedCacheLimits(options.cache),
    inline: options.inline ?? false,
    metadata: options.metadata ?? 'babuza',
    uncertainTail: options.uncertainTail ?? 'cut',
    environment: options.environment ?? nodeEnvironment(),
  };
  checkInteger('segmentBytes', checked.segmentBytes, 16 * 1024, 1024 * 1024 * 1024);
  checkBoolean('inline', checked.inline);
  if (checked.metadata !== 'babuza' && checked.metadata !== 'etcd') {
    throw new InvalidArgumentError(
      `metadata must be 'babuza' or 'etcd', got ${String(checked.metadata)}`,
    );
  }
  if (checked.uncertainTail !== 'cut' && checked.uncertainTail !== 'refuse') {
    throw new InvalidArgumentError(
      `uncertainTail must be 'cut' or 'refuse', got ${String(checked.uncertainTail)}`,
    );
  }
  return checked;
}
