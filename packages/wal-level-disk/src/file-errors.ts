/** Translates failures of the files beside LevelDB's own into errors of a log. */
import { FileError } from '@babuza/vfs';
import {
  ForeignFileError,
  InvalidArgumentError,
  LockedError,
  LockLostError,
  NoSpaceError,
  PermissionError,
  ReadFailedError,
  TryAgainError,
  type WalError,
} from '@babuza/wal-core';

/** Runs `work` and translates its file errors. */
export async function translating<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof FileError ? translated(error) : error;
  }
}

export function translated(error: FileError): WalError {
  if (error.kind === 'lock-lost') return new LockLostError(error.message, error);
  if (error.kind === 'locked') {
    // A release that finds the lock held by another owner means that it was lost before.
    const isLost = error.operation === 'unlock';
    return isLost ? new LockLostError(error.message, error) : new LockedError(error.message, error);
  }
  if (error.kind === 'permission' || error.kind === 'access-denied') {
    return new PermissionError(error.message, error);
  }
  if (error.isTransient) {
    return new TryAgainError(
      `the system was short of a resource. Try the call again later: ${error.message}`,
      error,
    );
  }
  if (error.kind === 'name-too-long') return new InvalidArgumentError(error.message, error);
  // Only the preparation of the directory can meet this: LevelDB itself writes the entries.
  if (error.kind === 'no-space') return new NoSpaceError(error.message, error);
  if (error.kind === 'not-a-file') {
    return new ForeignFileError(error.path, `is not a regular file: ${error.message}`, error);
  }
  if (error.kind === 'not-a-directory' || error.kind === 'exists') {
    return new ForeignFileError(error.path, `is not a directory: ${error.message}`);
  }
  return new ReadFailedError(error.message, error);
}
