/**
 * A lock that is held. It sends heartbeats until it is released, and notices when it was lost.
 *
 * - A heartbeat touches the lock file every two seconds, then checks that the path still leads to
 *   the same file and that the file still holds this owner's record. The file stays open, so its
 *   inode number is not used again: the path leads to the same inode only while no process has
 *   removed, renamed or replaced the file, its directory or one above it.
 * - Another process may take over after ten seconds without a heartbeat. A lock whose last
 *   heartbeat is older than half of that is not fresh: its owner must renew it before it writes or
 *   acknowledges. Two clocks measure the age, because the monotonic clock stops while a machine
 *   sleeps and the wall clock can be set back.
 * - Another process can take the lock as soon as the file is removed. So `isFresh` also checks the
 *   path, at most once in a millisecond: one `stat` takes 2 microseconds, at most 0.2 % of the
 *   time.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { errnoOf, toFileError } from '../classify-error.ts';
import type { Timer } from '../environment.ts';
import { FileError } from '../file-error.ts';
import type { DirectoryLock } from '../file-system.ts';
import { openLockFile } from '../regular-file.ts';
import { retryTransient } from '../retry-transient.ts';
import { describeOwner, LOCK_NAME, readRecord, seeLock } from './lock-record.ts';
import type { LockRecord } from './lock-record.ts';
import type { LockWorld } from './lock-world.ts';

/** The shortest time between two checks of the path by `isFresh`, in milliseconds. */
const lookMs = 1;

/**
 * Device and inode, which together identify a file or directory among all that exist at one time.
 */
type Identity = Pick<fs.BigIntStats, 'dev' | 'ino'>;

/** How the lock was taken. */
export interface Taken {
  readonly record: LockRecord;
  readonly tookFromSilentOwner: boolean;
}

export class HeldLock implements DirectoryLock {
  readonly tookFromSilentOwner: boolean;
  readonly #directory: string;
  readonly #file: string;
  readonly #record: LockRecord;
  readonly #world: LockWorld;
  readonly #handle: fs.promises.FileHandle;
  readonly #fileIdentity: Identity;
  readonly #directoryIdentity: Identity;
  readonly #listeners: ((error: FileError) => void)[] = [];
  /** When the last successful heartbeat began, by both clocks. */
  #beatMonotonicMs = -Infinity;
  #beatWallMs = -Infinity;
  #lookedMonotonicMs = -Infinity;
  #timer: Timer | undefined;
  #beating: Promise<void> | undefined;
  #confirming: Promise<void> | undefined;
  #isHandleClosed = false;
  #lost: FileError | undefined;
  #released = false;

  private constructor(
    directory: string,
    { record, tookFromSilentOwner }: Taken,
    world: LockWorld,
    handle: fs.promises.FileHandle,
    identities: { readonly file: Identity; readonly directory: Identity },
  ) {
    this.#directory = directory;
    this.#file = join(directory, LOCK_NAME);
    this.#record = record;
    this.tookFromSilentOwner = tookFromSilentOwner;
    this.#world = world;
    this.#handle = handle;
    this.#fileIdentity = identities.file;
    this.#directoryIdentity = identities.directory;
  }

