export { LevelWalManager } from './level-wal-manager.ts';
export { bytesOnly } from './database.ts';
export type { LevelDatabase, LevelStoreKind } from './database.ts';
export type { LevelWalOptions } from './options.ts';
