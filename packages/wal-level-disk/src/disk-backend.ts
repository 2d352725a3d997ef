/**
 * The back end on LevelDB: the log of `@babuza/wal-level` on classic-level. What LevelDB promises,
 * what it hides and what is done about it is described in the README of this package.
 */
import { entryBytesMaxLimit, type WalBackend, type WalCapabilities } from '@babuza/wal-core';
import { LevelWalManager } from '@babuza/wal-level';
import { DiskStore } from './disk-store.ts';
import { loadClassicLevel } from './load-classic-level.ts';
import { checkedDiskOptions, type DiskWalOptions } from './options.ts';
import { BadgerWalDisk, LevelWalDisk, PebbleWalDisk } from './wal-type.ts';

/** What the log on LevelDB promises. */
export const capabilities: WalCapabilities = Object.freeze({
  durable: true,
  batchAtomic: true,
  // Damage in LevelDB's own log to what was acknowledged in the last 50 ms before a crash looks
  // like a shorter log: LevelDB drops it without a word, and the witness had not been told of it
  // yet.
  detectsEveryFlip: false,
  exactPurge: true,
  entryBytesMax: entryBytesMaxLimit,
});

/**
 * The log on LevelDB as the builder, the tools and users open it. `open` rejects with
 * `WAL_UNSUPPORTED` where there is no LevelDB for the platform, and with `WAL_INVALID` for options
 * that cannot be.
 */
export const walBackend: WalBackend<DiskWalOptions> = {
  types: [LevelWalDisk, BadgerWalDisk, PebbleWalDisk],
  capabilities,
  open: async (directory, options) => {
    const { level, disk } = checkedDiskOptions(options);
    const store = new DiskStore(await loadClassicLevel(), capabilities, disk);
    return new LevelWalManager(store, directory, level);
  },
};
