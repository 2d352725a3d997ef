export { capabilities, walBackend } from './disk-backend.ts';
export type { DiskWalOptions } from './options.ts';
export { BadgerWalDisk, LevelWalDisk, PebbleWalDisk } from './wal-type.ts';
