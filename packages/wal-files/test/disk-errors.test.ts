/**
 * The error of a log for a failed call of the disk, by the step that failed, as in the table of
 * docs/system-errors.md.
 */
import { describe, expect, it } from 'vitest';
import { FileError, type FileErrorKind, type FileOperation } from '@babuza/vfs';
import { WalError } from '@babuza/wal-core';
import {
  commitFailure,
  directoryFailure,
  prepareFailure,
  readFailure,
  recoveryFailure,
  stepFailure,
} from '../src/index.ts';

const errnos: Partial<Record<FileErrorKind, string>> = { permission: 'EACCES' };

function fileError(kind: FileErrorKind, operation: FileOperation): FileError {
  return new FileError(kind, operation, '/a', { errno: errnos[kind] });
}

function codeOf(failure: unknown): unknown {
  return failure instanceof WalError ? failure.code : failure;
}

const again = 'WAL_TRY_AGAIN';
const permission = 'WAL_PERMISSION';
const poisoned = 'WAL_POISONED';
const invalid = 'WAL_INVALID';

const rows: readonly [
  string,
  (cause: unknown) => unknown,
  Partial<Record<FileErrorKind, string>>,
][] = [
  [
    'reading',
    readFailure,
    {
      'too-many-open': again,
      'try-again': again,
      permission,
      'access-denied': permission,
      'name-too-long': invalid,
      io: 'WAL_READ_FAILED',
    },
  ],
  [
    'preparing a batch',
    prepareFailure,
    {
      'too-many-open': again,
      'try-again': again,
      permission: again,
      'access-denied': permission,
      'name-too-long': invalid,
      'no-space': 'WAL_NO_SPACE',
      io: poisoned,
    },
  ],
  [
    'creating a directory',
    directoryFailure,
    {
      'too-many-open': again,
      'try-again': again,
      permission,
      'access-denied': permission,
      'name-too-long': invalid,
      exists: 'WAL_FOREIGN',
      'not-found': invalid,
    },
  ],
  [
    'doing a step that can be repeated later',
    stepFailure,
    {
      'too-many-open': again,
      'try-again': again,
      permission: again,
      'access-denied': poisoned,
      'no-space': poisoned,
      io: poisoned,
    },
  ],
  [
    'recovering',
    recoveryFailure,
    { 'too-many-open': again, 'try-again': again, permission, io: poisoned },
  ],
  [
    'committing',
    commitFailure,
    { 'too-many-open': poisoned, 'try-again': poisoned, permission: poisoned, io: poisoned },
  ],
];

const storing: readonly FileOperation[] = [
  'write',
  'write-durable',
  'datasync',
  'truncate',
  'sync-directory',
];

describe.each(rows)('a call that stores nothing and fails while %s', (_, translate, expected) => {
  it.each(Object.entries(expected))('with %s is reported as %s', (kind, code) => {
    const cause = fileError(kind as FileErrorKind, 'open-directory');
    const failure = translate(cause);
    expect(codeOf(failure)).toBe(code);
    if (code === again) expect(failure).toMatchObject({ cause });
  });
});

describe('a call that stores bytes', () => {
  it.each([
    ['preparing a batch', prepareFailure],
    ['doing a step that can be repeated later', stepFailure],
    ['recovering', recoveryFailure],
    ['committing', commitFailure],
  ])('poisons the log for every reason except a full disk while %s', (_, translate) => {
    for (const operation of storing) {
      for (const kind of ['too-many-open', 'try-again', 'io'] as const) {
        expect([operation, codeOf(translate(fileError(kind, operation)))]).toEqual([
          operation,
          poisoned,
        ]);
      }
    }
  });
});

describe('a lock that is found held by another owner', () => {
  const locked = (operation: FileOperation) => codeOf(stepFailure(fileError('locked', operation)));

  it('when it is released was lost before, so later writes may not count', () => {
    expect(locked('unlock')).toBe('WAL_LOCK_LOST');
    expect(codeOf(readFailure(fileError('locked', 'unlock')))).toBe('WAL_LOCK_LOST');
    expect(codeOf(commitFailure(fileError('locked', 'unlock')))).toBe('WAL_LOCK_LOST');
  });

  it('when it is taken belongs to that owner', () => {
    expect(codeOf(readFailure(fileError('locked', 'lock')))).toBe('WAL_LOCKED');
    expect(codeOf(prepareFailure(fileError('locked', 'lock')))).toBe('WAL_LOCKED');
  });
});
