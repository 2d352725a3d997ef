/**
 * All errors of a log, grouped by what the caller does about them. The codes are part of the API
 * and keep their meaning; the messages are for people and may change. `cause` keeps the error that
 * was caught. Match by `code`: if a process loads two copies of this package, their classes differ.
 */

/** The stable codes of all errors. */
export type WalErrorCode =
  | 'WAL_INVALID'
  | 'WAL_OUT_OF_ORDER'
  | 'WAL_TOO_LARGE'
  | 'WAL_COMPACTED'
  | 'WAL_UNAVAILABLE'
  | 'WAL_SNAPSHOT_OUT_OF_DATE'
  | 'WAL_SNAPSHOT_UNAVAILABLE'
  | 'WAL_NO_SPACE'
  | 'WAL_TRY_AGAIN'
  | 'WAL_LOCKED'
  | 'WAL_CLOSED'
  | 'WAL_EXISTS'
  | 'WAL_NOT_FOUND'
  | 'WAL_METADATA_MISMATCH'
  | 'WAL_FOREIGN'
  | 'WAL_VERSION'
  | 'WAL_PERMISSION'
  | 'WAL_UNSUPPORTED'
  | 'WAL_READ_FAILED'
  | 'WAL_WRITE_FAILED'
  | 'WAL_POISONED'
  | 'WAL_LOCK_LOST'
  | 'WAL_CORRUPT';

/** The base class of all errors of a log. */
export class WalError extends Error {
  override readonly name: string = 'WalError';
  readonly code: WalErrorCode;

