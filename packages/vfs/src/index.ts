export { atMost, pause, unlessAborted } from './abort.ts';
export { codeOf } from './code-of.ts';
export { FileError } from './file-error.ts';
export type { FileErrorKind, FileOperation } from './file-error.ts';
export type {
  DirectoryEntry,
  DirectoryLock,
  EntryKind,
  File,
  FileSystem,
  OpenMode,
} from './file-system.ts';
export type { Clock, Environment, Random, Timer } from './environment.ts';
export { restrictToUser, rightsOfOthers } from './file-modes.ts';
export {
  guardedEnvironment,
  GuardedFileSystem,
  type GuardedEnvironment,
} from './guarded-file-system.ts';
export { NodeFileSystem } from './node-file-system.ts';
export { RetryingFileSystem } from './retrying-file-system.ts';
export { NodeClock, NodeRandom, nodeEnvironment } from './node-environment.ts';
export {
  decodeRecord,
  encodeRecord,
  readRecord,
  recordBytesMax,
  recordVersion,
  removeRecord,
  temporaryRecordName,
  writeRecord,
} from './record-file.ts';
export type { StoredRecord } from './record-file.ts';
export { describeCause, NameError } from './names/host-names.ts';
export type { HostAddress, HostNames } from './names/host-names.ts';
export { nodeNames } from './names/node-names.ts';
