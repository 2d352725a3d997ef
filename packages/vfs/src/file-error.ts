/**
 * The error of every failed call of a file system. Its `kind` says what the caller can do, so that
 * no caller has to look at messages or at the error numbers of one platform.
 */

/**
 * The kinds of failures, which tell the caller what to do:
 *
 * - `no-space`: ENOSPC, EDQUOT, EFBIG. Free space and try again, if nothing was synced in between.
 * - `io`: EIO and every code that is not known here. The device or the file system failed.
 * - `permission`: EACCES, EPERM, EROFS. The operating system does not let this user do it.
 * - `access-denied`: ERR_ACCESS_DENIED. The permission model of Node.js does not let this process
 *   do it.
 * - `name-too-long`: ENAMETOOLONG. The path, or a name in it, is longer than the file system
 *   allows.
 * - `not-found`: ENOENT.
 * - `exists`: EEXIST.
 * - `not-a-directory`: ENOTDIR; `is-a-directory`: EISDIR; `not-empty`: ENOTEMPTY.
 * - `not-a-file`: ELOOP, ENXIO, or a check after opening. A symbolic link, FIFO, socket or device
 *   has the name of a file. It was not followed, read or changed.
 * - `too-many-open`: EMFILE, ENFILE. The process or the system has no file descriptor left.
 * - `try-again`: EAGAIN, EINTR, ENOMEM, ENOBUFS. The system was short of a resource, or a signal
 *   interrupted the call.
 * - `locked`: another owner holds the lock of the directory.
 * - `lock-lost`: this process held the lock of the directory and no longer does. It must write
 *   nothing more there.
 * - `busy`: EBUSY, and the codes of Windows while another handle is open.
 * - `closed`: the handle was closed before the call.
 *
 * `FileError.isTransient` says whether the same call may succeed later.
 */
export type FileErrorKind =
  | 'no-space'
  | 'io'
  | 'permission'
  | 'access-denied'
  | 'name-too-long'
  | 'not-found'
  | 'exists'
  | 'not-a-directory'
  | 'is-a-directory'
  | 'not-empty'
  | 'not-a-file'
  | 'too-many-open'
  | 'try-again'
  | 'locked'
  | 'lock-lost'
  | 'busy'
  | 'closed';

/**
 * The calls of a file system, as they are named in errors, fault rules and traces. `syncDirectory`
 * is two of them: `open-directory`, which changes nothing, and `sync-directory`.
 */
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
  | 'open-directory'
  | 'sync-directory'
  | 'lock'
  | 'unlock';

/**
 * Operations that store bytes or make them durable. After one of them has failed, the content of
 * the disk is unknown, whatever the reason was. So a failed sync is never tried again.
 */
const storesBytes: ReadonlySet<FileOperation> = new Set([
  'write',
  'write-durable',
  'datasync',
  'truncate',
  'sync-directory',
]);

/** The advice that the message of a kind adds to the code of the platform. */
const adviceOf: Partial<Record<FileErrorKind, string>> = {
  'too-many-open': 'no file descriptor is left; raise the limit (ulimit -n) or open fewer files',
  'not-a-file':
    'only a regular file is opened here; find out who created this one, and move it away',
  'name-too-long': 'the path or a name in it is too long; use a shorter directory',
};

/** A failed call of a file system: the operation, the path and the reason. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly kind: FileErrorKind;
  readonly operation: FileOperation;
  /** The file or directory that the call was about. */
  readonly path: string;
  /** The code of the platform, such as `EIO`, if there is one. */
  readonly errno: string | undefined;

  constructor(
    kind: FileErrorKind,
    operation: FileOperation,
    path: string,
    options: { errno?: string | undefined; detail?: string | undefined; cause?: unknown } = {},
  ) {
    const reasons = [options.detail ?? options.errno, adviceOf[kind]];
    const detail = reasons.filter((reason) => reason !== undefined).join(': ');
    super(`${operation} ${path}: ${kind}${detail === '' ? '' : ` (${detail})`}`, {
      cause: options.cause,
    });
    this.kind = kind;
    this.operation = operation;
    this.path = path;
    this.errno = options.errno;
  }
  /**
   * Whether the call had no effect and the same call may succeed later. That is so if the system
   * was short of descriptors or memory, a signal interrupted the call, or a permission was missing
   * (EACCES only). It is never so for a call that stores bytes or syncs them.
   */
  get isTransient(): boolean {
    if (storesBytes.has(this.operation)) return false;
    if (this.kind === 'permission') return this.errno === 'EACCES';
    return this.kind === 'too-many-open' || this.kind === 'try-again';
  }
}
