/**
 * Translates failures of the disk to errors of a log. The same failure has different consequences
 * while reading, preparing and committing; `docs/DURABILITY.md` has the rules.
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
 * The error for a lock that this process held and lost; `undefined` for every other failure. While
 * a lock is released, `locked` has the same meaning.
 */
export function lockFailure(cause: unknown): LockLostError | undefined {
  if (cause instanceof LockLostError) return cause;
  if (!(cause instanceof FileError)) return undefined;
  const isLost =
    cause.kind === 'lock-lost' || (cause.kind === 'locked' && cause.operation === 'unlock');
  return isLost ? new LockLostError(cause.message, cause) : undefined;
}

/**
 * Translates a failure to read files. Nothing was changed, and the failure says nothing about the
 * data.
 */
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
  return new ReadFailedError(`the disk failed to read: ${cause.message}`, cause);
}

/**
 * Translates a failure to prepare files for the next batch. Nothing of the batch was written yet.
 */
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
 * Translates a failure to create the directory of a log. An impossible path is an error of the
 * caller, not of the disk.
 */
export function directoryFailure(cause: unknown): unknown {
  if (!(cause instanceof FileError)) return cause;
  if (cause.kind === 'not-a-directory' || cause.kind === 'exists') {
    return new ForeignFileError(cause.path, `is not a directory: ${cause.message}`);
  }
  if (cause.kind === 'not-found') {
    return new InvalidArgumentError(`the directory cannot be created: ${cause.message}`, cause);
  }
  // In contrast to other steps, a caller waits for this one and can act on a missing permission.
  if (isForbidden(cause)) return new PermissionError(cause.message, cause);
  return prepareFailure(cause);
}

function isForbidden({ kind }: FileError): boolean {
  return kind === 'permission' || kind === 'access-denied';
}

/** The error for a link, FIFO, socket or device with the name of a file; it was not changed. */
function notAFile(cause: FileError): ForeignFileError {
  return new ForeignFileError(cause.path, `is not a regular file: ${cause.message}`, cause);
}

function tryAgain(done: 'read' | 'written', cause: FileError): TryAgainError {
  const message = `nothing was ${done}, and the same call may succeed later`;
  return new TryAgainError(`${message}: ${cause.message}`, cause);
}

/**
 * Translates a failure to write or sync a batch. The batch may be partly on the disk, so the log
 * takes no more writes. Always a `WalError`.
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
 * Translates a failure of a step that changes nothing durable, such as syncing a directory with new
 * names or releasing a lock. After a transient failure the step can be repeated; every other
 * failure is treated as one of a commit.
 */
export function stepFailure(cause: unknown): WalError {
  return cause instanceof FileError && cause.isTransient
    ? tryAgain('written', cause)
    : commitFailure(cause);
}

/**
 * Translates a failure to open or recover a log. After a transient failure the log is unchanged and
 * can be opened again. The same holds if a transient failure is the cause of `WAL_POISONED`,
 * because no caller has the log yet.
 */
export function recoveryFailure(cause: unknown): WalError {
  const reason = cause instanceof WalError && cause.code === 'WAL_POISONED' ? cause.cause : cause;
  if (!(reason instanceof FileError) || !reason.isTransient) return commitFailure(cause);
  return isForbidden(reason)
    ? new PermissionError(reason.message, reason)
    : tryAgain('read', reason);
}

/** Runs `work` and translates its errors with one of the functions above. */
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
