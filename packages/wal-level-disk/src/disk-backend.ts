/**
 * The back end on LevelDB: the log of `@babuza/wal-level` on classic-level. The README of this
 * package describes what LevelDB promises, which failures it hides, and how this package handles
 * them.
 */
import { entryBytesMaxLimit, type WalBackend, type WalCapabilities } from '@babuza/wal-core';
import { LevelWalManager } from '@babuza/wal-level';
import { DiskStore } from './disk-store.ts';
import { loadClassicLevel } from './load-classic-level.ts';
import { checkedDiskOptions, type DiskWalOptions } from './options.ts';
import { BadgerWalDisk, LevelWalDisk, PebbleWalDisk } from './wal-type.ts';

/** The capabilities of the log on LevelDB. */
export const capabilities: WalCapabilities = Object.freeze({
  durable: true,
  batchAtomic: true,
  // LevelDB silently skips damaged records of its own log. If they were acknowledged in the last 50
  // ms before a crash the sync record does not know them yet, and the log only looks shorter.
  detectsEveryFlip: false,
  exactPurge: true,
  entryBytesMax: entryBytesMaxLimit,
});

/**
 * The entry point of the log on LevelDB. `open` rejects with `WAL_UNSUPPORTED` if LevelDB cannot be
 * loaded, and with `WAL_INVALID` for invalid options.
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
