/** Properties of the real disk only. `testkit` tests the contract for all disks. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { errnoOf, kindOfErrno, toFileError } from '../src/classify-error.ts';
import { FileError, NodeClock, NodeRandom, nodeEnvironment } from '../src/index.ts';
import { writeFully } from '../src/full-io.ts';
import { traitsOf } from '../src/platform.ts';
import { temporaryDirectory } from './helpers.ts';

const { fileSystem } = nodeEnvironment();
const isLinux = process.platform === 'linux';

/** The open descriptors of this process for a path. */
function descriptorsOf(path: string): string[] {
  return fs.readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  });
}

describe('errors', () => {
  it.each([
    ['ENOSPC', 'no-space'],
    ['EDQUOT', 'no-space'],
    ['EFBIG', 'no-space'],
    ['EIO', 'io'],
    ['EROFS', 'permission'],
    ['EMFILE', 'too-many-open'],
    ['ENFILE', 'too-many-open'],
    ['EBUSY', 'busy'],
    ['ENOTEMPTY', 'not-empty'],
    ['ESTALE', 'io'],
    [undefined, 'io'],
  ] as const)('of code %s are of kind %s', (code, kind) => {
    expect(kindOfErrno(code, 'write')).toBe(kind);
  });

  it('keep code and cause', () => {
    const cause = Object.assign(new Error('no'), { code: 'EIO' });
    const error = toFileError(cause, 'datasync', '/a');
    expect(error).toMatchObject({ kind: 'io', operation: 'datasync', path: '/a', errno: 'EIO' });
    expect(error.cause).toBe(cause);
    expect(error.message).toBe('datasync /a: io (EIO)');
    expect(toFileError(error, 'write', '/b')).toBe(error);
    expect(toFileError(new Error('odd'), 'read', '/a').message).toBe('read /a: io (odd)');
    expect(errnoOf('text')).toBeUndefined();
  });
});

describe('platforms', () => {
  it('differ in what they promise', () => {
    expect(traitsOf('linux').durableWriteFlag).toBe(fs.constants.O_DSYNC);
    expect(traitsOf('darwin')).toMatchObject({
      durableWriteFlag: undefined,
      syncsDirectories: true,
    });
    expect(traitsOf('win32')).toMatchObject({
      durableWriteFlag: undefined,
      syncsDirectories: false,
    });
    expect(traitsOf('win32').openHandleErrnos.has('EPERM')).toBe(true);
  });
});

