/**
 * The errors of snapshots. The codes are API, and their meaning never changes; the messages are for
 * people. Match by `code`, because two copies of this package in one process have different
 * classes.
 *
 * - `SNAPSHOT_INVALID`: an argument is wrong. Fix the call.
 * - `SNAPSHOT_CLOSED`: the manager or the open snapshot is closed, or not open yet.
 * - `SNAPSHOT_NOT_FOUND`: there is no such snapshot, or it has no such file.
 * - `SNAPSHOT_BUSY`: the same snapshot is already being received, or one that should be removed is
 *   open. Wait, or end the other call.
 * - `SNAPSHOT_TOO_LARGE`: another node offers a snapshot above `snapshotBytesMax`. Nothing was
 *   received. Raise the option, or find out which node sends it.
 * - `SNAPSHOT_NO_SPACE`: the disk is full. Nothing of the attempt is left. Free space and try
 *   again.
 * - `SNAPSHOT_TRY_AGAIN`: the system was short of a resource, such as a file descriptor. Nothing
 *   was acknowledged, and no damage is known. Make the same call again later.
 * - `SNAPSHOT_WRITE_FAILED`: the disk failed to write. Nothing was acknowledged, and nothing of the
 *   attempt is left.
 * - `SNAPSHOT_READ_FAILED`: the disk failed to read. Nothing is known about the data.
 * - `SNAPSHOT_CORRUPT`: bytes are damaged; `details` say which. Use another snapshot.
 * - `SNAPSHOT_VERSION`: a newer release wrote the snapshot.
 * - `SNAPSHOT_LOCKED`: another manager has the folder.
 * - `SNAPSHOT_FOREIGN`: a link, FIFO, socket or device has the name of a snapshot file. It was
 *   neither followed nor changed. Move it away.
 * - `SNAPSHOT_LOCK_LOST`: this manager has lost the lock of its folder. It changes nothing any
 *   more, and pending calls were not acknowledged. Stop the process.
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

/** The position of damaged bytes, as far as it is known. */
export interface DamageDetails {
  /** The path of the file, or a name such as `the stream`. */
  readonly file: string;
  /** The offset in bytes from its start. */
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

/** An error for damaged bytes. */
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

/** An error if this manager lost its lock; `undefined` for any other failure. */
export function lockFailure(cause: FileError): SnapshotError | undefined {
  // At the release of a lock, `locked` means that the lock was lost before.
  const isLost =
    cause.kind === 'lock-lost' || (cause.kind === 'locked' && cause.operation === 'unlock');
  if (!isLost) return undefined;
  return new SnapshotError(
    'SNAPSHOT_LOCK_LOST',
    `this process has lost the lock of the folder of the snapshots, and changes nothing in it any more: ${cause.message}. Stop this process, and start it again only if no other process uses the folder`,
    { cause },
  );
}

/**
 * Translates a file error while a snapshot is read. A missing file is damage, because the snapshot
 * says that it exists.
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
  return new SnapshotError('SNAPSHOT_READ_FAILED', `the disk failed to read: ${cause.message}`, {
    cause,
  });
}

function tryAgain(done: 'read' | 'acknowledged', cause: FileError): SnapshotError {
  const message = `the system was short of a resource or denied access, and nothing was ${done}. Make the same call again later: ${cause.message}`;
  return new SnapshotError('SNAPSHOT_TRY_AGAIN', message, { cause });
}

/**
 * Whether a failure means that the system was short of a resource, or denied access, for a moment.
 */
export function isShortage(error: unknown): boolean {
  return error instanceof SnapshotError
    ? error.code === 'SNAPSHOT_TRY_AGAIN'
    : error instanceof FileError && error.isTransient;
}

/** Translates a file error while a snapshot is made, received or removed. */
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
  // This includes failed syncs: the whole attempt is discarded, and the next one starts with new
  // files.
  const noSpace = cause.kind === 'no-space';
  return new SnapshotError(
    noSpace ? 'SNAPSHOT_NO_SPACE' : 'SNAPSHOT_WRITE_FAILED',
    `the disk ${noSpace ? 'is full' : 'failed to write'}: ${cause.message}`,
    { cause },
  );
}

/** Runs `work` and translates its file errors with one of the functions above. */
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