  /** Starts the heartbeats of a lock whose file has just been created with `taken.record` in it. */
  static async hold(directory: string, taken: Taken, world: LockWorld): Promise<HeldLock> {
    const handle = await openLockFile(join(directory, LOCK_NAME), fs.constants.O_RDWR);
    try {
      const file = await handle.stat({ bigint: true });
      await restrictLockFile(handle, file.mode);
      const identities = {
        file,
        directory: await fs.promises.stat(directory, { bigint: true }),
      };
      const lock = new HeldLock(directory, taken, world, handle, identities);
      await lock.#beat();
      lock.#timer = lock.#scheduleBeat();
      return lock;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  isFresh(): boolean {
    if (this.#released || this.#lost !== undefined) return false;
    const nowMs = this.#world.clock.monotonicMs();
    if (!this.#isYoung(nowMs)) return false;
    if (nowMs - this.#lookedMonotonicMs < lookMs) return true;
    this.#lookedMonotonicMs = nowMs;
    return this.#isInPlace();
  }

  confirm(): Promise<void> {
    this.#confirming ??= this.#confirm().finally(() => {
      this.#confirming = undefined;
    });
    return this.#confirming;
  }

  onLost(listener: (error: FileError) => void): void {
    if (this.#lost === undefined) this.#listeners.push(listener);
    else listener(this.#lost);
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.#timer?.cancel();
    await this.#beating?.catch(() => undefined);
    try {
      await retryTransient(this.#world.clock, () => this.#giveBack());
    } catch (error) {
      // This process still holds the lock and no other process would remove it, so it keeps trying.
      if (toFileError(error, 'unlock', this.#directory).isTransient) this.#giveBackLater();
      else await this.#handle.close().catch(() => undefined);
      if (!isLost(error)) throw toFileError(error, 'unlock', this.#directory);
      const detail = `it was lost while held: ${error.detail}`;
      throw new FileError('locked', 'unlock', this.#directory, { detail, cause: error });
    }
  }

  async #giveBack(): Promise<void> {
    if (this.#isHandleClosed) {
      if ((await seeLock(this.#file))?.id !== this.#record.token) return;
    } else {
      await this.#verify();
      // Windows does not free a name before all of its handles are closed.
      await this.#handle.close();
      this.#isHandleClosed = true;
    }
    await fs.promises.unlink(this.#file);
  }

  #giveBackLater(): void {
    const { clock, timings } = this.#world;
    this.#timer = clock.startTimer(timings.heartbeatMs, () => {
      this.#giveBack().catch((error: unknown) => {
        if (toFileError(error, 'unlock', this.#directory).isTransient) this.#giveBackLater();
      });
    });
  }

  async #confirm(): Promise<void> {
    const { clock, timings } = this.#world;
    const giveUpMs = clock.monotonicMs() + timings.silentMs;
    for (;;) {
      if (this.#lost !== undefined) throw this.#lost;
      if (this.#released) throw new FileError('closed', 'lock', this.#directory);
      try {
        await this.#beatOnce();
        // A process that read the file just before this heartbeat may be about to take over. Its
        // record is visible after this time.
        await clock.sleep(timings.pollMs);
        await this.#verify();
        if (this.#isYoung(clock.monotonicMs())) return;
      } catch (error) {
        if (isLost(error)) throw error;
        if (clock.monotonicMs() >= giveUpMs) throw toFileError(error, 'lock', this.#directory);
        await clock.sleep(timings.pollMs);
      }
    }
  }

  #isYoung(nowMs: number): boolean {
    const { clock, timings } = this.#world;
    // The write in flight has the other half of the time after which another process may take over.
    const youngMs = timings.silentMs / 2;
    if (nowMs - this.#beatMonotonicMs >= youngMs) return false;
    const ageMs = clock.wallMs() - this.#beatWallMs;
    return ageMs >= 0 && ageMs < youngMs;
  }

  /**
   * Synchronous, so that only a suspension of the whole process can come between this check and the
   * write that follows it.
   */
  #isInPlace(): boolean {
    try {
      const found = fs.lstatSync(this.#file, { bigint: true, throwIfNoEntry: false });
      return found !== undefined && isSame(found, this.#fileIdentity);
    } catch {
      // `confirm` finds the reason.
      return false;
    }
  }

  #scheduleBeat(): Timer {
    const { clock, timings } = this.#world;
    return clock.startTimer(timings.heartbeatMs, () => {
      // A failed heartbeat is repeated by the next one, and `#lose` has told the listeners of a
      // lost lock.
      void this.#beatOnce().catch(() => undefined);
      if (!this.#released && this.#lost === undefined) this.#timer = this.#scheduleBeat();
    });
  }

  #beatOnce(): Promise<void> {
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined;
    });
    return this.#beating;
  }

  /**
   * Touches the file first and checks it afterwards, so that the check sees every change by a
   * process that had not seen the touch. The touch goes through the open handle and so always to
   * the inode of this owner.
   */
  async #beat(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    const { clock } = this.#world;
    const monotonicMs = clock.monotonicMs();
    const wallMs = clock.wallMs();
    const now = new Date(wallMs);
    await this.#handle.utimes(now, now);
    await this.#verify();
    this.#beatMonotonicMs = monotonicMs;
    this.#beatWallMs = wallMs;
  }

  /** Throws a `LostLock` unless the path leads to the lock file of this owner. */
  async #verify(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    const found = await statOf(this.#file, fs.promises.lstat);
    if (found !== undefined && isSame(found, this.#fileIdentity)) {
      // The open handle can be read even if the process has no free descriptor.
      const record = await readRecord(this.#handle);
      if (record?.token === this.#record.token) return;
    }
    this.#lose(await this.#describeLoss());
  }

  async #describeLoss(): Promise<string> {
    const directory = await statOf(this.#directory, fs.promises.stat);
    if (directory === undefined) return 'the directory was removed or renamed';
    if (!isSame(directory, this.#directoryIdentity)) return 'another directory has taken its place';
    const seen = await seeLock(this.#file).catch((error: unknown) => {
      if (error instanceof FileError && error.kind === 'not-a-file') return error;
      throw error;
    });
    if (seen === undefined) return `the file ${LOCK_NAME} was removed`;
    if (seen instanceof FileError) return `the file ${LOCK_NAME} was replaced: ${seen.message}`;
    if (seen.record === undefined) return `the file ${LOCK_NAME} was overwritten`;
    return `another process has taken over: ${describeOwner(seen.record)}`;
  }

  #lose(detail: string): never {
    const error = new LostLock(this.#directory, detail);
    this.#lost ??= error;
    this.#timer?.cancel();
    void this.#handle.close().catch(() => undefined);
    // During `release` the caller gets the error from that call.
    if (!this.#released) for (const listener of this.#listeners.splice(0)) listener(error);
    throw this.#lost;
  }
}

/** The lock was lost; `detail` says how. */
class LostLock extends FileError {
  readonly detail: string;

  constructor(directory: string, detail: string) {
    super('lock-lost', 'lock', directory, { detail: `this process no longer holds it: ${detail}` });
    this.detail = detail;
  }
}

function isLost(error: unknown): error is LostLock {
  return error instanceof LostLock;
}

/**
 * Calls `look` and maps a missing file to `undefined`. Pass `stat` for the directory, which may be
 * a link, and `lstat` for the lock file, which may not.
 */
async function statOf(
  path: string,
  look: (path: string, options: { bigint: true }) => Promise<Identity>,
): Promise<Identity | undefined> {
  try {
    return await look(path, { bigint: true });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw error;
  }
}

/**
 * Makes the lock file private to its user, because some file systems ignore the mode of a new file.
 * A file system without modes may refuse; the lock works all the same.
 */
async function restrictLockFile(handle: fs.promises.FileHandle, mode: bigint): Promise<void> {
  if ((mode & 0o077n) !== 0n) await handle.chmod(0o600).catch(() => undefined);
}

function isSame(left: Identity, right: Identity): boolean {
  return left.ino === right.ino && left.dev === right.dev;
}
