import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeEnvironment } from '../src/index.ts';
import { findLock } from '../src/lock/foreign-lock.ts';
import { temporaryDirectory } from './helpers.ts';

const { fileSystem } = nodeEnvironment();

/** The device number as `stat` returns it (`makedev` of the C library). */
function device(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & ~0xfffn) << 32n) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | (low & 0xffn)
  );
}

describe('the table of locks', () => {
  const table = [
    '1: POSIX  ADVISORY  WRITE 4711 08:01:1234 0 EOF',
    '2: OFDLCK ADVISORY  WRITE -1 08:01:1235 0 EOF',
    '3: FLOCK  ADVISORY  WRITE 815 fe:00:1236 0 EOF',
    '3: -> FLOCK  ADVISORY  WRITE 816 fe:00:1240 0 EOF',
    '4: POSIX  ADVISORY  READ  42 08:01:1237 128 191',
    '5: POSIX  ADVISORY  READ  43 08:01:1238 0 EOF',
    '6: POSIX  ADVISORY  WRITE 44 08:01:1238 10 20',
    '7: FLOCK  ADVISORY  WRITE 45 103:12345:1239 0 EOF',
    '',
  ].join('\n');

  it.each([
    ['a lock of a process', device(8, 1), 1234n, 'POSIX, process 4711'],
    [
      'a lock of an open file, which has no process',
      device(8, 1),
      1235n,
      'OFDLCK, process unknown',
    ],
    ['a lock on a whole file', device(0xfe, 0), 1236n, 'FLOCK, process 815'],
    ['a write lock after a read lock', device(8, 1), 1238n, 'POSIX, process 44'],
    ['large device numbers', device(0x103, 0x12345), 1239n, 'FLOCK, process 45'],
  ])('shows %s', (_, dev, inode, expected) => {
    expect(findLock(table, dev, inode)).toBe(expected);
  });

  it.each([
    ['for another file', device(8, 1), 4n],
    ['for a file of the same number on another disk', device(8, 2), 1234n],
    ['that lets others read', device(8, 1), 1237n],
    ['that a process only waits for', device(0xfe, 0), 1240n],
  ])('shows none %s', (_, dev, inode) => {
    expect(findLock(table, dev, inode)).toBeUndefined();
  });

  it('may be empty or have another form', () => {
    expect(findLock('', device(8, 1), 1234n)).toBeUndefined();
    expect(findLock('no table\n\n1:', device(8, 1), 1234n)).toBeUndefined();
  });
});

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts a program that takes a lock, says "held" and waits for its input to end. */
async function hold(command: string, ...args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('close', () => reject(new Error(`${command} ended without a lock`)));
  });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.stdin?.end();
  await closed;
}

const hasCommand = (command: string, ...args: readonly string[]): boolean =>
  process.platform === 'linux' && spawnSync(command, args).status === 0;
const hasFlock = hasCommand('flock', '--version');
const hasPython = hasCommand('python3', '-c', 'import fcntl');

const python = `
import fcntl, sys
file = open(sys.argv[1], 'r+')
fcntl.lockf(file, fcntl.LOCK_EX if sys.argv[2] == 'write' else fcntl.LOCK_SH)
print('held', flush=True)
sys.stdin.read()
`;

describe('locks of other programs', () => {
  const newFile = (): string => {
    const path = join(temporaryDirectory(), 'file');
    fs.writeFileSync(path, 'x');
    return path;
  };
  /**
   * Some file systems without a disk of their own (major number 0) have different numbers in `stat`
   * and in the table.
   */
  const isShown = (path: string): boolean => {
    const { dev, ino } = fs.statSync(path, { bigint: true });
    const table = fs.readFileSync('/proc/locks', 'utf8');
    if (!table.includes(`:${ino} `)) return false;
    return dev >> 8n !== 0n || findLock(table, dev, ino) !== undefined;
  };

  it('are not reported for a file that no program has locked', async () => {
    const path = newFile();
    expect(await fileSystem.foreignLock(path)).toBeUndefined();
    // The lock of this package is a file in the directory, not a lock of the kernel.
    const lock = await fileSystem.lock(join(path, '..'));
    expect(await fileSystem.foreignLock(path)).toBeUndefined();
    await lock.release();
  });

  it.runIf(process.platform === 'linux')('cannot be looked up for a missing file', async () => {
    await expect(fileSystem.foreignLock(`${newFile()}-not`)).rejects.toMatchObject({
      kind: 'not-found',
    });
  });

  it.runIf(hasFlock)('are seen if they were taken with flock(2)', async ({ skip }) => {
    const path = newFile();
    const child = await hold('flock', '--exclusive', path, 'sh', '-c', 'echo held; cat');
    skip(!isShown(path), 'the file system of this machine shows its locks under another number');
    expect(await fileSystem.foreignLock(path)).toMatch(/^FLOCK, process \d+$/);
    await end(child);
    expect(await fileSystem.foreignLock(path)).toBeUndefined();
  });

  it.runIf(hasPython)('are seen if they were taken with fcntl(2) for writing', async ({ skip }) => {
    const path = newFile();
    const child = await hold('python3', '-c', python, path, 'write');
    skip(!isShown(path), 'the file system of this machine shows its locks under another number');
    expect(await fileSystem.foreignLock(path)).toMatch(/^POSIX, process \d+$/);
    await end(child);
    expect(await fileSystem.foreignLock(path)).toBeUndefined();
    const reader = await hold('python3', '-c', python, path, 'read');
    expect(await fileSystem.foreignLock(path)).toBeUndefined();
    await end(reader);
  });
});
