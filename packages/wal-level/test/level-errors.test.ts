/** How failures of LevelDB become errors of a log. */
import { describe, expect, it } from 'vitest';
import { readFailure, writeFailure } from '../src/level-errors.ts';

const ioError = (text: string, code = 'LEVEL_IO_ERROR'): Error =>
  Object.assign(new Error(`IO error: /data/db/${text}`), { code });

describe('a write of LevelDB that fails', () => {
  it.each([
    ['000012.log: Too many open files', 'WAL_TRY_AGAIN'],
    ['000012.log: Too many open files in system', 'WAL_TRY_AGAIN'],
    // A compaction failed, after which LevelDB refuses every write.
    ['000012.ldb: Too many open files', 'WAL_POISONED'],
    ['MANIFEST-000012: Too many open files', 'WAL_POISONED'],
    // A part of the batch may have been written.
    ['000012.log: No space left on device', 'WAL_POISONED'],
    ['000012.log: Cannot allocate memory', 'WAL_POISONED'],
    ['000012.log: Input/output error', 'WAL_POISONED'],
  ])('because of %s is told as %s', (text, code) => {
    expect(writeFailure(ioError(text), '/data')).toMatchObject({ code });
    const wrapped = new Error('batch failed', { cause: ioError(text) });
    expect(writeFailure(wrapped, '/data')).toMatchObject({ code: 'WAL_POISONED' });
    expect(writeFailure(ioError(text, 'LEVEL_CORRUPTION'), '/data')).toMatchObject({
      code: 'WAL_POISONED',
    });
  });
});

describe('a read of LevelDB that fails', () => {
  it.each([
    ['000012.ldb: Too many open files', 'WAL_TRY_AGAIN'],
    ['000012.ldb: Input/output error', 'WAL_READ_FAILED'],
    ['000012.ldb: No such file or directory', 'WAL_READ_FAILED'],
  ])('because of %s is told as %s', (text, code) => {
    expect(readFailure(ioError(text), '/data')).toMatchObject({ code });
  });
});
