/** What a user can choose, with defaults and ranges; checked once, here. */
import { InvalidArgumentError } from '@babuza/wal-core';
import { checkedLevelOptions, type LevelWalOptions } from '@babuza/wal-level';
import { nodeEnvironment, type Environment } from '@babuza/vfs';

export interface DiskWalOptions extends LevelWalOptions {
  /**
   * How much LevelDB gathers in memory, and in its own log, before it writes a table: from 64 KiB
   * to 1 GiB. Twice as much can be in memory for a while. An opening reads what is in its own log.
   * Default 4 MiB.
   */
  readonly writeBufferBytes?: number | undefined;
  /**
   * Memory for blocks of tables that had to be decompressed, from 0 to 2 GiB. Without compression
   * blocks are read from mapped files, and it stays nearly empty. Default 8 MiB.
   */
  readonly blockCacheBytes?: number | undefined;
  /** Size of a block in a table, the unit of reading, from 1 KiB to 4 MiB. Default 4 KiB. */
  readonly blockBytes?: number | undefined;
  /** Size of a table file, from 1 MiB to 1 GiB. Default 2 MiB. */
  readonly tableBytes?: number | undefined;
  /** Tables that are kept open, from 74 to 50,000. Default 1,000. */
  readonly openTablesMax?: number | undefined;
  /**
   * Compresses blocks with Snappy. Default false: raft entries are small and often compressed
   * already, and uncompressed tables are read without a copy. Figures: `npx --yes pnpm@12.21.0
   * bench --only level`.
   */
  readonly compression?: boolean | undefined;
  /**
   * A purge has LevelDB compact its tables once what was purged takes at least so many bytes in
   * them, so that the space comes back at once. From 0 (always) to 2^53 - 1. Default 4 MiB.
   */
  readonly compactPurgedBytes?: number | undefined;
  /** The world of files and time beside LevelDB, which has its own. Default: that of Node.js. */
  readonly environment?: Environment | undefined;
}

/** All options but the cache, with their defaults. */
export type CheckedDiskOptions = {
  readonly [Name in Exclude<keyof DiskWalOptions, 'cache'>]-?: Exclude<
    DiskWalOptions[Name],
    undefined
  >;
};

const kibibyte = 1024;
const mebibyte: number = 1024 * kibibyte;
const gibibyte: number = 1024 * mebibyte;

/**
 * Fills in the defaults. Throws `WAL_INVALID` naming the option, what was given and what is
 * allowed.
 */
export function checkedDiskOptions(options: DiskWalOptions = {}): {
  readonly level: LevelWalOptions;
  readonly disk: CheckedDiskOptions;
} {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError(`options must be an object, got ${String(options)}`);
  }
  const { cache, verifyOnOpen } = options;
  const disk: CheckedDiskOptions = {
    writeBufferBytes: options.writeBufferBytes ?? 4 * mebibyte,
    blockCacheBytes: options.blockCacheBytes ?? 8 * mebibyte,
    blockBytes: options.blockBytes ?? 4 * kibibyte,
    tableBytes: options.tableBytes ?? 2 * mebibyte,
    openTablesMax: options.openTablesMax ?? 1000,
    compression: options.compression ?? false,
    compactPurgedBytes: options.compactPurgedBytes ?? 4 * mebibyte,
    environment: options.environment ?? nodeEnvironment(),
    verifyOnOpen: verifyOnOpen ?? false,
  };
  for (const name of Object.keys(options)) {
    if (name === 'cache' || Object.hasOwn(disk, name)) continue;
    const known = ['cache', ...Object.keys(disk)].join(', ');
    throw new InvalidArgumentError(`unknown option ${name}; there are: ${known}`);
  }
  // The bounds are LevelDB's own: outside of them it would silently take the nearest.
  integerIn('writeBufferBytes', disk.writeBufferBytes, 64 * kibibyte, gibibyte);
  integerIn('blockCacheBytes', disk.blockCacheBytes, 0, 2 * gibibyte);
  integerIn('blockBytes', disk.blockBytes, kibibyte, 4 * mebibyte);
  integerIn('tableBytes', disk.tableBytes, mebibyte, gibibyte);
  integerIn('openTablesMax', disk.openTablesMax, 74, 50_000);
  integerIn('compactPurgedBytes', disk.compactPurgedBytes, 0, Number.MAX_SAFE_INTEGER);
  if (typeof disk.compression !== 'boolean') {
    throw new InvalidArgumentError(
      `compression must be true or false, got ${String(disk.compression)}`,
    );
  }
  const level = { cache, verifyOnOpen };
  checkedLevelOptions(level);
  return { level, disk };
}

function integerIn(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new InvalidArgumentError(
      `${name} must be an integer from ${min} to ${max}, got ${String(value)}`,
    );
  }
}
