/**
 * A name that is not that of a regular file is refused at once. It is not followed and not changed.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeRecord } from '../src/lock/lock-record.ts';
import { ownIdentity } from '../src/lock/process-identity.ts';
import { nodeEnvironment, readRecord, rightsOfOthers } from '../src/index.ts';
import { temporaryDirectory } from './helpers.ts';

const { fileSystem } = nodeEnvironment();
const afterwards: (() => unknown)[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const act of afterwards.splice(0)) await act();
});

/** The kinds of names in place of a file, and the words for them in the message. */
const kinds: readonly [name: string, put: (path: string) => unknown, called: string][] = [
  ['a FIFO', putFifo, 'a FIFO'],
  ['a link to a file', (path) => putLink(path, true), 'ELOOP'],
  ['a link to nowhere', (path) => putLink(path, false), 'ELOOP'],
  ['a link to a device', (path) => fs.symlinkSync('/dev/zero', path), 'ELOOP'],
  ['a socket', putSocket, 'ENXIO'],
];

function putFifo(path: string): void {
  execFileSync('mkfifo', [path]);
  // Code that waited for a writer would hold a thread of this process for ever.
  const { O_RDWR, O_NONBLOCK } = fs.constants;
  afterwards.push(() => fs.closeSync(fs.openSync(path, O_RDWR | O_NONBLOCK)));
}

function putLink(path: string, exists: boolean): void {
  const target = join(temporaryDirectory(), 'precious');
  if (exists) fs.writeFileSync(target, 'precious', { mode: 0o644 });
  fs.symlinkSync(target, path);
}

async function putSocket(path: string): Promise<void> {
  const server = createServer().listen(path);
  await new Promise((resolve) => server.once('listening', resolve));
  afterwards.push(() => server.close());
}

/** The visible state of a name and of its target. */
function stateOf(path: string): unknown {
  const { ino, mode, mtimeMs } = fs.lstatSync(path);
  const target = fs.lstatSync(path).isSymbolicLink() ? fs.readlinkSync(path) : undefined;
  const isThere = target !== undefined && fs.existsSync(target);
  const behind = isThere && !target.startsWith('/dev/') ? fs.readFileSync(target, 'utf8') : '';
  return { ino, mode, mtimeMs, target, behind, isThere };
}

describe.skipIf(process.platform === 'win32').each(kinds)(
  '%s in place of',
  (_kind, put, called) => {
    it('a file is refused when it is opened, and is not changed', { timeout: 10_000 }, async () => {
      const path = join(temporaryDirectory(), 'segment');
      await put(path);
      const before = stateOf(path);
      for (const mode of ['read', 'write'] as const) {
        const error = await fileSystem.open(path, mode).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ kind: 'not-a-file', operation: 'open', path });
        expect(error).toMatchObject({ isTransient: false });
        expect(String(error)).toContain(called);
      }
      await expect(fileSystem.open(path, 'create')).rejects.toMatchObject({ kind: 'exists' });
      expect(stateOf(path)).toEqual(before);
    });

    it('a record counts as damage', { timeout: 10_000 }, async () => {
      const directory = temporaryDirectory();
      await put(join(directory, 'R'));
      expect(await readRecord(fileSystem, directory, 'R')).toMatchObject({ kind: 'damaged' });
    });

    it('the lock is refused at once, and is not changed', { timeout: 10_000 }, async () => {
      const directory = temporaryDirectory();
      const path = join(directory, 'LOCK');
      await put(path);
      const before = stateOf(path);
      await expect(fileSystem.lock(directory)).rejects.toMatchObject({
        kind: 'not-a-file',
        operation: 'lock',
        path,
        message: expect.stringContaining(called),
      });
      expect(stateOf(path)).toEqual(before);
      expect(fs.readdirSync(directory)).toEqual(['LOCK']);
    });

    it('a leftover of a lock does not prevent a new lock', { timeout: 10_000 }, async () => {
      const directory = temporaryDirectory();
      const path = join(directory, `LOCK.${'ab'.repeat(16)}`);
      await put(path);
      const before = stateOf(path);
      await (await fileSystem.lock(directory)).release();
      expect(stateOf(path)).toEqual(before);
    });
  },
);

