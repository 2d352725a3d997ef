/**
 * What a failure of the disk means to a log, depending on what the log was doing. Reading,
 * preparing and committing have different consequences; the rules are in `docs/DURABILITY.md`.
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
  TryAgainError,
  WalError,
  WriteFailedError,
} from '@babuza/wal-core';

/**
 * A lock that this process held and lost, at whatever step that was found; `undefined` for
 * everything else. When a lock is given back, `locked` means the same.
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
  if (isForbidden(cause)) return new PermissionError(cause.message, cause);
  if (cause.isTransient) return tryAgain('read', cause);
  if (cause.kind === 'name-too-long') return new InvalidArgumentError(cause.message, cause);
  if (cause.kind === 'locked') return new LockedError(cause.message, cause);
  if (cause.kind === 'not-a-file') return notAFile(cause);
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
  if (cause.isTransient) return tryAgain('written', cause);
  if (isForbidden(cause)) return new PermissionError(cause.message, cause);
  if (cause.kind === 'name-too-long') return new InvalidArgumentError(cause.message, cause);
  if (cause.kind === 'locked') return new LockedError(cause.message, cause);
  if (cause.kind === 'not-a-file') return notAFile(cause);
  return commitFailure(cause);
}

/**
 * While making the directory of a log: a path that cannot be one is the caller's, not the disk's.
 */
export function directoryFailure(cause: unknown): unknown {
  if (!(cause instanceof FileError)) return cause;
  if (cause.kind === 'not-a-directory' || cause.kind === 'exists') {
    return new ForeignFileError(cause.path, `is not a directory: ${cause.message}`);
  }
  if (cause.kind === 'not-found') {
    return new InvalidArgumentError(`no directory can be made here: ${cause.message}`, cause);
  }
  // A caller waits for this one, and can be told that the permission is missing.
  if (isForbidden(cause)) return new PermissionError(cause.message, cause);
  return prepareFailure(cause);
}

function isForbidden({ kind }: FileError): boolean {
  return kind === 'permission' || kind === 'access-denied';
}

/** A link, FIFO, socket or device was put in place of a file; it was left as it is. */
function notAFile(cause: FileError): ForeignFileError {
  return new ForeignFileError(cause.path, `is not a regular file: ${cause.message}`, cause);
}

function tryAgain(done: 'read' | 'written', cause: FileError): TryAgainError {
  const message = `nothing was ${done}, and the same call may succeed later`;
  return new TryAgainError(`${message}: ${cause.message}`, cause);
}

/**
 * While writing what must not be half written: the log takes no more writes. Always a `WalError`.
 */
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

/**
 * While doing a step that changes nothing that was durable, such as syncing a directory whose names
 * are new, or giving a lock back: a transient failure leaves it to be done later, and every other
 * one is that of a commit.
 */
export function stepFailure(cause: unknown): WalError {
  return cause instanceof FileError && cause.isTransient
    ? tryAgain('written', cause)
    : commitFailure(cause);
}

/**
 * While opening or recovering a log: a transient failure leaves the same log, which can be opened
 * again. An error that wraps one, after the log had refused to go on, means the same as long as
 * nobody has the log.
 */
export function recoveryFailure(cause: unknown): WalError {
  const reason = cause instanceof WalError && cause.code === 'WAL_POISONED' ? cause.cause : cause;
  if (!(reason instanceof FileError) || !reason.isTransient) return commitFailure(cause);
  return isForbidden(reason)
    ? new PermissionError(reason.message, reason)
    : tryAgain('read', reason);
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
