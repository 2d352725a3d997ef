/**
 * The lock of a directory: the file `LOCK` in it, which names its owner. Node.js offers no lock
 * that the kernel gives back, so the lock of an owner that is gone has to be taken over, and two
 * processes that try this at the same time must not both succeed.
 *
 * 1. A record is written and synced under a name of its own, then linked to `LOCK`: the link is
 *    atomic, fails if the name exists, and nobody ever sees half a record.
 * 2. If `LOCK` names an owner that is gone, with token S, the right to replace it is the file
 *    `LOCK.S`, taken by the very same steps. Its holder looks again, and only if `LOCK` still names
 *    S renames its own record over it. S never comes back, since tokens are not used twice, so
 *    whoever gets `LOCK.S` later finds another token and lets go.
 * 3. If the holder of `LOCK.S`, with token T, is gone too, its right is taken over by `LOCK.T`.
 *
 * An owner is gone if its process is (`process-identity.ts`). Where that cannot be told, because
 * the owner lives in another process namespace or the platform does not say, its heartbeat decides:
 * the owner touches the file every two seconds, and another process that sees it unchanged for ten
 * takes it over. What an owner does that stood still for so long is described in `held-lock.ts`.
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

/** What file systems answer that have no hard links. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
]);

/** Each attempt follows a change by somebody else; so many in a row do not happen. */
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

/** The same in a world that the caller makes. */
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
 * The owner is certainly gone; it gave no sign of life for long enough; the file has changed, look
 * again.
 */
type Judgement = 'gone' | 'silent' | 'changed';

/** One try to take a lock. */
class Acquisition {
  readonly record: LockRecord;
  /** The owner that was replaced may still live. */
  tookFromSilentOwner = false;
  readonly #directory: string;
  readonly #world: LockWorld;
  readonly #lockFile: string;
  /** The finished record, ready to be linked or renamed to where it is needed. */
  readonly #recordFile: string;
  /** The files that this acquisition has made its own: all of them go when it fails. */
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
      // A lock that nobody holds would keep everybody out for as long as this process runs.
      for (const file of this.#taken) await remove(file).catch(() => undefined);
      throw error;
    } finally {
      // The next acquisition removes what cannot be removed now.
      await remove(this.#recordFile).catch(() => undefined);
    }
    await this.#removeLeftovers().catch(() => undefined);
  }

  /** Removes the lock file, where it is this acquisition's: else it would keep this process out. */
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
      const judgement = await this.#judge(file, seen);
      if (judgement === 'changed' || !(await this.#replace(file, seen))) continue;
      if (file === this.#lockFile) this.tookFromSilentOwner = judgement === 'silent';
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

  /** Others may see the file before its record is whole: they wait for it to be. */
  async #createWithoutLink(file: string): Promise<boolean> {
    try {
      await writeSynced(file, encodeRecord(this.record));
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
    this.#taken.add(file);
    // Whoever waited long enough for the record has taken the file away.
    const isOurs = (await seeLock(file))?.id === this.record.token;
    if (!isOurs) this.#taken.delete(file);
    return isOurs;
  }

  /** Takes the place of what was seen; returns false if something else is there by now. */
  async #replace(file: string, seen: SeenLock): Promise<boolean> {
    const rightFile = `${this.#lockFile}.${seen.id}`;
    await this.#takeFile(rightFile);
    try {
      // Only the holder of the right changes the file of an owner that is gone, so that what is
      // seen now still holds at the rename. An owner that only stood still may have touched its
      // file since it was last looked at: the pulse is compared as well.
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

  /** Judges whether the owner of a file is gone; throws if the owner is there. */
  async #judge(file: string, seen: SeenLock): Promise<Judgement> {
    const { self, timings } = this.#world;
    if (seen.record === undefined) {
      return (await this.#staysSame(file, seen, timings.unreadableMs)) ? 'silent' : 'changed';
    }
    const liveness = await livenessOf(seen.record.owner, self);
    if (liveness === 'gone') return 'gone';
    if (liveness === 'alive') throw this.#lockedError(describeOwner(seen.record));
    if (await this.#staysSame(file, seen, timings.silentMs)) return 'silent';
    // A sign of life of the same owner: held. Another one: look again.
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

  /** Removes what acquisitions left that were killed on their way. */
  async #removeLeftovers(): Promise<void> {
    for (const name of await fs.promises.readdir(this.#directory)) {
      if (!name.startsWith(`${LOCK_NAME}.`)) continue;
      const file = join(this.#directory, name);
      const seen = await seeLock(file).catch(() => undefined);
      // One that cannot be understood may be in the making.
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
 * Makes a file that must not exist; its bytes are durable after this, so that no crash tears them.
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
