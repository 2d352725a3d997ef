/**
 * The lock of a directory is the file `LOCK` in it, which names its owner. Node.js offers no lock
 * that the kernel releases when a process ends. So the lock of an owner that is gone has to be
 * taken over, and of two processes that try this at the same time at most one may succeed.
 *
 * 1. A record is written and synced under a temporary name, then linked to `LOCK`. The link is
 *    atomic and fails if the name exists, so no process ever reads half a record.
 * 2. If `LOCK` names an owner that is gone, with token S, the right to replace it is the file
 *    `LOCK.S`, taken by the very same steps. Its holder reads `LOCK` again and renames its own
 *    record over it only if it still names S. No token is used twice, so a process that gets
 *    `LOCK.S` later finds another token in `LOCK` and gives up the right.
 * 3. If the holder of `LOCK.S`, with token T, is gone too, its right is taken over by `LOCK.T`.
 *
 * An owner is gone if its process is gone (`process-identity.ts`). If that cannot be decided,
 * because the owner runs in another process namespace or the platform does not tell, the heartbeat
 * decides: the owner touches the file every two seconds, and another process takes the lock over
 * after it has seen the file unchanged for ten. `held-lock.ts` describes how an owner that was
 * suspended for so long notices this.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { errnoOf, toFileError } from '../classify-error.ts';
import type { Clock, Random } from '../environment.ts';
import { FileError } from '../file-error.ts';
import type { DirectoryLock } from '../file-system.ts';
import { HeldLock } from './held-lock.ts';
import { describeOwner, encodeRecord, LOCK_NAME, seeLock } from './lock-record.ts';
import type { LockRecord, SeenLock } from './lock-record.ts';
import type { LockTimings, LockWorld } from './lock-world.ts';
import { livenessOf, ownIdentity } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

export type { LockTimings, LockWorld } from './lock-world.ts';

const TIMINGS: LockTimings = {
  heartbeatMs: 2000,
  silentMs: 10_000,
  unreadableMs: 2000,
  pollMs: 200,
};

/** The error codes of file systems without hard links. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
]);

/**
 * Bounds the loop. Each further attempt follows a change by another process, so this many in a row
 * do not happen in practice.
 */
const ATTEMPTS_MAX = 1000;

/**
 * Takes the lock of a directory for this process. Throws `FileError`, kind `locked` if it is held.
 */
export async function lockDirectory(
  path: string,
  clock: Clock,
  random: Random,
): Promise<DirectoryLock> {
  let self: ProcessIdentity;
  try {
    self = await ownIdentity();
  } catch (error) {
    throw toFileError(error, 'lock', path);
  }
  return lockDirectoryIn(path, { clock, random, self, timings: TIMINGS, usesLinks: true });
}

/** The same with the clock, identity and timings of the caller. */
export async function lockDirectoryIn(path: string, world: LockWorld): Promise<DirectoryLock> {
  const acquisition = new Acquisition(path, world);
  try {
    await acquisition.take();
    try {
      return await HeldLock.hold(path, acquisition, world);
    } catch (error) {
      await acquisition.giveBack();
      throw error;
    }
  } catch (error) {
    throw toFileError(error, 'lock', path);
  }
}

/**
 * `gone`: the process of the owner has ended. `silent`: it sent no heartbeat for long enough.
 * `changed`: the file has changed, so it must be read again.
 */
type OwnerState = 'gone' | 'silent' | 'changed';

/** One try to take a lock. */
class Acquisition {
  readonly record: LockRecord;
  /** Whether the owner that was replaced may still be running. */
  tookFromSilentOwner = false;
  readonly #directory: string;
  readonly #world: LockWorld;
  readonly #lockFile: string;
  /** The complete record under its temporary name, ready to be linked or renamed. */
  readonly #recordFile: string;
  /** The lock files that this acquisition has created. All of them are removed if it fails. */
  readonly #taken = new Set<string>();
  #attempts = 0;

  constructor(directory: string, world: LockWorld) {
    this.record = {
      token: newToken(world.random),
      owner: world.self,
      since: new Date(world.clock.wallMs()).toISOString(),
    };
    this.#directory = directory;
    this.#world = world;
    this.#lockFile = join(directory, LOCK_NAME);
    this.#recordFile = `${this.#lockFile}.${this.record.token}.tmp`;
  }

