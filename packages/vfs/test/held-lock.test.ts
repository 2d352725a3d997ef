import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { NodeRandom, type DirectoryLock, type FileError } from '../src/index.ts';
import { lockDirectoryIn } from '../src/lock/directory-lock.ts';
import type { LockWorld } from '../src/lock/directory-lock.ts';
import { decodeRecord, encodeRecord } from '../src/lock/lock-record.ts';
import { ownIdentity } from '../src/lock/process-identity.ts';
import { ManualClock } from './manual-clock.ts';
import { startContender, temporaryDirectory } from './helpers.ts';

const timings = { heartbeatMs: 2000, silentMs: 10_000, unreadableMs: 2000, pollMs: 200 };

/**
 * The inputs of a lock in a process namespace of its own, where only the heartbeat tells whether
 * the owner is alive.
 */
async function worldOf(namespace: string, clock: ManualClock): Promise<LockWorld> {
  const self = { ...(await ownIdentity()), pidNamespace: `pid:[${namespace}]` };
  return { clock, random: new NodeRandom(), self, timings, usesLinks: true };
}

interface Owner {
  readonly directory: string;
  readonly file: string;
  readonly clock: ManualClock;
  readonly lock: DirectoryLock;
  /** The errors that the listener received. */
  readonly losses: FileError[];
}

async function owner(directory = temporaryDirectory()): Promise<Owner> {
  const clock = new ManualClock();
  const lock = await lockDirectoryIn(directory, await worldOf('1', clock));
  const losses: FileError[] = [];
  lock.onLost((error) => losses.push(error));
  return { directory, file: join(directory, 'LOCK'), clock, lock, losses };
}

async function takeOver(directory: string): Promise<DirectoryLock> {
  return lockDirectoryIn(directory, await worldOf('2', new ManualClock()));
}

/** Runs the next heartbeat of an idle owner and returns the loss that it finds. */
async function heartbeatFindsLoss({ clock, losses }: Owner): Promise<FileError | undefined> {
  clock.pass(timings.heartbeatMs);
  clock.fireTimers();
  await vi.waitFor(() => expect(losses).toHaveLength(1), 10_000);
  return losses[0];
}

