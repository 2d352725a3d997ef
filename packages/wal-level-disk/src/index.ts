export {
  BadgerWalDisk,
  LevelWalDisk,
  PebbleWalDisk,
  capabilities,
  walBackend,
} from './disk-backend.ts';
export type { DiskWalOptions } from './options.ts';
