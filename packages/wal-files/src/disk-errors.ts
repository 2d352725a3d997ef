/**
 * What a failure of the disk means to a log, depending on what the log was doing. Reading, preparing and
 * committing have different consequences; the rules are in `docs/DURABILITY.md`.
 */
import { FileError } from '@babuza/vfs';
import {
  ForeignFileError,
  InvalidArgumentError,
  LockedError,
  LockLostError,
  NoSpaceError,
  NotFoundError,
  PermissionError,
  ReadFailedError,
  SyncFailedError,
  WalError,
  WriteFailedError,
} from '@babuza/wal-core';

/**
 * A lock that this process held and lost, at whatever step that was found; `undefined` for everything
 * else. When a lock is given back, `locked` means the same.
 */
export function lockFailure(cause: unknown): LockLostError | undefined {
  if (cause instanceof LockLostError) return cause;
  if (!(cause instanceof FileError)) return undefined;
  const isLost =
    cause.kind === 'lock-lost' || (cause.kind === 'locked' && cause.operation === 'unlock');
  return isLost ? new LockLostError(cause.message, cause) : undefined;
}

/** While looking at files: nothing was changed, and nothing is known about the data. */
export function readFailure(cause: unknown): unknown {
  if (!(cause instanceof FileError)) return cause;
  const lost = lockFailure(cause);
  if (lost !== undefined) return lost;
  if (cause.kind === 'permission') return new PermissionError(cause.message, cause);
  if (cause.kind === 'locked') return new LockedError(cause.message, cause);
  if (cause.kind === 'not-a-directory') {
    return new NotFoundError(`${cause.path} is not a directory`);
  }
  return new ReadFailedError(`the disk would not read: ${cause.message}`, cause);
}

/** While preparing what the next batch needs: nothing of the batch was written yet. */
export function prepareFailure(cause: unknown): unknown {
  if (!(cause instanceof FileError)) return cause;
  if (cause.kind === 'no-space') {
    return new NoSpaceError(`no space for another segment: ${cause.message}`, cause);
  }
  if (cause.kind === 'too-many-open') {
    return new NoSpaceError(`no file descriptor left for another segment: ${cause.message}`, cause);
  }
  if (cause.kind === 'permission') return new PermissionError(cause.message, cause);
  if (cause.kind === 'locked') return new LockedError(cause.message, cause);
  return commitFailure(cause);
}

/** While making the directory of a log: a path that cannot be one is the caller's, not the disk's. */
export function directoryFailure(cause: unknown): unknown {
  if (!(cause instanceof FileError)) return cause;
  if (cause.kind === 'not-a-directory' || cause.kind === 'exists') {
    return new ForeignFileError(cause.path, `is not a directory: ${cause.message}`);
  }
  if (cause.kind === 'not-found') {
    return new InvalidArgumentError(`no directory can be made here: ${cause.message}`, cause);
  }
  return prepareFailure(cause);
}

/** While writing what must not be half written: the log takes no more writes. Always a `WalError`. */
export function commitFailure(cause: unknown): WalError {
  if (cause instanceof WalError) return cause;
  const lost = lockFailure(cause);
  if (lost !== undefined) return lost;
  const message = cause instanceof Error ? cause.message : String(cause);
  const syncing =
    cause instanceof FileError &&
    (cause.operation === 'datasync' ||
      cause.operation === 'write-durable' ||
      cause.operation === 'sync-directory');
  return syncing
    ? new SyncFailedError(`the disk failed to make data durable: ${message}`, cause)
    : new WriteFailedError(`the disk failed to write: ${message}`, cause);
}

/** Runs `work` and turns its file errors with one of the functions above. */
export async function translating<Result>(
  translate: (cause: unknown) => unknown,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw translate(error);
  }
}
