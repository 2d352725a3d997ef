export { pause, unlessAborted } from './abort.ts';
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
export { NodeFileSystem } from './node-file-system.ts';
export { RetryingFileSystem } from './retrying-file-system.ts';
export { NodeClock, NodeRandom, nodeEnvironment } from './node-environment.ts';