  async take(): Promise<void> {
    try {
      await this.#writeRecordFile();
      await this.#takeFile(this.#lockFile);
    } catch (error) {
      // A lock file that stayed behind would lock the directory for as long as this process runs.
      for (const file of this.#taken) await remove(file).catch(() => undefined);
      throw error;
    } finally {
      // If the file cannot be removed now, the next acquisition removes it.
      await remove(this.#recordFile).catch(() => undefined);
    }
    await this.#removeLeftovers().catch(() => undefined);
  }

  /**
   * Removes the lock file if it belongs to this acquisition. Otherwise it would lock out this
   * process.
   */
  async giveBack(): Promise<void> {
    const seen = await seeLock(this.#lockFile).catch(() => undefined);
    if (seen?.id === this.record.token) await remove(this.#lockFile).catch(() => undefined);
  }

  async #takeFile(file: string): Promise<void> {
    for (;;) {
      this.#attempts += 1;
      if (this.#attempts > ATTEMPTS_MAX) throw this.#lockedError('it changes hands all the time');
      if (await this.#create(file)) return;
      const seen = await seeLock(file);
      if (seen === undefined) continue;
      const ownerState = await this.#ownerStateOf(file, seen);
      if (ownerState === 'changed' || !(await this.#replace(file, seen))) continue;
      if (file === this.#lockFile) this.tookFromSilentOwner = ownerState === 'silent';
      return;
    }
  }

  /** Returns false if the file exists. */
  async #create(file: string): Promise<boolean> {
    try {
      if (!this.#world.usesLinks) return await this.#createWithoutLink(file);
      await fs.promises.link(this.#recordFile, file);
      this.#taken.add(file);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      if (NO_LINKS.has(errnoOf(error))) return await this.#createWithoutLink(file);
      throw error;
    }
  }

  /** Other processes may see the file before its record is complete; they wait until it is. */
  async #createWithoutLink(file: string): Promise<boolean> {
    try {
      await writeSynced(file, encodeRecord(this.record));
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
    this.#taken.add(file);
    // A process that waited too long for the record may have replaced the file.
    const isOurs = (await seeLock(file))?.id === this.record.token;
    if (!isOurs) this.#taken.delete(file);
    return isOurs;
  }

  /** Replaces the lock file that was seen. Returns false if the file has changed since then. */
  async #replace(file: string, seen: SeenLock): Promise<boolean> {
    const rightFile = `${this.#lockFile}.${seen.id}`;
    await this.#takeFile(rightFile);
    try {
      // Only the holder of the right changes the file of an owner that is gone, so the check here
      // still holds at the rename. An owner that was only suspended may have touched its file since
      // the last look, so the pulse is compared as well.
      const now = await seeLock(file);
      if (now?.id !== seen.id || now.pulse !== seen.pulse) return false;
      await fs.promises.rename(this.#recordFile, file);
      this.#taken.add(file);
      await this.#writeRecordFile();
      return true;
    } finally {
      await remove(rightFile);
      this.#taken.delete(rightFile);
    }
  }

  /** Decides whether the owner of a file is gone; throws if the owner is alive. */
  async #ownerStateOf(file: string, seen: SeenLock): Promise<OwnerState> {
    const { self, timings } = this.#world;
    if (seen.record === undefined) {
      return (await this.#staysSame(file, seen, timings.unreadableMs)) ? 'silent' : 'changed';
    }
    const liveness = await livenessOf(seen.record.owner, self);
    if (liveness === 'gone') return 'gone';
    if (liveness === 'alive') throw this.#lockedError(describeOwner(seen.record));
    if (await this.#staysSame(file, seen, timings.silentMs)) return 'silent';
    // The file has changed. If the owner is the same, that was a heartbeat.
    if ((await seeLock(file))?.id === seen.id) throw this.#lockedError(describeOwner(seen.record));
    return 'changed';
  }

  async #staysSame(file: string, seen: SeenLock, forMs: number): Promise<boolean> {
    const { clock, timings } = this.#world;
    const until = clock.monotonicMs() + forMs;
    while (clock.monotonicMs() < until) {
      await clock.sleep(timings.pollMs);
      if ((await seeLock(file))?.pulse !== seen.pulse) return false;
    }
    return true;
  }

  /** Removes files of acquisitions whose process was killed. */
  async #removeLeftovers(): Promise<void> {
    for (const name of await fs.promises.readdir(this.#directory)) {
      if (!name.startsWith(`${LOCK_NAME}.`)) continue;
      const file = join(this.#directory, name);
      const seen = await seeLock(file).catch(() => undefined);
      // A file that cannot be decoded may be one that another process is just writing.
      if (seen?.record === undefined) continue;
      if ((await livenessOf(seen.record.owner, this.#world.self)) === 'gone') await remove(file);
    }
  }

  async #writeRecordFile(): Promise<void> {
    await writeSynced(this.#recordFile, encodeRecord(this.record));
  }

  #lockedError(detail: string): FileError {
    return new FileError('locked', 'lock', this.#directory, { detail });
  }
}

function newToken(random: Random): string {
  let token = '';
  for (let word = 0; word < 4; word += 1) token += random.uint32().toString(16).padStart(8, '0');
  return token;
}

/**
 * Creates a file, which must not exist. Its bytes are durable after this call, so no crash tears
 * them.
 */
async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await fs.promises.open(file, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function remove(file: string): Promise<void> {
  await fs.promises.rm(file, { force: true });
}
