export * from './errors.ts';
export type { Storage } from './storage.ts';
export type { WalCapabilities } from './capabilities.ts';
export type { PurgeReport, TailReport } from './reports.ts';
export type { SaveBatch, Wal, WalStats } from './wal.ts';
export type {
  GroupOptions,
  OpenedWal,
  ReplayOptions,
  WalBackend,
  WalManager,
  WalMetadata,
  WalMetadataInput,
} from './wal-manager.ts';
export type { WalEvent, WalEventListener, WalEventSource } from './events.ts';
export type { EntryStorage } from './entry-storage.ts';
export {
  batchBytesMax,
  checkedId,
  entryBytesMaxDefault,
  entryBytesMaxLimit,
  identityBytesMax,
  identityRecordBytesMax,
  metadataExtraBytesMax,
} from './options.ts';
export { defaultCacheLimits } from './ring-cache.ts';
export type { CacheLimits } from './ring-cache.ts';
