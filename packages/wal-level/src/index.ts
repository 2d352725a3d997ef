export { LevelWalManager } from './level-wal-manager.ts';
export { bytesOnly } from './database.ts';
export type { EventLoopClock } from './event-loop-clock.ts';
export type {
  LevelDatabase,
  LevelOperation,
  LevelStoreKind,
  DatabaseLock,
  Reclaimed,
} from './database.ts';
export type { KeyRange } from './keys.ts';
export { checkedLevelOptions } from './options.ts';
export type { LevelWalOptions } from './options.ts';
export type { StoredSyncRecord, SyncRecords } from './sync-record.ts';
