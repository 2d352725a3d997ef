/**
 * Every error of a log, grouped by what the caller does about it. The codes are API and never
 * change their meaning; the messages are for people and may. `cause` keeps what was caught. Match
 * by `code`: two copies of this package in one process have different classes.
 */

/** The stable codes. */
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

/** The base of all errors of a log. */
export class WalError extends Error {
  override readonly name: string = 'WalError';
  readonly code: WalErrorCode;

  constructor(code: WalErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

// --- Fix the call: the log is unchanged. ---

/** An argument that no log could take. The log is unchanged. */
export class InvalidArgumentError extends WalError {
  override readonly name = 'InvalidArgumentError';
  constructor(message: string, cause?: unknown) {
    super('WAL_INVALID', message, cause);
  }
}

/**
 * Entries that do not join the log: a gap, an index that was purged or committed. It is unchanged.
 */
export class OutOfOrderError extends WalError {
  override readonly name = 'OutOfOrderError';
  constructor(message: string) {
    super('WAL_OUT_OF_ORDER', message);
  }
}

/**
 * An entry or a batch above the limit of the log, which could not be read back. It is unchanged.
 */
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

// --- Send a snapshot, or wait: nothing is wrong. ---

/** The index lies before the first one that the log still has (etcd raft: ErrCompacted). */
export class CompactedError extends WalError {
  override readonly name = 'CompactedError';
  constructor(index: number, firstIndex: number) {
    super(
      'WAL_COMPACTED',
      `index ${index} is unavailable due to compaction; the log starts at ${firstIndex}`,
    );
  }
}

/** The index lies behind the last one of the log (etcd raft: ErrUnavailable). */
export class UnavailableError extends WalError {
  override readonly name = 'UnavailableError';
  constructor(index: number, lastIndex: number) {
    super('WAL_UNAVAILABLE', `index ${index} is not in the log; it ends at ${lastIndex}`);
  }
}

/** A snapshot older than the one that the log has (etcd raft: ErrSnapOutOfDate). */
export class SnapshotOutOfDateError extends WalError {
  override readonly name = 'SnapshotOutOfDateError';
  constructor(index: number, currentIndex: number) {
    super(
      'WAL_SNAPSHOT_OUT_OF_DATE',
      `the snapshot at index ${index} is older than the existing one at ${currentIndex}`,
    );
  }
}

/** No snapshot can be given at the moment (etcd raft: ErrSnapshotTemporarilyUnavailable). */
export class SnapshotTemporarilyUnavailableError extends WalError {
  override readonly name = 'SnapshotTemporarilyUnavailableError';
  constructor(message = 'no snapshot has been recorded yet') {
    super('WAL_SNAPSHOT_UNAVAILABLE', message);
  }
}

// --- Back off: the log is unchanged and usable, nothing was acknowledged. ---

/**
 * The disk is full. Nothing of the batch is in the log; the same entries may be saved again later.
 */
export class NoSpaceError extends WalError {
  override readonly name = 'NoSpaceError';
  constructor(message: string, cause?: unknown) {
    super('WAL_NO_SPACE', message, cause);
  }
}

/**
 * The system was short of something for a moment: a file descriptor, memory, or a permission that
 * came and went. Nothing was changed, and nothing is said about the data. A rejected save is not in
 * the log, and the same call may be made again.
 */
export class TryAgainError extends WalError {
  override readonly name = 'TryAgainError';
  constructor(message: string, cause?: unknown) {
    super('WAL_TRY_AGAIN', message, cause);
  }
}

/**
 * Whether an error that a log rejected a save with left the log usable and without any of the
 * batch: the same save may be made again after a pause. The codes are `WAL_NO_SPACE` and
 * `WAL_TRY_AGAIN`.
 */
export function isRefusal(error: unknown): boolean {
  const code: unknown =
    typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return code === 'WAL_NO_SPACE' || code === 'WAL_TRY_AGAIN';
}

// --- Another owner, life state, directory, release, user or machine. ---

/** Another process, or another manager in this one, has the log open. */
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

/** There is a log already where one should be created. */
export class AlreadyExistsError extends WalError {
  override readonly name = 'AlreadyExistsError';
  constructor(message: string) {
    super('WAL_EXISTS', message);
  }
}

/** There is no log, or no such snapshot marker in it. Never said of a disk that failed. */
export class NotFoundError extends WalError {
  override readonly name = 'NotFoundError';
  constructor(message: string) {
    super('WAL_NOT_FOUND', message);
  }
}

/** The log belongs to another cluster or node, or was created with other limits, than expected. */
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

/** A file or directory that is not one of ours. Nothing was changed. */
export class ForeignFileError extends WalError {
  override readonly name = 'ForeignFileError';
  readonly file: string;
  constructor(file: string, message: string, cause?: unknown) {
    super('WAL_FOREIGN', `${file}: ${message}`, cause);
    this.file = file;
  }
}

/** Written in a format version that this release does not read. */
export class UnknownVersionError extends WalError {
  override readonly name = 'UnknownVersionError';
  readonly file: string;
  constructor(file: string, version: number, known: string) {
    super('WAL_VERSION', `${file}: format version ${version} is unknown here; ${known}`);
    this.file = file;
  }
}

/** The operating system does not let this user in. */
export class PermissionError extends WalError {
  override readonly name = 'PermissionError';
  constructor(message: string, cause?: unknown) {
    super('WAL_PERMISSION', message, cause);
  }
}

/**
 * Why a back end does not run here:
 *
 * - `platform`: its database has no binary for this platform.
 * - `not-installed`: a package that it needs is not installed.
 * - `bundled`: the package is there, and its binary is not where the package looks for it. A
 *   bundler does that.
 * - `forbidden`: Node.js does not let this process load binaries, or read them.
 * - `not-loadable`: the binary is there and could not be loaded.
 */
export type UnsupportedReason =
  | 'platform'
  | 'not-installed'
  | 'bundled'
  | 'forbidden'
  | 'not-loadable';

/** This back end does not run here; `reason` and the message say why, and what to do. */
export class UnsupportedPlatformError extends WalError {
  override readonly name = 'UnsupportedPlatformError';
  readonly reason: UnsupportedReason;
  constructor(message: string, cause?: unknown, reason: UnsupportedReason = 'platform') {
    super('WAL_UNSUPPORTED', message, cause);
    this.reason = reason;
  }
}

// --- The disk would not read: nothing is known about the data. ---

/** A read failed. It says nothing about what is stored, and is never reported as "not found". */
export class ReadFailedError extends WalError {
  override readonly name = 'ReadFailedError';
  constructor(message: string, cause?: unknown) {
    super('WAL_READ_FAILED', message, cause);
  }
}

// --- The identity record may not be durable: write it again. The log itself is unchanged and
// usable. ---

/** The identity record of a log could not be replaced: the old or the new one is there, whole. */
export class IdentityWriteError extends WalError {
  override readonly name = 'IdentityWriteError';
  constructor(message: string, cause?: unknown) {
    super('WAL_WRITE_FAILED', message, cause);
  }
}

// --- This log takes no more writes: open it again (and so recover), or stop the node. ---

/** A write failed in a way that leaves the state of the disk unknown. */
export class WriteFailedError extends WalError {
  override readonly name = 'WriteFailedError';
  constructor(message: string, cause?: unknown) {
    super('WAL_POISONED', message, cause);
  }
}

/** A sync failed. It is never tried again: the kernel may have dropped the data already. */
export class SyncFailedError extends WalError {
  override readonly name = 'SyncFailedError';
  constructor(message: string, cause?: unknown) {
    super('WAL_POISONED', message, cause);
  }
}

/**
 * This process held the lock of the directory and no longer does: its file was removed or replaced,
 * the directory was renamed, or another process took over while this one stood still. Whatever was
 * not acknowledged before may be missing or replaced. The log takes no more writes.
 */
export class LockLostError extends WalError {
  override readonly name = 'LockLostError';
  /** `found` says which lock was lost and how, as the file system has told it. */
  constructor(found: string, cause?: unknown) {
    super(
      'WAL_LOCK_LOST',
      `the log is not this process's any more, and nothing more is written to it: ${found}. ` +
        'Stop this process, and open the log again only where no other process has it open',
      cause,
    );
  }
}

// --- Do not start on this data: repair from peers or by tool. ---

/** Where damage was found and what it affects. */
export interface CorruptionDetails {
  readonly groupId: bigint;
  readonly file: string;
  /** Byte offset in the file, where known. */
  readonly offset?: number | undefined;
  /** The first and last entry that are affected, as far as the log can tell. */
  readonly firstIndex?: number | undefined;
  readonly lastIndex?: number | undefined;
  /** The name of the rule that led to this judgement. */
  readonly verdict: string;
}

/**
 * Data that had been durable is damaged, or is missing. Nothing was cut and nothing was changed.
 */
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
