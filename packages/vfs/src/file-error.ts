/**
 * What went wrong with a file, said in a way that programs can act on. Every call of a file system of
 * this package that fails throws a `FileError`; nobody looks at texts or at numbers of one platform.
 */

/**
 * What the caller can do about a failure:
 *
 * - `no-space`: ENOSPC, EDQUOT, EFBIG. Free space and try again, if nothing was synced in between.
 * - `io`: EIO and everything that is not understood. The device or the file system failed.
 * - `permission`: EACCES, EPERM, EROFS.
 * - `not-found`: ENOENT.
 * - `exists`: EEXIST.
 * - `not-a-directory`: ENOTDIR; `is-a-directory`: EISDIR; `not-empty`: ENOTEMPTY.
 * - `too-many-open`: EMFILE, ENFILE.
 * - `locked`: another owner holds the lock of the directory.
 * - `lock-lost`: this process held the lock of the directory and no longer does. It must write
 *   nothing more there.
 * - `busy`: EBUSY, and what Windows answers while another handle is open.
 * - `closed`: the handle was closed before.
 */
export type FileErrorKind =
  | 'no-space'
  | 'io'
  | 'permission'
  | 'not-found'
  | 'exists'
  | 'not-a-directory'
  | 'is-a-directory'
  | 'not-empty'
  | 'too-many-open'
  | 'locked'
  | 'lock-lost'
  | 'busy'
  | 'closed';

/** The calls of a file system, as they are named in errors, fault rules and traces. */
export type FileOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'write-durable'
  | 'datasync'
  | 'truncate'
  | 'size'
  | 'close'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'rmdir'
  | 'list'
  | 'stat'
  | 'sync-directory'
  | 'lock'
  | 'unlock';

/** A failed call of a file system: what, where, why. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly kind: FileErrorKind;
  readonly operation: FileOperation;
  /** The file or directory that the call was about. */
  readonly path: string;
  /** The platform's own code, such as `EIO`, where there is one. */
  readonly errno: string | undefined;

  constructor(
    kind: FileErrorKind,
    operation: FileOperation,
    path: string,
    options: { errno?: string | undefined; detail?: string | undefined; cause?: unknown } = {},
  ) {
    const detail = options.detail ?? options.errno;
    super(`${operation} ${path}: ${kind}${detail === undefined ? '' : ` (${detail})`}`, {
      cause: options.cause,
    });
    this.kind = kind;
    this.operation = operation;
    this.path = path;
    this.errno = options.errno;
  }
}
