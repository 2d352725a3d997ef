/** What a user can choose, with defaults and ranges; checked once, here. */
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
   * The nominal size of a segment in bytes, from 16,384 to 1 GiB. Default 64,000,000, as etcd. A
   * segment may be longer. A log may be opened with another value than before.
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
   * What is written as metadata: `babuza`, which an etcd reads too, or `etcd`, node and cluster id
   * alone, as a server of etcd writes them. Default `babuza`. Both are always read.
   */
  readonly metadata?: 'babuza' | 'etcd' | undefined;
  /**
   * What to do when the log ends in a way that a crash explains, and damage as well: `cut` it there
   * and report, as a server of etcd does, or `refuse` to open. Default `cut`.
   */
  readonly uncertainTail?: 'cut' | 'refuse' | undefined;
  /** The world of files, time and chance. Default: that of Node.js. */
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
 * Fills in the defaults. Throws `WAL_INVALID` naming the option, what was given and what is
 * allowed.
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