describe('the real file system', () => {
  it.runIf(isLinux)('closes both descriptors', async () => {
    const path = join(fs.realpathSync(temporaryDirectory()), 'a');
    const file = await fileSystem.open(path, 'create');
    expect(descriptorsOf(path)).toHaveLength(2);
    await file.close();
    expect(descriptorsOf(path)).toEqual([]);
    const reader = await fileSystem.open(path, 'read');
    expect(descriptorsOf(path)).toHaveLength(1);
    await reader.close();
  });

  it.runIf(isLinux)('closes the second descriptor when the first cannot be closed', async () => {
    const path = join(fs.realpathSync(temporaryDirectory()), 'a');
    const file = await fileSystem.open(path, 'create');
    const [first] = descriptorsOf(path)
      .map(Number)
      .sort((a, b) => a - b);
    fs.closeSync(first ?? -1);
    await expect(file.close()).rejects.toMatchObject({ operation: 'close', errno: 'EBADF' });
    expect(descriptorsOf(path)).toEqual([]);
  });

  it('closes only after the calls in flight', async () => {
    const file = await fileSystem.open(join(temporaryDirectory(), 'a'), 'create');
    const order: string[] = [];
    const write = file.write(new Uint8Array(32 * 1024 * 1024), 0).then(() => order.push('write'));
    const close = file.close().then(() => order.push('close'));
    await Promise.all([write, close]);
    expect(order).toEqual(['write', 'close']);
  });

  it.runIf(isLinux)('leaves no file when there is no second descriptor', () => {
    const directory = temporaryDirectory();
    const script = fileURLToPath(new URL('./few-descriptors.mjs', import.meta.url));
    const command = `ulimit -n 64; exec "$0" "$1" "$2"`;
    const output = execFileSync('sh', ['-c', command, process.execPath, script, directory]);
    expect(output.toString().trim()).toBe('too-many-open EMFILE');
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it.runIf(isLinux)(
    'syncs the parent of each directory that it creates, and of the one that it found',
    async () => {
      const directory = temporaryDirectory();
      const path = (name: string): string => join(directory, name);
      fs.mkdirSync(path('found'));
      const opened = vi.spyOn(fs.promises, 'open');
      const made = vi.spyOn(fs.promises, 'mkdir');
      try {
        await fileSystem.makeDirectory(path('found/a/b'));
        const synced = opened.mock.calls.map(([name]) => name);
        expect(synced).toEqual([directory, path('found'), path('found/a')]);
        const [, first, second] = opened.mock.invocationCallOrder;
        const [firstMade, secondMade] = made.mock.invocationCallOrder;
        // A name is durable before the next one is created below it.
        const order = [firstMade, first, secondMade, second];
        expect(order).toEqual(order.slice().sort((x, y) => (x ?? 0) - (y ?? 0)));
      } finally {
        opened.mockRestore();
        made.mockRestore();
      }
    },
  );

  it('writes to the same file after a rename, even in durable writes', async () => {
    const directory = temporaryDirectory();
    const file = await fileSystem.open(join(directory, 'a.tmp'), 'create');
    await fileSystem.rename(join(directory, 'a.tmp'), join(directory, 'a'));
    await file.writeDurable([Uint8Array.of(7)], 0);
    await file.close();
    expect([...fs.readFileSync(join(directory, 'a'))]).toEqual([7]);
  });

  it('calls a linked directory a directory', async () => {
    const directory = temporaryDirectory();
    fs.mkdirSync(join(directory, 'real'));
    fs.symlinkSync(join(directory, 'real'), join(directory, 'link'));
    expect(await fileSystem.kindOf(join(directory, 'link'))).toBe('directory');
    await fileSystem.makeDirectory(join(directory, 'link', 'below'));
    expect(await fileSystem.list(join(directory, 'real'))).toHaveLength(1);
  });

  it.runIf(isLinux)('reports a full device', async () => {
    const fd = fs.openSync('/dev/full', 'w');
    const error = await writeFully(fd, [Uint8Array.of(1)], 0).catch((reason: unknown) => reason);
    fs.closeSync(fd);
    expect(toFileError(error, 'write', '/dev/full')).toMatchObject({
      kind: 'no-space',
      errno: 'ENOSPC',
    });
  });

  it.runIf(isLinux)('opens no device', async () => {
    for (const mode of ['read', 'write'] as const) {
      await expect(fileSystem.open('/dev/full', mode)).rejects.toMatchObject({
        kind: 'not-a-file',
        message: expect.stringContaining('it is a device'),
      });
    }
  });

  it('creates one directory for two calls at once', async () => {
    const path = join(temporaryDirectory(), 'a', 'b', 'c');
    await Promise.all(Array.from({ length: 5 }, () => fileSystem.makeDirectory(path)));
    expect(await fileSystem.kindOf(path)).toBe('directory');
  });

  it('throws errors of its own class', async () => {
    const opening = fileSystem.open(join(temporaryDirectory(), 'none'), 'read');
    await expect(opening).rejects.toBeInstanceOf(FileError);
  });
});

describe('clock and random numbers', () => {
  it('advance and differ', async () => {
    const clock = new NodeClock();
    const start = clock.monotonicMs();
    await clock.sleep(5);
    await clock.sleep(0);
    expect(clock.monotonicMs() - start).toBeGreaterThan(3);
    expect(Math.abs(clock.wallMs() - Date.now())).toBeLessThan(1000);
    let fired = 0;
    clock.startTimer(1, () => (fired += 1));
    clock.startTimer(1, () => (fired += 10)).cancel();
    await clock.sleep(20);
    expect(fired).toBe(1);
    // The platform fires a timer at once if its delay has more than 31 bits.
    const far = [2 ** 40, Infinity].map((delayMs) =>
      clock.startTimer(delayMs, () => (fired += 100)),
    );
    await clock.sleep(20);
    for (const timer of far) timer.cancel();
    expect(fired).toBe(1);
    const random = new NodeRandom();
    const values = Array.from({ length: 500 }, () => random.uint32());
    expect(new Set(values).size).toBeGreaterThan(495);
    expect(Math.max(...values)).toBeGreaterThan(2 ** 31);
    expect(values.every((value) => Number.isInteger(value) && value >= 0)).toBe(true);
  });
});

describe.runIf(process.platform !== 'win32')('a new file or directory', () => {
  it('is private to its user, as in etcd', async () => {
    const directory = join(temporaryDirectory(), 'log');
    await fileSystem.makeDirectory(directory);
    await (await fileSystem.open(join(directory, 'segment'), 'create')).close();
    expect(fs.statSync(directory).mode & 0o777).toBe(0o700);
    expect(fs.statSync(join(directory, 'segment')).mode & 0o777).toBe(0o600);
  });
});
