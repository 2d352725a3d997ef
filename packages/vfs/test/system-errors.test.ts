/**
 * The meaning of the errors of the operating system and of Node.js. docs/system-errors.md has the
 * same table.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { toFileError } from '../src/classify-error.ts';
import { nodeEnvironment, type FileError, type FileOperation } from '../src/index.ts';
import { lockDirectoryIn } from '../src/lock/directory-lock.ts';
import { ownIdentity } from '../src/lock/process-identity.ts';
import { temporaryDirectory } from './helpers.ts';

const environment = nodeEnvironment();
const { fileSystem } = environment;
const isLinux = process.platform === 'linux';

const storing: readonly FileOperation[] = [
  'write',
  'write-durable',
  'datasync',
  'truncate',
  'sync-directory',
];
const harmless: readonly FileOperation[] = [
  'open',
  'read',
  'size',
  'close',
  'rename',
  'unlink',
  'mkdir',
  'rmdir',
  'list',
  'stat',
  'open-directory',
  'lock',
  'unlock',
];

const errorOf = (code: string, operation: FileOperation): FileError =>
  toFileError(Object.assign(new Error(code), { code }), operation, '/a');

describe('an error of a call', () => {
  it.each([
    ['EMFILE', 'too-many-open', true],
    ['ENFILE', 'too-many-open', true],
    ['ENOMEM', 'try-again', true],
    ['EAGAIN', 'try-again', true],
    ['EINTR', 'try-again', true],
    ['ENOBUFS', 'try-again', true],
    ['EACCES', 'permission', true],
    ['EPERM', 'permission', false],
    ['EROFS', 'permission', false],
    ['ERR_ACCESS_DENIED', 'access-denied', false],
    ['ENAMETOOLONG', 'name-too-long', false],
    ['ENOENT', 'not-found', false],
    ['EIO', 'io', false],
    ['ENOSPC', 'no-space', false],
  ] as const)('with the code %s has the kind %s; transient: %s', (code, kind, mayPass) => {
    for (const operation of harmless) {
      const { kind: got, isTransient } = errorOf(code, operation);
      expect([operation, got, isTransient]).toEqual([operation, kind, mayPass]);
    }
    for (const operation of storing) {
      const { kind: got, isTransient } = errorOf(code, operation);
      expect([operation, got, isTransient]).toEqual([operation, kind, false]);
    }
  });

  it('says what to do if the code alone does not tell', () => {
    expect(errorOf('EMFILE', 'open').message).toBe(
      'open /a: too-many-open (EMFILE: no file descriptor is left; raise the limit (ulimit -n) or open fewer files)',
    );
    expect(errorOf('ENAMETOOLONG', 'mkdir').message).toContain('use a shorter directory');
  });

  it('reports a name that is too long', async () => {
    const directory = temporaryDirectory();
    const calls = [
      () => fileSystem.open(join(directory, 'a'.repeat(300)), 'create'),
      () => fileSystem.makeDirectory(join(directory, 'a'.repeat(300))),
      () =>
        fileSystem.kindOf(join(directory, ...Array.from({ length: 30 }, () => 'a'.repeat(200)))),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ kind: 'name-too-long', errno: 'ENAMETOOLONG' });
    }
  });

  it('names the path that the permission model of Node.js forbids, and the flag that allows it', () => {
    const flag = process.allowedNodeEnvironmentFlags.has('--permission')
      ? '--permission'
      : '--experimental-permission';
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const script = fileURLToPath(new URL('./forbidden.mjs', import.meta.url));
    const directory = temporaryDirectory();
    const flags = ['--no-warnings', flag, `--allow-fs-read=${root}*`];
    const output = execFileSync(process.execPath, [...flags, script, directory]).toString();
    const lines = output.trim().split('\n');
    expect(lines).toHaveLength(6);
    for (const line of lines) {
      expect(line).toMatch(
        /: access-denied \(ERR_ACCESS_DENIED: .*--allow-fs-(?:read|write) for \//,
      );
    }
    expect(lines[1]).toContain(`--allow-fs-read for ${directory}`);
  });
});

describe('a process without descriptors', () => {
  it.runIf(isLinux)('takes a lock or fails, and is never locked out by its own leftovers', () => {
    const script = fileURLToPath(new URL('./lock-few-descriptors.mjs', import.meta.url));
    const command = 'ulimit -n 64; exec "$0" "$1" "$2"';
    const directory = temporaryDirectory();
    const output = execFileSync('sh', ['-c', command, process.execPath, script, directory]);
    expect(output.toString().trim()).toBe('locked it, too-many-open; 0 failed');
    expect(fs.readdirSync(directory)).toEqual([]);
  });

  it('releases a lock later if it cannot do so now', async () => {
    const directory = temporaryDirectory();
    const { clock, random } = environment;
    const timings = { heartbeatMs: 5, silentMs: 1000, unreadableMs: 1000, pollMs: 5 };
    const world = { clock, random, self: await ownIdentity(), timings, usesLinks: true };
    const lock = await lockDirectoryIn(directory, world);
    const removing = vi.spyOn(fs.promises, 'unlink');
    try {
      removing.mockRejectedValue(Object.assign(new Error('no'), { code: 'ENOMEM' }));
      await expect(lock.release()).rejects.toMatchObject({ kind: 'try-again' });
      expect(fs.readdirSync(directory)).toEqual(['LOCK']);
    } finally {
      removing.mockRestore();
    }
    await vi.waitFor(() => expect(fs.readdirSync(directory)).toEqual([]));
    await (await lockDirectoryIn(directory, world)).release();
  });
});
