/**
 * The entry point `@babuza/wal-core/backend`: the parts that only back ends need. A back end
 * implements `LogStore` and `EntryReader`, and combines them with the classes below.
 */
export { AcceptedLog } from './accepted-log.ts';
export { QueuedWal } from './queued-wal.ts';
export type { LogLock, LogStore, QueuedWalParts } from './queued-wal.ts';
export { emptyPlan } from './save-plan.ts';
export type { SavePlan } from './save-plan.ts';
export { LogState } from './log-state.ts';
export { EntryStorage, EntryView } from './entry-storage.ts';
export type { EntryReader } from './entry-storage.ts';
export { RingCache } from './ring-cache.ts';
export { TermIndex } from './entry-index.ts';
export type { EntryIndex } from './entry-index.ts';
export { PositionIndex, positionAlignmentBytes } from './position-index.ts';
export type { SegmentRun } from './position-index.ts';
export { WalEventHub } from './events.ts';
export {
  checkedGroupId,
  checkedIdentityRecord,
  checkedMetadata,
  checkExpectation,
  chosenSnapshot,
} from './options.ts';
export { invariant, InvariantError } from './invariant.ts';
export { uninitializedBytes } from './memory.ts';
export { crc32ByTable, crc32cByTable } from './crc-by-table.ts';
export type { CrcByTable } from './crc-by-table.ts';