describe.skipIf(process.platform === 'win32')('the lock file', () => {
  it('is refused if its name is that of a directory', async () => {
    const directory = temporaryDirectory();
    fs.mkdirSync(join(directory, 'LOCK'));
    await expect(fileSystem.lock(directory)).rejects.toMatchObject({
      kind: 'not-a-file',
      message: expect.stringContaining('a directory'),
    });
    expect(fs.readdirSync(directory)).toEqual(['LOCK']);
  });

  it('has mode 0600 after the lock of a dead owner with 0644 was taken over', async () => {
    const directory = temporaryDirectory();
    const owner = { ...(await ownIdentity()), bootId: 'another' };
    const record = { token: 'ab'.repeat(16), owner, since: '2024-01-01T00:00:00.000Z' };
    const path = join(directory, 'LOCK');
    fs.writeFileSync(path, encodeRecord(record));
    fs.chmodSync(path, 0o644);
    const lock = await fileSystem.lock(directory);
    expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    await lock.release();
  });

  it('has mode 0600 even if its file system gave it other rights', async () => {
    const directory = temporaryDirectory();
    vi.spyOn(fs.promises, 'link').mockImplementation(async (from, to) => {
      fs.linkSync(from, to);
      fs.chmodSync(to, 0o664);
    });
    const lock = await fileSystem.lock(directory);
    expect(fs.statSync(join(directory, 'LOCK')).mode & 0o777).toBe(0o600);
    await lock.release();
  });

  it('is lost when a link to the same file takes its place', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'LOCK');
    const lock = await fileSystem.lock(directory);
    fs.renameSync(path, join(directory, 'moved'));
    fs.symlinkSync(join(directory, 'moved'), path);
    await expect(lock.confirm()).rejects.toMatchObject({
      kind: 'lock-lost',
      message: expect.stringContaining('was replaced'),
    });
    expect(lock.isFresh()).toBe(false);
    await expect(lock.release()).rejects.toMatchObject({ kind: 'locked' });
  });
});

describe.skipIf(process.platform === 'win32')('names of directories', () => {
  it('are taken by a link that leads nowhere', async () => {
    const path = join(temporaryDirectory(), 'link');
    fs.symlinkSync('/nowhere/at/all', path);
    expect(await fileSystem.kindOf(path)).toBe('other');
    await expect(fileSystem.makeDirectory(path)).rejects.toMatchObject({ kind: 'not-a-directory' });
  });

  it.each(['directory', 'file'] as const)(
    'have the kind of a %s that another process creates between the two checks',
    async (kind) => {
      const path = join(temporaryDirectory(), 'new');
      vi.spyOn(fs.promises, 'stat').mockImplementationOnce(() => {
        if (kind === 'directory') fs.mkdirSync(path);
        else fs.writeFileSync(path, '');
        return Promise.reject(Object.assign(new Error('not there yet'), { code: 'ENOENT' }));
      });
      expect(await fileSystem.kindOf(path)).toBe(kind);
    },
  );

  it('may appear while another caller creates the same directory', async () => {
    const path = join(temporaryDirectory(), 'new');
    vi.spyOn(fs.promises, 'stat').mockImplementationOnce(() => {
      fs.mkdirSync(path);
      return Promise.reject(Object.assign(new Error('not there yet'), { code: 'ENOENT' }));
    });
    await fileSystem.makeDirectory(path);
    expect(await fileSystem.kindOf(path)).toBe('directory');
  });

  it.each([
    [0o700, undefined],
    [0o750, 'read'],
    [0o701, 'read'],
    [0o770, 'write'],
    [0o702, 'write'],
    [0o777, 'write'],
  ] as const)('with mode %o give others the right to %s', async (mode, right) => {
    const path = join(temporaryDirectory(), 'directory');
    fs.mkdirSync(path);
    fs.chmodSync(path, mode);
    expect(await rightsOfOthers(path)).toBe(right);
  });

  it('give nobody rights if there is no directory', async () => {
    expect(await rightsOfOthers(join(temporaryDirectory(), 'none'))).toBeUndefined();
  });

  it('of another user let that user write', async () => {
    const path = temporaryDirectory();
    const found = fs.statSync(path);
    const owner = vi.spyOn(fs.promises, 'stat');
    owner.mockResolvedValue(Object.assign(found, { uid: found.uid + 1000, mode: 0o40700 }));
    expect(await rightsOfOthers(path)).toBe('write');
    owner.mockResolvedValue(Object.assign(found, { uid: 0 }));
    expect(await rightsOfOthers(path)).toBeUndefined();
  });
});
