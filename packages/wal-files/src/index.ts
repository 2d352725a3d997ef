export { FileWalManager } from './file-wal-manager.ts';
export type { FileWalManagerParts } from './file-wal-manager.ts';
export type { FoundLog, LogFiles, LogPlace, ReadyLog } from './log-files.ts';
export {
  commitFailure,
  directoryFailure,
  prepareFailure,
  readFailure,
  translating,
} from './disk-errors.ts';
export { directoryOfGroup, isGroupFolder, isNameBesideLog } from './group-folder.ts';
export {
  checkBoolean,
  checkedCacheLimits,
  checkInteger,
  checkOptionNames,
} from './option-checks.ts';
export { readSteadily } from './read-steadily.ts';
export { SpareFiles } from './spare-files.ts';
export type { SpareFile, SpareNames } from './spare-files.ts';
