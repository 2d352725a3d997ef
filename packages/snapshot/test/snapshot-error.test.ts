/** How failed calls of the disk become errors with a code. */
import { FileError, type FileErrorKind, type FileOperation } from '@babuza/vfs';
import { describe, expect, it } from 'vitest';
import { SnapshotError } from '../src/index.ts';
import {
  corrupt,
  isCorrupt,
  isShortage,
  lockFailure,
  readFailure,
  translating,
  writeFailure,
} from '../src/snapshot-error.ts';
import { failureOf } from './support.ts';

const failed = (kind: FileErrorKind, operation: FileOperation): FileError =>
  new FileError(kind, operation, '/snap/file');

describe('a failed file', () => {
  it.each([
    ['io', 'read', 'SNAPSHOT_READ_FAILED', 'the disk failed to read: read /snap/file: io'],
    ['not-found', 'open', 'SNAPSHOT_CORRUPT', '/snap/file at byte 0: the file is missing'],
    ['not-a-directory', 'open', 'SNAPSHOT_CORRUPT', 'the file is missing'],
    ['is-a-directory', 'open', 'SNAPSHOT_CORRUPT', 'the file is missing'],
    ['closed', 'read', 'SNAPSHOT_CLOSED', 'the snapshot is closed'],
    ['too-many-open', 'open', 'SNAPSHOT_TRY_AGAIN', 'nothing was read'],
    ['try-again', 'list', 'SNAPSHOT_TRY_AGAIN', 'nothing was read'],
    ['lock-lost', 'lock', 'SNAPSHOT_LOCK_LOST', 'changes nothing in it any more'],
    ['permission', 'open', 'SNAPSHOT_READ_FAILED', 'the disk failed to read'],
  ] as const)('of a snapshot that is read: %s of %s is %s', (kind, operation, code, message) => {
    const cause = failed(kind, operation);
    const error = readFailure(cause);
    expect(error).toBeInstanceOf(SnapshotError);
    expect(error).toMatchObject({ code, cause, message: expect.stringContaining(message) });
  });

  it.each([
    ['io', 'write', 'SNAPSHOT_WRITE_FAILED', 'the disk failed to write: write /snap/file: io'],
    ['no-space', 'write', 'SNAPSHOT_NO_SPACE', 'the disk is full: write /snap/file: no-space'],
    ['not-found', 'open', 'SNAPSHOT_WRITE_FAILED', 'the disk failed to write'],
    ['not-a-file', 'open', 'SNAPSHOT_FOREIGN', 'nothing was changed: open /snap/file: not-a-file'],
    ['too-many-open', 'open', 'SNAPSHOT_TRY_AGAIN', 'nothing was acknowledged'],
    ['try-again', 'write', 'SNAPSHOT_WRITE_FAILED', 'the disk failed to write'],
    ['locked', 'lock', 'SNAPSHOT_LOCKED', 'lock /snap/file: locked'],
    ['locked', 'unlock', 'SNAPSHOT_LOCK_LOST', 'changes nothing in it any more'],
    ['lock-lost', 'lock', 'SNAPSHOT_LOCK_LOST', 'changes nothing in it any more'],
  ] as const)('of a snapshot that is written: %s of %s is %s', (kind, operation, code, message) => {
    const cause = failed(kind, operation);
    const error = writeFailure(cause);
    expect(error).toBeInstanceOf(SnapshotError);
    expect(error).toMatchObject({ code, cause, message: expect.stringContaining(message) });
  });

  it('leaves other errors as they are', async () => {
    const said = new SnapshotError('SNAPSHOT_INVALID', 'no');
    for (const error of [said, new Error('no'), undefined]) {
      expect(readFailure(error)).toBe(error);
      expect(writeFailure(error)).toBe(error);
    }
    expect(await failureOf(translating(writeFailure, () => Promise.reject(said)))).toBe(said);
    expect(await translating(writeFailure, async () => 7)).toBe(7);
  });

  it('distinguishes a lost lock from one that another manager has', () => {
    expect(lockFailure(failed('lock-lost', 'lock'))?.code).toBe('SNAPSHOT_LOCK_LOST');
    expect(lockFailure(failed('locked', 'unlock'))?.code).toBe('SNAPSHOT_LOCK_LOST');
    expect(lockFailure(failed('locked', 'lock'))).toBe(undefined);
    expect(lockFailure(failed('io', 'unlock'))).toBe(undefined);
  });

  it('is a shortage only if the same call may succeed later', () => {
    expect(isShortage(failed('too-many-open', 'open'))).toBe(true);
    expect(isShortage(failed('try-again', 'list'))).toBe(true);
    expect(isShortage(failed('try-again', 'write'))).toBe(false);
    expect(isShortage(failed('io', 'open'))).toBe(false);
    expect(isShortage(new SnapshotError('SNAPSHOT_TRY_AGAIN', 'later'))).toBe(true);
    expect(isShortage(new SnapshotError('SNAPSHOT_WRITE_FAILED', 'no'))).toBe(false);
    expect(isShortage(new Error('no'))).toBe(false);
    expect(isShortage({ isTransient: true, code: 'SNAPSHOT_TRY_AGAIN' })).toBe(false);
    expect(isShortage(undefined)).toBe(false);
  });
});

describe('damage', () => {
  it('says where it is, and what was expected if that is known', () => {
    const plain = corrupt('the file is too long', { file: 'f', offset: 3 });
    expect(plain.message).toBe('f at byte 3: the file is too long');
    expect('cause' in plain).toBe(false);
    const cause = new Error('inner');
    const details = { file: 'f', offset: 0, expected: 1, got: 2 };
    const compared = corrupt('it differs', details, cause);
    expect(compared).toMatchObject({
      name: 'SnapshotError',
      code: 'SNAPSHOT_CORRUPT',
      message: 'f at byte 0: it differs: expected 1, got 2',
      details,
      cause,
    });
  });

  it('is not assumed for other errors', () => {
    expect(isCorrupt(corrupt('no', { file: 'f', offset: 0 }))).toBe(true);
    expect(isCorrupt(new SnapshotError('SNAPSHOT_READ_FAILED', 'no'))).toBe(false);
    expect(isCorrupt(Object.assign(new Error('no'), { code: 'SNAPSHOT_CORRUPT' }))).toBe(false);
    expect(isCorrupt(undefined)).toBe(false);
  });
});
