/**
 * The errors of snapshots, by what the caller does about them. The codes are API and never change
 * their meaning; the messages are for people. Match by `code`: two copies of this package in one
 * process have different classes.
 *
 * - `SNAPSHOT_INVALID`: fix the call. `SNAPSHOT_CLOSED`: the manager or the open snapshot is
 *   closed, or not open yet.
 * - `SNAPSHOT_NOT_FOUND`: there is no such snapshot, or no such file in it.
 * - `SNAPSHOT_BUSY`: the same snapshot is being received already, or one that should be removed is
 *   open. Wait, or end it.
 * - `SNAPSHOT_TOO_LARGE`: a snapshot that another node offers is above `snapshotBytesMax`; nothing
 *   was received. Raise the option, or find out who sends it.
 * - `SNAPSHOT_NO_SPACE`: nothing is left of the attempt. Free space and try again.
 * - `SNAPSHOT_TRY_AGAIN`: the system was short of something for a moment, such as a file
 *   descriptor. Nothing was acknowledged and nothing is known to be wrong. Make the same call again
 *   later.
 * - `SNAPSHOT_WRITE_FAILED`: the disk failed; nothing is left of the attempt, and nothing was
 *   acknowledged.
 * - `SNAPSHOT_READ_FAILED`: the disk would not read; nothing is known about the data.
 * - `SNAPSHOT_CORRUPT`: bytes are not what they were; `details` say which. Use another snapshot.
 * - `SNAPSHOT_VERSION`: written by a newer release. `SNAPSHOT_LOCKED`: another manager has the
 *   folder.
 * - `SNAPSHOT_FOREIGN`: a link, FIFO, socket or device has the name of a file of ours. It was
 *   neither followed nor changed. Move it away.
 * - `SNAPSHOT_LOCK_LOST`: this manager had the folder and has lost its lock. It changes nothing any
 *   more, and what was under way was not acknowledged. Stop the process.
 */
import { FileError, type FileErrorKind } from '@babuza/vfs';

export type SnapshotErrorCode =
  | 'SNAPSHOT_INVALID'
  | 'SNAPSHOT_CLOSED'
  | 'SNAPSHOT_NOT_FOUND'
  | 'SNAPSHOT_BUSY'
  | 'SNAPSHOT_TOO_LARGE'
  | 'SNAPSHOT_NO_SPACE'
  | 'SNAPSHOT_TRY_AGAIN'
  | 'SNAPSHOT_WRITE_FAILED'
  | 'SNAPSHOT_READ_FAILED'
  | 'SNAPSHOT_CORRUPT'
  | 'SNAPSHOT_VERSION'
  | 'SNAPSHOT_FOREIGN'
  | 'SNAPSHOT_LOCKED'
  | 'SNAPSHOT_LOCK_LOST';

/** Where bytes are wrong, as far as it is known. */
export interface DamageDetails {
  /** The file, or what was being read. */
  readonly file: string;
  /** In bytes from its start. */
  readonly offset: number;
  readonly expected?: string | number | undefined;
  readonly got?: string | number | undefined;
}

export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
  readonly code: SnapshotErrorCode;
  /** Present with `SNAPSHOT_CORRUPT`. */
  readonly details: DamageDetails | undefined;

  constructor(
    code: SnapshotErrorCode,
    message: string,
    options: { cause?: unknown; details?: DamageDetails } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }
}

/** Bytes that are not what they should be. */
export function corrupt(problem: string, details: DamageDetails, cause?: unknown): SnapshotError {
  const { file, offset, expected, got } = details;
  const both = expected === undefined ? '' : `: expected ${expected}, got ${got}`;
  return new SnapshotError('SNAPSHOT_CORRUPT', `${file} at byte ${offset}: ${problem}${both}`, {
    cause,
    details,
  });
}

export function isCorrupt(error: unknown): error is SnapshotError {
  return error instanceof SnapshotError && error.code === 'SNAPSHOT_CORRUPT';
}

const missingKinds: ReadonlySet<FileErrorKind> = new Set([
  'not-found',
  'not-a-directory',
  'is-a-directory',
  'not-a-file',
]);

/** A lock that this manager held and lost; `undefined` for everything else. */
export function lockFailure(cause: FileError): SnapshotError | undefined {
  // When a lock is given back, `locked` means that it was lost before.
  const isLost =
    cause.kind === 'lock-lost' || (cause.kind === 'locked' && cause.operation === 'unlock');
  if (!isLost) return undefined;
  return new SnapshotError(
    'SNAPSHOT_LOCK_LOST',
    `the folder of the snapshots is not this process's any more, and nothing is changed in it: ${cause.message}. Stop this process, and start it again only where no other process has the folder`,
    { cause },
  );
}

/**
 * A failed file while a snapshot is read. A file that is gone is damage: its snapshot says that it
 * is there.
 */
export function readFailure(cause: unknown): unknown {
  if (!(cause instanceof FileError)) return cause;
  const lost = lockFailure(cause);
  if (lost !== undefined) return lost;
  if (cause.kind === 'closed') {
    return new SnapshotError('SNAPSHOT_CLOSED', 'the snapshot is closed', { cause });
  }
  if (missingKinds.has(cause.kind)) {
    const problem =
      cause.kind === 'not-a-file' ? 'this is not a regular file' : 'the file is missing';
    return corrupt(problem, { file: cause.path, offset: 0 }, cause);
  }
  if (cause.isTransient) return tryAgain('read', cause);
  return new SnapshotError('SNAPSHOT_READ_FAILED', `the disk would not read: ${cause.message}`, {
    cause,
  });
}

function tryAgain(done: 'read' | 'acknowledged', cause: FileError): SnapshotError {
  const message = `nothing was ${done}, and the same call may succeed later: ${cause.message}`;
  return new SnapshotError('SNAPSHOT_TRY_AGAIN', message, { cause });
}

/** Whether a failure is that of a system that is short of something for a moment. */
export function isShortage(error: unknown): boolean {
  return error instanceof SnapshotError
    ? error.code === 'SNAPSHOT_TRY_AGAIN'
    : error instanceof FileError && error.isTransient;
}

/** A failed file while a snapshot is made, taken or removed. */
export function writeFailure(cause: unknown): unknown {
  if (!(cause instanceof FileError)) return cause;
  const lost = lockFailure(cause);
  if (lost !== undefined) return lost;
  if (cause.kind === 'locked') {
    return new SnapshotError('SNAPSHOT_LOCKED', cause.message, { cause });
  }
  if (cause.kind === 'not-a-file') {
    return new SnapshotError('SNAPSHOT_FOREIGN', `nothing was changed: ${cause.message}`, {
      cause,
    });
  }
  if (cause.isTransient) return tryAgain('acknowledged', cause);
  // Also from a sync: what it lost is thrown away as a whole, so another attempt starts with new
  // files.
  const noSpace = cause.kind === 'no-space';
  return new SnapshotError(
    noSpace ? 'SNAPSHOT_NO_SPACE' : 'SNAPSHOT_WRITE_FAILED',
    `the disk ${noSpace ? 'is full' : 'failed to write'}: ${cause.message}`,
    { cause },
  );
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