  constructor(code: WalErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

// --- The caller must correct the call. The log is unchanged. ---

/** An argument is not valid for any log. The log is unchanged. */
export class InvalidArgumentError extends WalError {
  override readonly name = 'InvalidArgumentError';
  constructor(message: string, cause?: unknown) {
    super('WAL_INVALID', message, cause);
  }
}

/**
 * The entries do not follow the log: they leave a gap, or their first index is purged or committed.
 * The log is unchanged.
 */
export class OutOfOrderError extends WalError {
  override readonly name = 'OutOfOrderError';
  constructor(message: string) {
    super('WAL_OUT_OF_ORDER', message);
  }
}

/** An entry or a batch exceeds a limit of the log. The log is unchanged. */
export class TooLargeError extends WalError {
  override readonly name = 'TooLargeError';
  readonly bytes: number;
  readonly bytesMax: number;
  constructor(what: string, bytes: number, bytesMax: number) {
    super('WAL_TOO_LARGE', `${what} has ${bytes} bytes; at most ${bytesMax} are allowed`);
    this.bytes = bytes;
    this.bytesMax = bytesMax;
  }
}

// --- Nothing is wrong: the caller sends a snapshot, or waits. ---

/** The index is below the first index of the log (etcd raft: `ErrCompacted`). */
export class CompactedError extends WalError {
  override readonly name = 'CompactedError';
  constructor(index: number, firstIndex: number) {
    super(
      'WAL_COMPACTED',
      `index ${index} is unavailable due to compaction; the log starts at ${firstIndex}`,
    );
  }
}

/** The index is above the last index of the log (etcd raft: `ErrUnavailable`). */
export class UnavailableError extends WalError {
  override readonly name = 'UnavailableError';
  constructor(index: number, lastIndex: number) {
    super('WAL_UNAVAILABLE', `index ${index} is above the last index ${lastIndex} of the log`);
  }
}

/** The snapshot is older than the newest one of the log (etcd raft: `ErrSnapOutOfDate`). */
export class SnapshotOutOfDateError extends WalError {
  override readonly name = 'SnapshotOutOfDateError';
  constructor(index: number, currentIndex: number) {
    super(
      'WAL_SNAPSHOT_OUT_OF_DATE',
      `the snapshot at index ${index} is older than the existing one at ${currentIndex}`,
    );
  }
}

/** There is no snapshot at the moment (etcd raft: `ErrSnapshotTemporarilyUnavailable`). */
export class SnapshotTemporarilyUnavailableError extends WalError {
  override readonly name = 'SnapshotTemporarilyUnavailableError';
  constructor(message = 'no snapshot has been recorded yet') {
    super('WAL_SNAPSHOT_UNAVAILABLE', message);
  }
}

// --- The caller retries later. The log is unchanged and usable, and nothing was acknowledged. ---

/**
 * The disk is full. Nothing of the batch is in the log, and the same entries may be saved again
 * later.
 */
export class NoSpaceError extends WalError {
  override readonly name = 'NoSpaceError';
  constructor(message: string, cause?: unknown) {
    super('WAL_NO_SPACE', message, cause);
  }
}

/**
 * The system lacked a resource for a moment: a file descriptor, memory, or a permission that came
 * back. Nothing was changed, and the error says nothing about the data. A rejected save is not in
 * the log. The same call may be made again.
 */
export class TryAgainError extends WalError {
  override readonly name = 'TryAgainError';
  constructor(message: string, cause?: unknown) {
    super('WAL_TRY_AGAIN', message, cause);
  }
}

/**
 * Whether a rejected save left the log usable and without any part of the batch, so that the same
 * save may be made again after a pause. True for the codes `WAL_NO_SPACE` and `WAL_TRY_AGAIN`.
 */
export function isRefusal(error: unknown): boolean {
  const code: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return code === 'WAL_NO_SPACE' || code === 'WAL_TRY_AGAIN';
}

// --- The log belongs to somebody else, is closed, or cannot be opened here. ---

/** Another process, or another manager of this process, has the log open. */
export class LockedError extends WalError {
  override readonly name = 'LockedError';
  constructor(message: string, cause?: unknown) {
    super('WAL_LOCKED', message, cause);
  }
}

/** The log or its manager was closed. */
export class ClosedError extends WalError {
  override readonly name = 'ClosedError';
  constructor(what: string) {
    super('WAL_CLOSED', `${what} is closed`);
  }
}

/** `createWal` found an existing log. */
export class AlreadyExistsError extends WalError {
  override readonly name = 'AlreadyExistsError';
  constructor(message: string) {
    super('WAL_EXISTS', message);
  }
}

/**
 * There is no log, or the log has no such snapshot marker. A disk that fails to read is never
 * reported as this.
 */
export class NotFoundError extends WalError {
  override readonly name = 'NotFoundError';
  constructor(message: string) {
    super('WAL_NOT_FOUND', message);
  }
}

/** The log belongs to another cluster or node than expected, or was created with another limit. */
export class MetadataMismatchError extends WalError {
  override readonly name = 'MetadataMismatchError';
  readonly field: string;
  constructor(where: string, field: string, expected: unknown, got: unknown) {
    super(
      'WAL_METADATA_MISMATCH',
      `${where}: ${field} is ${String(got)}, expected ${String(expected)}`,
    );
    this.field = field;
  }
}

/** A file or directory does not belong to a log of this kind. Nothing was changed. */
export class ForeignFileError extends WalError {
  override readonly name = 'ForeignFileError';
  readonly file: string;
  constructor(file: string, message: string, cause?: unknown) {
    super('WAL_FOREIGN', `${file}: ${message}`, cause);
    this.file = file;
  }
}

/** The log was written in a format version that this release does not read. */
export class UnknownVersionError extends WalError {
  override readonly name = 'UnknownVersionError';
  readonly file: string;
  constructor(file: string, version: number, known: string) {
    super(
      'WAL_VERSION',
      `${file}: the format version ${version} is not known to this release: ${known}`,
    );
    this.file = file;
  }
}

/** The operating system denies this user access. */
export class PermissionError extends WalError {
  override readonly name = 'PermissionError';
  constructor(message: string, cause?: unknown) {
    super('WAL_PERMISSION', message, cause);
  }
}

/**
 * The reason why a back end does not run here:
 *
 * - `platform`: its database has no binary for this platform.
 * - `not-installed`: a package that it needs is not installed.
 * - `bundled`: the package is installed, but its binary is not where the package looks for it. A
 *   bundler causes this.
 * - `forbidden`: Node.js does not allow this process to load or to read binaries.
 * - `not-loadable`: the binary is there but could not be loaded.
 */
export type UnsupportedReason =
  | 'platform'
  | 'not-installed'
  | 'bundled'
  | 'forbidden'
  | 'not-loadable';

/** This back end does not run here. `reason` and the message say why, and what to do. */
export class UnsupportedPlatformError extends WalError {
  override readonly name = 'UnsupportedPlatformError';
  readonly reason: UnsupportedReason;
  constructor(message: string, cause?: unknown, reason: UnsupportedReason = 'platform') {
    super('WAL_UNSUPPORTED', message, cause);
    this.reason = reason;
  }
}

// --- The disk failed to read, so nothing is known about the data. ---

/**
 * A read failed. The error says nothing about the stored data, and is never reported as "not
 * found".
 */
export class ReadFailedError extends WalError {
  override readonly name = 'ReadFailedError';
  constructor(message: string, cause?: unknown) {
    super('WAL_READ_FAILED', message, cause);
  }
}

// --- The identity record may not be durable, so the caller writes it again. The log itself is
// unchanged and usable. ---

/**
 * The identity record of a log could not be replaced. Either the old or the new record is there,
 * whole.
 */
export class IdentityWriteError extends WalError {
  override readonly name = 'IdentityWriteError';
  constructor(message: string, cause?: unknown) {
    super('WAL_WRITE_FAILED', message, cause);
  }
}

// --- This log accepts no more writes. The caller opens it again, which recovers it, or stops the
// node. ---

/** A write failed in a way that leaves the state of the disk unknown. */
export class WriteFailedError extends WalError {
  override readonly name = 'WriteFailedError';
  constructor(message: string, cause?: unknown) {
    super('WAL_POISONED', message, cause);
  }
}

/** A sync failed. It is never repeated, because the kernel may have dropped the data already. */
export class SyncFailedError extends WalError {
  override readonly name = 'SyncFailedError';
  constructor(message: string, cause?: unknown) {
    super('WAL_POISONED', message, cause);
  }
}

/**
 * This process held the lock of the directory and no longer does: the lock file was removed or
 * replaced, the directory was renamed, or another process took over while this one was stopped.
 * Saves that were not acknowledged may be missing or replaced. The log accepts no more writes.
 */
export class LockLostError extends WalError {
  override readonly name = 'LockLostError';
  /** `found` says which lock was lost and how, as the file system reported it. */
  constructor(found: string, cause?: unknown) {
    super(
      'WAL_LOCK_LOST',
      `this process no longer owns the log and writes nothing more to it: ${found}. ` +
        'Stop this process. Open the log again only when no other process has it open',
      cause,
    );
  }
}

// --- The node must not start on this data. Repair it from its peers or with a tool. ---

/** The position of the damage and the entries that it affects. */
export interface CorruptionDetails {
  readonly groupId: bigint;
  readonly file: string;
  /** Byte offset in the file, if it is known. */
  readonly offset?: number | undefined;
  /** The first and the last affected entry, as far as the log can tell. */
  readonly firstIndex?: number | undefined;
  readonly lastIndex?: number | undefined;
  /** The name of the rule by which the data was found to be damaged. */
  readonly verdict: string;
}

/** Data that had been durable is damaged or missing. Nothing was cut and nothing was changed. */
export class CorruptError extends WalError implements CorruptionDetails {
  override readonly name = 'CorruptError';
  readonly groupId: bigint;
  readonly file: string;
  readonly offset: number | undefined;
  readonly firstIndex: number | undefined;
  readonly lastIndex: number | undefined;
  readonly verdict: string;

  constructor(message: string, details: CorruptionDetails, cause?: unknown) {
    const at = details.offset === undefined ? '' : ` at offset ${details.offset}`;
    const range =
      details.firstIndex === undefined
        ? ''
        : ` (entries ${details.firstIndex} to ${details.lastIndex ?? 'the end'})`;
    super('WAL_CORRUPT', `${details.file}${at}: ${message}${range}`, cause);
    this.groupId = details.groupId;
    this.file = details.file;
    this.offset = details.offset;
    this.firstIndex = details.firstIndex;
    this.lastIndex = details.lastIndex;
    this.verdict = details.verdict;
  }
}
