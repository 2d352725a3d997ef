/** The options of a log on LevelDB, with their defaults and ranges. They are checked once, here. */
import { InvalidArgumentError } from '@babuza/wal-core';
import { checkedLevelOptions, type LevelWalOptions } from '@babuza/wal-level';
import { nodeEnvironment, type Environment } from '@babuza/vfs';

export interface DiskWalOptions extends LevelWalOptions {
  /**
   * How much LevelDB collects in memory and in its own log before it writes a table. An opening
   * reads LevelDB's whole log. Up to twice this size may be in memory. Default 4 MiB; 64 KiB to 1
   * GiB.
   */
  readonly writeBufferBytes?: number | undefined;
  /**
   * Memory for decompressed blocks of tables. Without compression LevelDB reads blocks from mapped
   * files and hardly uses this cache. Default 8 MiB; 0 to 2 GiB.
   */
  readonly blockCacheBytes?: number | undefined;
  /** Size of a block, the unit in which a table is read. Default 4 KiB; 1 KiB to 4 MiB. */
  readonly blockBytes?: number | undefined;
  /** Size of a table file. Default 2 MiB; 1 MiB to 1 GiB. */
  readonly tableBytes?: number | undefined;
  /** The number of tables that are kept open. Default 1,000; 74 to 50,000. */
  readonly openTablesMax?: number | undefined;
  /**
   * Whether blocks are compressed with Snappy. Raft entries are often small or compressed already,
   * and uncompressed tables are read without a copy. Default false. `npx --yes pnpm@12.21.0 bench
   * --only level` measures both.
   */
  readonly compression?: boolean | undefined;
  /**
   * The size of purged entries in LevelDB's tables from which a purge compacts these tables, so
   * that the space is freed at once. Default 4 MiB; 0 (always) to 2^53 - 1.
   */
  readonly compactPurgedBytes?: number | undefined;
  /**
   * Files and clock for everything beside LevelDB, which has its own. Default: those of Node.js.
   */
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
 * Fills in the defaults. Throws `WAL_INVALID`, which names the option, the value, and the values
 * that are allowed.
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
    throw new InvalidArgumentError(`the option ${name} is unknown. The options are: ${known}`);
  }
  // These are LevelDB's own bounds. It silently replaces a value outside them by the nearest one.
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
