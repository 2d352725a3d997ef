/**
 * Maps the platform's error codes to kinds of `FileError`. This is the only table, so no other code
 * looks at error codes. A code that is not in it counts as a failed device (`io`), because that is
 * the kind after which a log stops writing.
 */
import { FileError } from './file-error.ts';
import type { FileErrorKind, FileOperation } from './file-error.ts';
import { platform } from './platform.ts';

const KIND_OF_CODE: ReadonlyMap<string, FileErrorKind> = new Map([
  ['ENOSPC', 'no-space'],
  ['EDQUOT', 'no-space'],
  ['EFBIG', 'no-space'],
  ['EACCES', 'permission'],
  ['EPERM', 'permission'],
  ['EROFS', 'permission'],
  ['ENOENT', 'not-found'],
  ['EEXIST', 'exists'],
  ['ENOTDIR', 'not-a-directory'],
  ['EISDIR', 'is-a-directory'],
  ['ENOTEMPTY', 'not-empty'],
  ['EMFILE', 'too-many-open'],
  ['ENFILE', 'too-many-open'],
  ['EAGAIN', 'try-again'],
  ['EINTR', 'try-again'],
  ['ENOMEM', 'try-again'],
  ['ENOBUFS', 'try-again'],
  ['ENAMETOOLONG', 'name-too-long'],
  ['ERR_ACCESS_DENIED', 'access-denied'],
  ['EBUSY', 'busy'],
]);

/**
 * The codes of an `open` that must not follow a link (`ELOOP`, `EMLINK`), or that finds a FIFO or
 * socket without a reader (`ENXIO`).
 */
const NOT_A_FILE: ReadonlySet<string> = new Set(['ELOOP', 'EMLINK', 'ENXIO']);

/** The operations that open a file by its name. */
const OPENS_FILES: ReadonlySet<FileOperation> = new Set(['open', 'lock']);

/** Operations that Windows refuses while another handle to the same name is open. */
const NEEDS_SOLE_HANDLE: ReadonlySet<FileOperation> = new Set(['rename', 'unlink']);

/** The platform's code of an error, such as `EIO`, or `undefined` if it has none. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The kind of a platform's error code, which depends on the operation. */
export function kindOfErrno(errno: string | undefined, operation: FileOperation): FileErrorKind {
  if (errno === undefined) return 'io';
  if (NEEDS_SOLE_HANDLE.has(operation) && platform.openHandleErrnos.has(errno)) return 'busy';
  if (OPENS_FILES.has(operation) && NOT_A_FILE.has(errno)) return 'not-a-file';
  return KIND_OF_CODE.get(errno) ?? 'io';
}

/** Wraps a failure of `node:fs`; a `FileError` passes through unchanged. */
export function toFileError(error: unknown, operation: FileOperation, path: string): FileError {
  if (error instanceof FileError) return error;
  const errno = errnoOf(error);
  const detail = detailOf(error, errno, path);
  return new FileError(kindOfErrno(errno, operation), operation, path, {
    errno,
    detail,
    cause: error,
  });
}

/** The text of a message that replaces the bare code when the code would not tell what to do. */
function detailOf(error: unknown, errno: string | undefined, path: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (errno === undefined) return error.message;
  if (errno !== 'ERR_ACCESS_DENIED') return undefined;
  const wanted = 'permission' in error ? error.permission : undefined;
  const flag = wanted === 'FileSystemRead' ? '--allow-fs-read' : '--allow-fs-write';
  return `${errno}: the permission model of Node.js forbids it; start node with ${flag} for ${path}`;
}
