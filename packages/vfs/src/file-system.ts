/**
 * The contract between the packages and a disk. Every package that keeps bytes uses it, so that a
 * simulated disk can replace the real one, lose bytes that were not synced and fail at any call.
 *
 * Bytes are durable after `datasync` or `writeDurable` of their file, and a name after
 * `syncDirectory` of its directory. `close` makes nothing durable. All failures are `FileError`s.
 *
 * Every call has an asynchronous form, which never blocks the event loop. Calls that the Raft core
 * or an `inline` log needs have a synchronous form as well.
 */

import type { FileError } from './file-error.ts';

/**
 * How a file is opened:
 *
 * - `read`: must exist; only reads are allowed.
 * - `write`: must exist; reads and writes.
 * - `create`: must not exist (`exists` otherwise); reads and writes. The name is not durable yet.
 *   The file is private to its user (mode 0600, as in etcd).
 *
 * Only regular files are opened. If the name belongs to a symbolic link, FIFO, socket or device,
 * the call fails at once with kind `not-a-file`, and the link or device is not followed, read or
 * changed. Links in the directories above are followed, because a directory may be on another disk.
 */
export type OpenMode = 'read' | 'write' | 'create';

/** An open file. Two calls that touch the same bytes must not be in flight together. */
export interface File {
  readonly path: string;

  /**
   * Fills `target` with the bytes from `position` on and returns how many it read. The number is
   * below `target.length` only at the end of the file, because short reads of the platform are
   * continued.
   */
  read(target: Uint8Array, position: number): Promise<number>;
  readSync(target: Uint8Array, position: number): number;

  /**
   * Writes all of `data` at `position`, or throws. Short writes of the platform are continued
   * (Node.js may report fewer bytes without an error). The caller must not change `data` until the
   * promise settles. After a failure any part of `data` may have been written.
   */
  write(data: Uint8Array, position: number): Promise<void>;
  writeSync(data: Uint8Array, position: number): void;

  /**
   * Writes the `parts` one after the other at `position`. Resolves when these bytes are durable,
   * and with them the size of the file if it grew. Bytes that an earlier `write` wrote may remain
   * not durable: on Linux this is one call on an `O_DSYNC` descriptor, elsewhere a write and a
   * `datasync`. After an error it is unknown which of the bytes are durable.
   */
  writeDurable(parts: readonly Uint8Array[], position: number): Promise<void>;
  writeDurableSync(parts: readonly Uint8Array[], position: number): void;

  /**
   * Resolves when all bytes written before, and the size of the file, are durable. Never call it
   * again after an error: the written bytes may be lost although the later call succeeds.
   */
  datasync(): Promise<void>;
  datasyncSync(): void;

  /** Cuts the file, or extends it by zero bytes. */
  truncate(bytes: number): Promise<void>;

  /** The size of the file in bytes. */
  size(): Promise<number>;

  /**
   * Closes the descriptors when the calls in flight are done. Makes nothing durable. Calls that
   * begin later fail. The file is closed even if this rejects. A second call has no effect.
   */
  close(): Promise<void>;
}

export type EntryKind = 'file' | 'directory' | 'other';

/** One name in a directory. */
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: EntryKind;
}

/**
 * A held lock of a directory. The lock can be lost while it is held: its file is removed or
 * replaced, the directory is renamed, or the owner is suspended for so long that another process
 * takes over. The owner must then stop writing. It calls `isFresh` before each write and again
 * before it acknowledges that something is durable. If the result is false, it awaits `confirm`.
 */
export interface DirectoryLock {
  /**
   * Whether the lock was taken over from an owner that sent no heartbeat but may still be running.
   * A write that was in flight when that owner was suspended may still reach a file that it has
   * open.
   */
  readonly tookFromSilentOwner: boolean;

  /**
   * Whether this process certainly still holds the lock. It does if, by the wall clock and by the
   * monotonic clock, its last heartbeat is younger than half the time after which another process
   * may take over, and the path of the lock file still leads to the same file. The path is checked
   * at most once in a millisecond, and a check takes about 2 microseconds.
   */
  isFresh(): boolean;

  /**
   * Renews the lock if this process still holds it, and resolves when it is fresh. That takes 200
   * ms, long enough for a process that was about to take over to become visible. Rejects with kind
   * `lock-lost` if the lock was lost, with `closed` after `release`, and with the error of the disk
   * if the disk kept failing for 10 seconds.
   */
  confirm(): Promise<void>;

  /**
   * Calls `listener` once when a heartbeat (every 2 seconds) or `confirm` finds that the lock was
   * lost, or at once if that is known already. The listener gets a `FileError` of kind `lock-lost`
   * and must not throw.
   */
  onLost(listener: (error: FileError) => void): void;

  /**
   * Releases the lock. A second call has no effect. Throws a `FileError` of kind `locked` if the
   * lock was lost before: for some time two processes may both have acted as its owner.
   */
  release(): Promise<void>;
}

/** A disk: the real one, or a simulated one of `testkit`. Paths are absolute. */
export interface FileSystem {
  /**
   * Opens a file. A missing file, a missing permission and a broken disk are different kinds of
   * `FileError`.
   */
  open(path: string, mode: OpenMode): Promise<File>;

  /** Removes a name. The name may come back after a crash until the directory is synced. */
  unlink(path: string): Promise<void>;

  /**
   * Renames a file or a directory within its directory. A file replaces the file that had the new
   * name. The call is atomic: after a crash either the old or the new name exists, and certainly
   * the new one only after `syncDirectory`. Throws a `RangeError` if the two names are in different
   * directories.
   */
  rename(from: string, to: string): Promise<void>;

  /**
   * Creates a directory and the missing ones above it. Each new one is durable and private to its
   * user (mode 0700). Has no effect if the directory exists.
   */
  makeDirectory(path: string): Promise<void>;

  /**
   * Removes an empty directory; kind `not-empty` otherwise. Its name may come back after a crash
   * until the directory above is synced, and so may names that were removed from it before without
   * a sync of their own.
   */
  removeDirectory(path: string): Promise<void>;

  /** The names of a directory in ascending order of their UTF-16 code units. */
  list(path: string): Promise<DirectoryEntry[]>;

  /**
   * How many bytes this process may still write to the disk of this directory. Absent if the disk
   * does not tell.
   */
  freeBytes?(path: string): Promise<number>;

  /**
   * The kind of the file with this name, or `undefined` if the name does not exist. A link counts
   * as the file that it leads to, and as `other` if it leads nowhere. Every other failure throws.
   */
  kindOf(path: string): Promise<EntryKind | undefined>;

  /**
   * Resolves when all names created, renamed and removed in this directory before are durable.
   * Windows has no such call: there it resolves at once, and the journal of NTFS orders the names.
   */
  syncDirectory(path: string): Promise<void>;

  /**
   * Takes the lock of a directory for this process, or throws a `FileError` of kind `locked` that
   * says who holds it. The lock of an owner that is gone (killed, or from before a reboot) is taken
   * over. Two locks of one directory exclude each other within one process as well. The names
   * `LOCK` and `LOCK.*` in the directory belong to the lock; `list` returns them.
   */
  lock(path: string): Promise<DirectoryLock>;

  /**
   * Describes, for an error message, the process that holds a write lock on this file; `undefined`
   * if no process does. Such locks are taken by other programs: this package locks directories
   * only. Only Linux tells; on other platforms the answer is always `undefined`.
   */
  foreignLock(path: string): Promise<string | undefined>;
}
