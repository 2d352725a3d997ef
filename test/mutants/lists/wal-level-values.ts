import type { Mutant } from '../mutant.ts';

const values = 'wal-level/test/values.test.ts';
const writer = 'wal-level/test/sync-record-writer.test.ts';

/** Errors in the decoding of single values, and in the writer of the sync record. */
export const walLevelValues: readonly Mutant[] = [
  {
    name: 'a short header of a later version counts as damaged',
    file: 'wal-level/src/values.ts',
    find: 'unseal(key, value, 16 - checksumBytes)',
    replace: 'unseal(key, value, 16 + checksumBytes)',
    caughtBy: [values, 'needs only its magic number and its version'],
  },
  {
    name: 'a header whose lengths exceed its size is read',
    file: 'wal-level/src/values.ts',
    find: 'if (bytes < 0 || (hasExtra',
    replace: 'if (bytes < 0 && (hasExtra',
    caughtBy: [values, 'is damaged if it has an identity that is longer than the rest'],
  },
  {
    name: 'a byte behind an entry without data is passed over',
    file: 'wal-level/src/values.ts',
    find: '(!hasData && bytes > 0)',
    replace: '(!hasData && bytes > 1)',
    caughtBy: [values, 'is damaged if it says that it has no data, and has one byte'],
  },
  {
    name: 'the checksums in an error are unreadable',
    file: 'wal-level/src/values.ts',
    find: "  return value.toString(16).padStart(8, '0');",
    replace: '  return String(value);',
    caughtBy: [values, 'is reported with both checksums, in eight digits'],
  },
  {
    name: 'a closed log writes its sync record, which another process may have now',
    file: 'wal-level/src/sync-record.ts',
    find: '    if (this.#closed) return;\n',
    replace: '',
    caughtBy: [writer, 'a number that comes after the close starts no timer'],
  },
  {
    name: 'a sync record is written again although nothing has changed',
    file: 'wal-level/src/sync-record.ts',
    find: '      if (batch === this.#written && !durable) return;\n',
    replace: '',
    caughtBy: [writer, 'a number that was written during a slow write'],
  },
];
