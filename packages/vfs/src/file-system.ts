/**
 * The contract between our packages and a disk. Whoever keeps bytes goes through it, so that one
 * simulated disk can stand in for the real one, lose what was not synced and fail at any call.
 *
 * What is durable, and when: bytes after `datasync` or `writeDurable` of their file; a name after
 * `syncDirectory` of its directory. `close` makes nothing durable. All failures are `FileError`s.
 *
 * Every call exists in an asynchronous form, which never blocks the event loop, and, where the Raft
 * core or an `inline` log needs it, in a synchronous one that does the same.
 */

import type { FileError } from './file-error.ts';

/**
 * How a file is opened:
 *
 * - `read`: must exist; only reads are allowed.
 * - `write`: must exist; reads and writes.
 * - `create`: must not exist (`exists` otherwise); reads and writes. The name is not durable yet.
 *   The file is for its user alone (mode 0600, as etcd has it).
 *
 * Only regular files are opened. A symbolic link, FIFO, socket or device that has the name is
 * refused at once with kind `not-a-file`, and is not followed, read or changed. Links in the
 * directories above are followed: a directory can lie on another disk.
 */
export type OpenMode = 'read' | 'write' | 'create';

/** An open file. Two calls that touch the same bytes must not be in flight together. */
export interface File {
  readonly path: string;

  /**
   * Fills `target` with the bytes from `position` on and returns how many there were: fewer than
   * `target.length` only at the end of the file. Short reads of the platform are continued.
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
   * Writes the `parts` one behind the other at `position` and resolves when these bytes, and a
   * growth of the file that they caused, are durable. Bytes written before by `write` may stay
   * undurable: on Linux this is one call on an `O_DSYNC` descriptor, elsewhere a write and a
   * `datasync`. It cannot be told which half failed: an error leaves durability unknown.
   */
  writeDurable(parts: readonly Uint8Array[], position: number): Promise<void>;
  writeDurableSync(parts: readonly Uint8Array[], position: number): void;

  /**
   * Resolves when all bytes written before, and the size of the file, are durable. After an error
   * the written bytes may be lost although later calls succeed: never try again.
   */
  datasync(): Promise<void>;
  datasyncSync(): void;

  /** Cuts the file, or extends it by zero bytes. */
  truncate(bytes: number): Promise<void>;

  /** The size of the file in bytes. */
  size(): Promise<number>;

  /**
   * Gives the descriptors back, once the calls in flight are done; makes nothing durable. New calls
   * fail from now on. After a failure the file is closed too. A second call does nothing.
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
 * replaced, the directory is renamed, or the owner stands still for so long that another process
 * takes over. The owner must then stop writing. Before each write, and again before it tells
 * anybody that something is durable, it asks `isFresh`, and where that is false it awaits
 * `confirm`.
 */
export interface DirectoryLock {
  /**
   * Whether the lock was taken over from an owner that may still live and only gave no sign of
   * life. A write that was on its way when that owner stopped may still arrive in a file that it
   * has open.
   */
  readonly tookFromSilentOwner: boolean;

  /**
   * Whether this process certainly still holds the lock: its last heartbeat is younger, by the wall
   * clock and by the monotonic clock, than the time after which another process may take over, and
   * the lock file is in its place. The file is looked at at most once in a millisecond (2
   * microseconds), so that the call costs next to nothing.
   */
  isFresh(): boolean;

  /**
   * Renews the lock, where it is still this process's. Resolves when it is fresh; that takes 200
   * ms, in which a process that was about to take over shows itself. Rejects with kind `lock-lost`
   * when the lock was lost, with `closed` after `release`, and with the error of the disk where it
   * could not be told for 10 seconds.
   */
  confirm(): Promise<void>;

  /**
   * Calls `listener` once when the lock is found lost, by a heartbeat (every 2 seconds) or by
   * `confirm`; at once where that is known already. It gets a `FileError` of kind `lock-lost` and
   * must not throw.
   */
  onLost(listener: (error: FileError) => void): void;

  /**
   * Gives the lock back. A second call does nothing. Throws, kind `locked`, if the lock was lost in
   * the meantime: then two may have believed to hold it.
   */
  release(): Promise<void>;
}

/** A disk: the real one, or one of the simulated ones of the test kit. Paths are absolute. */
export interface FileSystem {
  /**
   * Opens a file. Not found, no permission and a broken disk are different kinds of `FileError`.
   */
  open(path: string, mode: OpenMode): Promise<File>;

  /** Removes a name. It may come back after a crash until the directory is synced. */
  unlink(path: string): Promise<void>;

  /**
   * Gives a file or a directory another name within its directory; a file replaces what had it.
   * Atomic: after a crash the old or the new name is there; which of them is certain only after
   * `syncDirectory`. Names in two directories are a `RangeError`.
   */
  rename(from: string, to: string): Promise<void>;

  /**
   * Makes a directory, with the missing ones above it, each made durable and for its user alone
   * (mode 0700); fine if it exists.
   */
  makeDirectory(path: string): Promise<void>;

  /**
   * Removes an empty directory; kind `not-empty` otherwise. Its name may come back after a crash
   * until the directory above is synced, and with it names that were removed from it before without
   * a sync of their own.
   */
  removeDirectory(path: string): Promise<void>;

  /** The names of a directory in ascending order of their UTF-16 code units. */
  list(path: string): Promise<DirectoryEntry[]>;

  /**
   * How many bytes this process may still write on the disk of this directory. Absent where the
   * disk does not tell.
   */
  freeBytes?(path: string): Promise<number>;

  /**
   * What has this name, or `undefined` if nothing has it. A link counts as what it leads to, and as
   * `other` where it leads nowhere. Every other failure throws.
   */
  kindOf(path: string): Promise<EntryKind | undefined>;

  /**
   * Resolves when all names created, renamed and removed in this directory before are durable.
   * Windows has no such call: there it resolves at once, and the journal of NTFS is what orders
   * names.
   */
  syncDirectory(path: string): Promise<void>;

  /**
   * Takes the lock of a directory for this process, or throws a `FileError` of kind `locked` that
   * says who holds it. The lock of an owner that is gone (killed, or from before a reboot) is taken
   * over. Two locks of one directory exclude each other within one process too. The names `LOCK`
   * and `LOCK.*` in the directory belong to the lock; `list` shows them.
   */
  lock(path: string): Promise<DirectoryLock>;

  /**
   * Says, in words for people, who holds a write lock on this file, or `undefined`. Such locks are
   * those of other programs: ours are of directories. Only Linux tells; elsewhere nobody is ever
   * seen.
   */
  foreignLock(path: string): Promise<string | undefined>;
}