function tokenIn(file: string): string | undefined {
  return decodeRecord(fs.readFileSync(file))?.token;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('an owner that was suspended for 30 seconds', () => {
  it('is not fresh, renews the lock and continues if no process has taken over', async () => {
    const { lock, clock, file, losses } = await owner();
    expect(lock.isFresh()).toBe(true);
    const before = fs.statSync(file).mtimeMs;
    clock.pass(30_000);
    expect(lock.isFresh()).toBe(false);
    await lock.confirm();
    expect(lock.isFresh()).toBe(true);
    expect(fs.statSync(file).mtimeMs).toBeGreaterThan(before);
    expect(losses).toEqual([]);
    await lock.release();
  });

  it('has lost the lock if another process has taken over, and does not touch its lock', async () => {
    const { lock, clock, directory, file, losses } = await owner();
    clock.pass(30_000);
    const taken = await takeOver(directory);
    const token = tokenIn(file);
    expect(lock.isFresh()).toBe(false);
    await expect(lock.confirm()).rejects.toMatchObject({
      kind: 'lock-lost',
      message: expect.stringContaining('another process has taken over: held by process'),
    });
    expect(losses).toEqual([expect.objectContaining({ kind: 'lock-lost' })]);
    await expect(lock.release()).rejects.toMatchObject({ kind: 'locked', operation: 'unlock' });
    expect(tokenIn(file)).toBe(token);
    expect(taken.isFresh()).toBe(true);
    await taken.release();
  });

  it('must confirm its lock when half of the takeover time has passed', async () => {
    const { lock, clock } = await owner();
    clock.pass(4999);
    expect(lock.isFresh()).toBe(true);
    clock.pass(1);
    expect(lock.isFresh()).toBe(false);
    await lock.release();
  });

  it('finds a process that takes over just after it has touched the file', async () => {
    const { lock, clock, file } = await owner();
    clock.pass(30_000);
    clock.onSleep = () => {
      const record = { ...decodeRecord(fs.readFileSync(file))!, token: 'cd'.repeat(16) };
      fs.writeFileSync(`${file}.tmp`, encodeRecord(record));
      fs.renameSync(`${file}.tmp`, file);
    };
    await expect(lock.confirm()).rejects.toMatchObject({ kind: 'lock-lost' });
  });

  it('keeps its lock if it continues just before the other process would have renamed its record', async () => {
    const { lock, clock, directory, file } = await owner();
    clock.pass(30_000);
    const other = new ManualClock();
    const link = fs.promises.link.bind(fs.promises);
    vi.spyOn(fs.promises, 'link').mockImplementation(async (from, to) => {
      await link(from, to);
      if (String(to) === file) return;
      // The right to replace the file was taken, so the next check is the one before the rename.
      // The owner continues now and sends a heartbeat.
      await lock.confirm();
      let beats = 2;
      other.onSleep = () => fs.utimesSync(file, beats, (beats += 1));
    });
    await expect(lockDirectoryIn(directory, await worldOf('2', other))).rejects.toMatchObject({
      kind: 'locked',
      message: expect.stringContaining('held by process'),
    });
    expect(lock.isFresh()).toBe(true);
    await lock.release();
  });
});

describe('the clocks of an owner', () => {
  it('show that the machine has slept, although the monotonic clock stood still', async () => {
    const { lock, clock } = await owner();
    clock.jumpWall(30_000);
    expect(lock.isFresh()).toBe(false);
    await lock.confirm();
    expect(lock.isFresh()).toBe(true);
    await lock.release();
  });

  it('may disagree: a wall clock that was set back needs one confirmation', async () => {
    const { lock, clock } = await owner();
    clock.jumpWall(-3_600_000);
    expect(lock.isFresh()).toBe(false);
    await lock.confirm();
    expect(lock.isFresh()).toBe(true);
    clock.pass(30_000);
    clock.jumpWall(-30_000);
    expect(lock.isFresh()).toBe(false);
    await lock.release();
  });
});

const losses: [name: string, says: string, lose: (owner: Owner) => void][] = [
  ['is removed', 'the file LOCK was removed', ({ file }) => fs.unlinkSync(file)],
  [
    'is renamed',
    'the file LOCK was removed',
    ({ file }) => fs.renameSync(file, file.replace('LOCK', 'old')),
  ],
  [
    'is replaced by that of another owner',
    'another process has taken over',
    ({ file }) => {
      const record = { ...decodeRecord(fs.readFileSync(file))!, token: 'cd'.repeat(16) };
      fs.unlinkSync(file);
      fs.writeFileSync(file, encodeRecord(record));
    },
  ],
  [
    'is in a directory that is renamed',
    'the directory was removed or renamed',
    ({ directory }) => fs.renameSync(directory, `${directory}-old`),
  ],
  [
    'is in a directory that is removed',
    'the directory was removed or renamed',
    ({ directory }) => fs.rmSync(directory, { recursive: true }),
  ],
  [
    'is in a directory that is replaced by a copy',
    'another directory has taken its place',
    ({ directory }) => {
      fs.renameSync(directory, `${directory}-old`);
      fs.cpSync(`${directory}-old`, directory, { recursive: true });
    },
  ],
  [
    'is in a directory below one that is renamed',
    'the directory was removed or renamed',
    ({ directory }) => fs.renameSync(join(directory, '..'), `${join(directory, '..')}-old`),
  ],
];

describe.each(losses)('a lock whose file %s', (_, says, lose) => {
  it('is not fresh any more, and a confirmation reports the reason', async () => {
    const own = await owner(fs.mkdtempSync(join(temporaryDirectory(), 'above-')));
    lose(own);
    // After this the result of the last check of the path is too old to be reused.
    own.clock.pass(1);
    expect(own.lock.isFresh()).toBe(false);
    await expect(own.lock.confirm()).rejects.toMatchObject({
      kind: 'lock-lost',
      message: expect.stringContaining(says),
    });
    await expect(own.lock.release()).rejects.toMatchObject({ kind: 'locked' });
  });

  it('is noticed by the next heartbeat of an idle owner, once', async () => {
    const above = fs.mkdtempSync(join(temporaryDirectory(), 'above-'));
    const directory = join(above, 'log');
    fs.mkdirSync(directory);
    const own = await owner(directory);
    lose(own);
    const error = await heartbeatFindsLoss(own);
    expect(error?.message).toContain(says);
    expect(own.clock.timerCount).toBe(0);
    await expect(own.lock.confirm()).rejects.toBe(error);
    expect(own.losses).toHaveLength(1);
    // A listener that is added later is called at once.
    const late: FileError[] = [];
    own.lock.onLost((loss) => late.push(loss));
    expect(late).toEqual([error]);
    await own.lock.release().catch(() => undefined);
  });
});

describe('a held lock', () => {
  it('is lost when its file is overwritten in place', async () => {
    const own = await owner();
    fs.writeFileSync(own.file, 'something else');
    const error = await heartbeatFindsLoss(own);
    expect(error?.message).toContain('the file LOCK was overwritten');
    await own.lock.release().catch(() => undefined);
  });

  it('is not lost when another program links, copies or touches its file', async () => {
    const { lock, clock, directory, file, losses: told } = await owner();
    fs.linkSync(file, join(directory, 'backup'));
    fs.cpSync(directory, `${directory}-copy`, { recursive: true });
    fs.utimesSync(file, 1, 1);
    clock.pass(1);
    expect(lock.isFresh()).toBe(true);
    clock.pass(30_000);
    await lock.confirm();
    expect(told).toEqual([]);
    await lock.release();
  });

  it('checks its file at most once in a millisecond', async () => {
    const { lock, clock } = await owner();
    clock.pass(1);
    const stat = vi.spyOn(fs, 'lstatSync');
    for (let call = 0; call < 100; call += 1) expect(lock.isFresh()).toBe(true);
    expect(stat).toHaveBeenCalledTimes(1);
    clock.pass(1);
    expect(lock.isFresh()).toBe(true);
    expect(stat).toHaveBeenCalledTimes(2);
    await lock.release();
  });

  it('is confirmed when the disk works again after failures', async () => {
    const { lock, clock } = await owner();
    clock.pass(30_000);
    const busy = Object.assign(new Error('EIO'), { code: 'EIO' });
    const stat = vi.spyOn(fs.promises, 'lstat');
    for (let call = 0; call < 3; call += 1) stat.mockRejectedValueOnce(busy);
    await lock.confirm();
    expect(stat.mock.calls.length).toBeGreaterThan(3);
    expect(lock.isFresh()).toBe(true);
    await lock.release();
  });

  it('is neither confirmed nor lost while the disk keeps failing', async () => {
    const { lock, clock, losses: told } = await owner();
    clock.pass(30_000);
    const failing = vi
      .spyOn(fs.promises, 'lstat')
      .mockRejectedValue(Object.assign(new Error('EIO'), { code: 'EIO' }));
    const before = clock.monotonicMs();
    await expect(lock.confirm()).rejects.toMatchObject({ kind: 'io', errno: 'EIO' });
    expect(clock.monotonicMs() - before).toBeGreaterThanOrEqual(timings.silentMs);
    expect(told).toEqual([]);
    failing.mockRestore();
    await lock.confirm();
    await lock.release();
  });

  it('is confirmed without a further descriptor', async () => {
    const { lock, clock } = await owner();
    clock.pass(30_000);
    const none = Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
    vi.spyOn(fs.promises, 'open').mockRejectedValue(none);
    await lock.confirm();
    expect(lock.isFresh()).toBe(true);
    vi.restoreAllMocks();
    await lock.release();
  });

  it('is removed if its heartbeat cannot be started', async () => {
    const directory = temporaryDirectory();
    const open = fs.promises.open.bind(fs.promises);
    vi.spyOn(fs.promises, 'open').mockImplementation((path, flags, mode) => {
      if (typeof flags === 'number' && (flags & fs.constants.O_RDWR) !== 0)
        return Promise.reject(Object.assign(new Error('EMFILE'), { code: 'EMFILE' }));
      return open(path, flags, mode);
    });
    await expect(owner(directory)).rejects.toMatchObject({ kind: 'too-many-open' });
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it('cannot be confirmed after it was released', async () => {
    const { lock, clock } = await owner();
    await lock.release();
    expect(lock.isFresh()).toBe(false);
    expect(clock.timerCount).toBe(0);
    await expect(lock.confirm()).rejects.toMatchObject({ kind: 'closed' });
  });
});

describe('a process that is stopped by SIGSTOP', () => {
  const quick = { heartbeatMs: 20, silentMs: 200, unreadableMs: 100, pollMs: 5 };

  it('renews its lock when it continues, or learns that another one has taken over', async () => {
    const directory = temporaryDirectory();
    const holder = startContender(directory, 'holder', 'keep');
    await holder.said('held');
    holder.process.kill('SIGSTOP');
    // The pulse is unchanged for longer than the lock is fresh.
    await pulseStands(join(directory, 'LOCK'), 2 * quick.silentMs);
    holder.process.kill('SIGCONT');
    holder.process.stdin?.write('?');
    await holder.said('renewed');
    holder.process.kill('SIGSTOP');
    const self = { ...(await ownIdentity()), pidNamespace: 'pid:[2]' };
    const { clock, random } = await realTime();
    const world = { clock, random, self, timings: quick, usesLinks: true };
    const lock = await lockDirectoryIn(directory, world);
    holder.process.kill('SIGCONT');
    holder.process.stdin?.write('?');
    await holder.said('lost');
    await holder.exited;
    expect(lock.isFresh() || (await lock.confirm().then(() => true))).toBe(true);
    await lock.release();
  });
});

async function realTime() {
  const { nodeEnvironment } = await import('../src/index.ts');
  return nodeEnvironment();
}

/** Resolves when there was no heartbeat for `forMs`. */
async function pulseStands(file: string, forMs: number): Promise<void> {
  const { clock } = await realTime();
  let pulse = fs.statSync(file).mtimeMs;
  let sinceMs = clock.monotonicMs();
  while (clock.monotonicMs() - sinceMs < forMs) {
    await clock.sleep(10);
    const now = fs.statSync(file).mtimeMs;
    if (now !== pulse) sinceMs = clock.monotonicMs();
    pulse = now;
  }
}
