export {
  BadgerWalMemory,
  LevelWalMemory,
  PebbleWalMemory,
  capabilities,
  walBackend,
} from './memory-backend.ts';
export type { MemoryWalOptions } from './memory-backend.ts';
export { MemoryStore } from './memory-store.ts';
