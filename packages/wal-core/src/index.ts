export * from './errors.ts';
export type { Storage } from './storage.ts';
export type { WalCapabilities } from './capabilities.ts';
export type { PurgeReport, SaveBatch, Wal, WalStats } from './wal.ts';
export type {
  GroupOptions,
  OpenedWal,
  ReplayOptions,
  TailReport,
  WalBackend,
  WalManager,
  WalMetadata,
  WalMetadataInput,
} from './wal-manager.ts';
export { WalEventHub } from './events.ts';
export type { WalEvent, WalEventListener, WalEventSource } from './events.ts';
export { EntryStorage, EntryView } from './entry-storage.ts';
export type { EntryReader } from './entry-storage.ts';

// For back ends.
export {
  batchBytesMax,
  checkedGroupId,
  checkedId,
  checkedIdentityRecord,
  checkedMetadata,
  checkExpectation,
  chosenSnapshot,
  entryBytesMaxDefault,
  entryBytesMaxLimit,
  identityBytesMax,
  identityRecordBytesMax,
  metadataExtraBytesMax,
} from './options.ts';
export { TermIndex } from './entry-index.ts';
export type { EntryIndex } from './entry-index.ts';
export { PositionIndex, positionAlignmentBytes } from './position-index.ts';
export type { SegmentRun } from './position-index.ts';
export { defaultCacheLimits, RingCache } from './ring-cache.ts';
export type { CacheLimits } from './ring-cache.ts';
export { LogState } from './log-state.ts';
export { emptyPlan } from './save-plan.ts';
export type { SavePlan } from './save-plan.ts';
export { AcceptedLog } from './accepted-log.ts';
export { QueuedWal } from './queued-wal.ts';
export type { LogLock, LogStore, QueuedWalParts } from './queued-wal.ts';
export { invariant, InvariantError } from './invariant.ts';
export { uninitializedBytes } from './memory.ts';
export { crc32ByTable, crc32cByTable } from './crc-by-table.ts';
export type { CrcByTable } from './crc-by-table.ts';
