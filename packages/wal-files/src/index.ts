export { FileWalManager } from './file-wal-manager.ts';
export type { FileWalManagerParts } from './file-wal-manager.ts';
export type { FoundLog, LastSegments, LogFiles, LogLocation, ReadyLog } from './log-files.ts';
export {
  commitFailure,
  directoryFailure,
  lockFailure,
  prepareFailure,
  readFailure,
  recoveryFailure,
  stepFailure,
  translating,
} from './disk-errors.ts';
export { directoryOfGroup, isGroupFolder, isNameBesideLog } from './group-folder.ts';
export { HardStateWrites } from './hard-state-writes.ts';
export { identityFileName } from './identity-records.ts';
export { findLogKinds, logKinds } from './log-kinds.ts';
export type { FoundKind, LogKind } from './log-kinds.ts';
export {
  checkBoolean,
  checkedCacheLimits,
  checkInteger,
  checkOptionNames,
} from './option-checks.ts';
export { readSteadily } from './read-steadily.ts';
export { bytesToRead, damageWhenRead, ReadBuffers, readSegment } from './read-buffers.ts';
export { ScanWindow } from './scan-window.ts';
export { refuseOtherKinds } from './refuse-other-kinds.ts';
export { closeSegments, SegmentList } from './segment-list.ts';
export type { SegmentFile } from './segment-list.ts';
export { SpareFiles } from './spare-files.ts';
export type { SpareFile, SpareNames } from './spare-files.ts';
