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
