/**
 * Every call that changes something waits until the lock is confirmed, and a call that only reads
 * does not.
 */
import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import {
  atMost,
  FileError,
  GuardedFileSystem,
  nodeEnvironment,
  pause,
  unlessAborted,
  type DirectoryLock,
  type File,
  type FileSystem,
} from '../src/index.ts';
import { retryTransient } from '../src/retry-transient.ts';
import { ManualClock } from './manual-clock.ts';

/** A file system that records its calls, behind a lock that the test confirms or loses. */
function world() {
  const calls: string[] = [];
  const call = (name: string) => async (): Promise<never> => void calls.push(name) as never;
  const file: File = {
    path: '/x/file',
    read: call('read'),
    readSync: () => 0,
    write: call('write'),
    writeSync: () => undefined,
    writeDurable: call('writeDurable'),
    writeDurableSync: () => undefined,
    datasync: call('datasync'),
    datasyncSync: () => undefined,
    truncate: call('truncate'),
    size: call('size'),
    close: call('close'),
  };
  let isFresh = true;
  let settle: { confirm: () => void; lose: (error: Error) => void } | undefined;
  const lock: DirectoryLock = {
    tookFromSilentOwner: false,
    isFresh: () => isFresh,
    confirm: () =>
      new Promise<void>((resolve, reject) => {
        settle = { confirm: resolve, lose: reject };
      }),
    onLost: () => undefined,
    release: call('release'),
  };
  const below: FileSystem = {
    open: async (path, mode) => {
      calls.push(`open ${path} ${mode}`);
      return file;
    },
    unlink: call('unlink'),
    rename: call('rename'),
    makeDirectory: call('makeDirectory'),
    removeDirectory: call('removeDirectory'),
    list: call('list'),
    kindOf: call('kindOf'),
    syncDirectory: call('syncDirectory'),
    lock: async () => lock,
    foreignLock: call('foreignLock'),
  };
  return {
    calls,
    guarded: new GuardedFileSystem(below),
    settled: () => settle,
    grow: () => {
      isFresh = false;
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
type Call = [name: string, call: (fileSystem: FileSystem, file: File) => Promise<unknown>];

const changes: Call[] = [
  ['open /x/new create', (fileSystem) => fileSystem.open('/x/new', 'create')],
  ['open /x/old write', (fileSystem) => fileSystem.open('/x/old', 'write')],
  ['unlink', (fileSystem) => fileSystem.unlink('/x/file')],
  ['rename', (fileSystem) => fileSystem.rename('/x/file', '/x/other')],
  ['makeDirectory', (fileSystem) => fileSystem.makeDirectory('/x/d')],
  ['removeDirectory', (fileSystem) => fileSystem.removeDirectory('/x/d')],
  ['syncDirectory', (fileSystem) => fileSystem.syncDirectory('/x')],
  ['write', (_, file) => file.write(Buffer.of(1), 0)],
  ['writeDurable', (_, file) => file.writeDurable([Buffer.of(1)], 0)],
  ['truncate', (_, file) => file.truncate(0)],
];

const reads: Call[] = [
  ['open /x/file read', (fileSystem) => fileSystem.open('/x/file', 'read')],
  ['list', (fileSystem) => fileSystem.list('/x')],
  ['kindOf', (fileSystem) => fileSystem.kindOf('/x/file')],
  ['foreignLock', (fileSystem) => fileSystem.foreignLock('/x/file')],
  ['read', (_, file) => file.read(Buffer.alloc(1), 0)],
  ['size', (_, file) => file.size()],
  ['datasync', (_, file) => file.datasync()],
  ['close', (_, file) => file.close()],
];

describe('a call on a file system whose lock is not fresh', () => {
  it.each(changes)('waits for the confirmation: %s', async (name, call) => {
    const { guarded, calls, settled, grow } = world();
    await guarded.lock('/x');
    const file = await guarded.open('/x/file', 'write');
    calls.splice(0);
    grow();
    const done = call(guarded, file);
    await turn();
    expect(calls).toEqual([]);
    settled()?.confirm();
    await done;
    expect(calls).toEqual([name]);
  });

  it.each(changes)('is not made if the lock was lost: %s', async (_, call) => {
    const { guarded, calls, settled, grow } = world();
    await guarded.lock('/x');
    const file = await guarded.open('/x/file', 'write');
    calls.splice(0);
    grow();
    const done = call(guarded, file);
    settled()?.lose(new FileError('lock-lost', 'lock', '/x'));
    await expect(done).rejects.toMatchObject({ kind: 'lock-lost' });
    expect(calls).toEqual([]);
  });

  it.each(reads)('is made at once if it only reads: %s', async (name, call) => {
    const { guarded, calls, settled, grow } = world();
    await guarded.lock('/x');
    const file = await guarded.open('/x/file', 'write');
    calls.splice(0);
    grow();
    await call(guarded, file);
    expect([calls, settled()]).toEqual([[name], undefined]);
  });
});

describe('waiting with a signal', () => {
  it('leaves no listener and no timer, however it ends', async () => {
    const clock = new ManualClock();
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const left = (): number[] => [getEventListeners(signal, 'abort').length, clock.timerCount];
    await unlessAborted(signal, Promise.resolve());
    await unlessAborted(signal, Promise.reject(new Error('x'))).catch(() => undefined);
    const pausing = pause(clock, 10, signal);
    clock.fireTimers();
    await pausing;
    await atMost(clock, 10, Promise.resolve(), signal);
    expect(left()).toEqual([0, 0]);
    const ended = [
      unlessAborted(signal, new Promise(() => undefined)),
      pause(clock, 10, signal),
      atMost(clock, 10, new Promise(() => undefined), signal),
    ].map((each) => each.catch((error: unknown) => error));
    giveUp.abort(new Error('enough'));
    for (const each of ended) expect(await each).toMatchObject({ message: 'enough' });
    expect(left()).toEqual([0, 0]);
  });

  it('ends at once if the signal has fired before', async () => {
    const clock = new ManualClock();
    const signal = AbortSignal.abort(new Error('enough'));
    const never = new Promise<void>(() => undefined);
    const ended = [
      unlessAborted(signal, never),
      pause(clock, 10, signal),
      atMost(clock, 10, never, signal),
    ].map((each) => each.catch((error: unknown) => String(error)));
    await turn();
    const states = ended.map((each) => Promise.race([each, Promise.resolve('it waits')]));
    expect(await Promise.all(states)).toEqual(Array.from({ length: 3 }, () => 'Error: enough'));
    expect(clock.timerCount).toBe(0);
  });
});

describe('a call that is repeated', () => {
  const failing = (error: Error, times: number) => {
    let calls = 0;
    return {
      count: () => calls,
      call: async (): Promise<string> => {
        calls += 1;
        if (calls <= times) throw error;
        return 'done';
      },
    };
  };
  const shortage = new FileError('too-many-open', 'open', '/x', { errno: 'EMFILE' });

  it.each([
    [0, 1, 'done'],
    [3, 4, 'done'],
    [4, 4, 'too-many-open'],
    [5, 4, 'too-many-open'],
  ])('after %i shortages is made %i times: %s', async (times, count, end) => {
    const { clock } = nodeEnvironment();
    vi.spyOn(clock, 'sleep').mockResolvedValue();
    const work = failing(shortage, times);
    const ended = await retryTransient(clock, work.call).catch((error: FileError) => error.kind);
    expect([work.count(), ended]).toEqual([count, end]);
  });

  it.each([
    new FileError('io', 'rename', '/x', { errno: 'EIO' }),
    new FileError('try-again', 'sync-directory', '/x', { errno: 'ENOMEM' }),
    new FileError('too-many-open', 'datasync', '/x', { errno: 'EMFILE' }),
    new FileError('try-again', 'write', '/x', { errno: 'EAGAIN' }),
    new FileError('permission', 'unlink', '/x', { errno: 'EROFS' }),
    new Error('something else'),
  ])('is never one that may have changed something or that fails for good: %s', async (error) => {
    const clock = new ManualClock();
    const work = failing(error, 1);
    await expect(retryTransient(clock, work.call)).rejects.toBe(error);
    expect([work.count(), clock.monotonicMs()]).toEqual([1, 0]);
  });
});

describe('the clock and the random numbers of the machine', () => {
  it('wait at most as long as the platform can, and do not fire at once', () => {
    const { clock } = nodeEnvironment();
    const delays: unknown[] = [];
    const timeout = setTimeout(() => undefined, 0);
    vi.spyOn(globalThis, 'setTimeout').mockImplementation((_: unknown, delayMs: unknown) => {
      delays.push(delayMs);
      return timeout;
    });
    for (const delayMs of [2 ** 31 - 2, 2 ** 31 - 1, 2 ** 31, 2 ** 40]) {
      clock.startTimer(delayMs, () => undefined).cancel();
      void clock.sleep(delayMs);
    }
    vi.restoreAllMocks();
    const most = 2 ** 31 - 1;
    expect(delays).toEqual([most - 1, most - 1, most, most, most, most, most, most]);
  });

  it('do not repeat', () => {
    const { random } = nodeEnvironment();
    const drawn = Array.from({ length: 200 }, () => `${random.uint32()} ${random.uint32()}`);
    expect(new Set(drawn).size).toBe(200);
  });
});
