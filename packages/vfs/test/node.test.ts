/** What is particular to the real disk; the contract itself is tested for all disks in testkit. */
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errnoOf, kindOfErrno, toFileError } from '../src/classify-error.ts';
import { FileError, NodeClock, NodeRandom, nodeEnvironment } from '../src/index.ts';
import { traitsOf } from '../src/platform.ts';
import { temporaryDirectory } from './helpers.ts';

const { fileSystem } = nodeEnvironment();
const isLinux = process.platform === 'linux';

/** The open descriptors of this process that lead to a path. */
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
  it.runIf(isLinux)('gives both descriptors back', async () => {
    const path = join(fs.realpathSync(temporaryDirectory()), 'a');
    const file = await fileSystem.open(path, 'create');
    expect(descriptorsOf(path)).toHaveLength(2);
    await file.close();
    expect(descriptorsOf(path)).toEqual([]);
    const reader = await fileSystem.open(path, 'read');
    expect(descriptorsOf(path)).toHaveLength(1);
    await reader.close();
  });

  it.runIf(isLinux)(
    'gives the second descriptor back when the first cannot be closed',
    async () => {
      const path = join(fs.realpathSync(temporaryDirectory()), 'a');
      const file = await fileSystem.open(path, 'create');
      const [first] = descriptorsOf(path)
        .map(Number)
        .sort((a, b) => a - b);
      fs.closeSync(first ?? -1);
      await expect(file.close()).rejects.toMatchObject({ operation: 'close', errno: 'EBADF' });
      expect(descriptorsOf(path)).toEqual([]);
    },
  );

  it('follows a file over a rename, in durable writes too', async () => {
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
    const file = await fileSystem.open('/dev/full', 'write');
    await expect(file.write(Uint8Array.of(1), 0)).rejects.toMatchObject({
      kind: 'no-space',
      errno: 'ENOSPC',
    });
    await expect(file.writeDurable([Uint8Array.of(1)], 0)).rejects.toMatchObject({
      kind: 'no-space',
    });
    await file.close();
  });

  it('makes one directory for two that ask at once', async () => {
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
  it('pass and differ', async () => {
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
    const random = new NodeRandom();
    const values = Array.from({ length: 500 }, () => random.uint32());
    expect(new Set(values).size).toBeGreaterThan(495);
    expect(Math.max(...values)).toBeGreaterThan(2 ** 31);
    expect(values.every((value) => Number.isInteger(value) && value >= 0)).toBe(true);
  });
});
