import type { Mutant } from '../mutant.ts';

export const walLevel: readonly Mutant[] = [
  // Errors in single lines of each source file, with the histories that show them.
  {
    name: 'entries that are replaced are seen before that is durable',
    file: 'wal-level/src/level-wal.ts',
    find: 'if (batch.replaces) reader.pin();',
    replace: '',
    caughtBy: [
      'wal-level/test/failures.test.ts',
      'ends the log, whether or not it reached the database',
    ],
  },
  {
    name: 'a sync after a commit index does nothing',
    file: 'wal-level/src/level-wal.ts',
    find: 'if (!changes && !(durable && this.#unsynced)) return undefined;',
    replace: 'if (!changes) return undefined;',
    caughtBy: ['wal-level/test/durability.test.ts', 'law 1: everything but a commit index alone'],
  },
  {
    name: 'a close does not sync the last commit index',
    file: 'wal-level/src/level-wal.ts',
    find: '    if (this.#unsynced) {\n      await this.#write(new',
    replace: '    if (false) {\n      await this.#write(new',
    caughtBy: [
      'wal-level/test/durability.test.ts',
      'closing makes a commit index durable that was not',
    ],
  },
  {
    name: 'a close does not wait for deletions',
    file: 'wal-level/src/level-wal.ts',
    find: '      await this.#clearing;\n      if (clean)',
    replace: '      if (clean)',
    caughtBy: [
      'wal-level/test/durability.test.ts',
      'a reset deletes entries above the snapshot at once',
    ],
  },
  {
    name: 'a deletion takes the first entry of the log',
    file: 'wal-level/src/level-wal.ts',
    find: 'const { gte, lt } = keys.entriesBetween(this.#clearedTo + 1, to + 1);',
    replace: 'const { gte, lt } = keys.entriesBetween(this.#clearedTo + 1, to + 2);',
    caughtBy: [
      'wal-level/test/shared-database.test.ts',
      'go on while one of them deletes what it purged',
    ],
  },
  {
    name: 'a deletion ends after one page',
    file: 'wal-level/src/level-wal.ts',
    find: 'span = await this.#spanOf({ gt: span.last, lt });',
    replace: 'span = undefined;',
    caughtBy: [
      'wal-level/test/shared-database.test.ts',
      'go on while one of them deletes what it purged',
    ],
  },
  {
    name: 'the number of a batch is used again',
    file: 'wal-level/src/level-wal.ts',
    find: '    this.#testimony = batch.testimony;\n',
    replace: '',
    caughtBy: ['wal-level/test/durability.test.ts', 'hold exactly what changes, and the state'],
  },
  {
    name: 'a refused batch fails the database',
    file: 'wal-level/src/shared-database.ts',
    find: 'if (isRefusal(error)) return;',
    replace: '',
    caughtBy: [
      'wal-level/test/shared-database.test.ts',
      'go on where nothing was written for lack of space',
    ],
  },
  {
    name: 'an opening that failed fails all later ones',
    file: 'wal-level/src/database-holder.ts',
    find: 'this.#current = undefined;\n      throw readFailure(error, this.#directory);\n    }\n  }\n\n  async #openSuitable',
    replace: 'throw readFailure(error, this.#directory);\n    }\n  }\n\n  async #openSuitable',
    caughtBy: ['wal-level/test/failures.test.ts', 'while opening is the failure of the call'],
  },
  {
    name: 'entries behind a replacement stay',
    file: 'wal-level/src/batches.ts',
    find: 'this.#deleteEntries(Math.max(from, replacedTo + 1), index.lastIndex);',
    replace: '',
    caughtBy: ['wal-level/test/durability.test.ts', 'hold exactly what changes, and the state'],
  },
  {
    name: 'a reset leaves the last entry',
    file: 'wal-level/src/batches.ts',
    find: 'Math.max(marker.index + 1, next.index.firstIndex), next.index.lastIndex);\n',
    replace: 'Math.max(marker.index + 1, next.index.firstIndex), next.index.lastIndex - 1);\n',
    caughtBy: [
      'wal-level/test/durability.test.ts',
      'a reset deletes entries above the snapshot at once',
    ],
  },
  {
    name: 'a reset leaves the terms',
    file: 'wal-level/src/batches.ts',
    find: 'this.#deleteTermRuns(next.index.firstIndex, next.index.lastIndex);',
    replace: '',
    caughtBy: ['wal-level/test/durability.test.ts', 'hold exactly what changes, and the state'],
  },
  {
    name: 'a truncation leaves the terms',
    file: 'wal-level/src/batches.ts',
    find: 'this.#deleteTermRuns(from, index.lastIndex);',
    replace: '',
    caughtBy: ['wal-level/test/lost-batches.test.ts', 'behind any batch'],
  },
  {
    name: 'a purge deletes the term of the first entry',
    file: 'wal-level/src/batches.ts',
    find: 'this.#deleteTermRuns(this.#next.index.firstIndex, to);',
    replace: 'this.#deleteTermRuns(this.#next.index.firstIndex, to + 1);',
    caughtBy: ['wal-level/test/durability.test.ts', 'hold exactly what changes, and the state'],
  },
  {
    name: 'missing entries at the end are accepted',
    file: 'wal-level/src/continuity.ts',
    find: '    if (index.lastIndex !== lastIndex) {\n      throw this.#missing(index.lastIndex + 1, lastIndex);\n    }\n',
    replace: '',
    caughtBy: ['wal-level/test/contradictions.test.ts', 'the last entry is missing'],
  },
  {
    name: 'markers that do not fit are accepted',
    file: 'wal-level/src/continuity.ts',
    find: 'this.#checkMarkers(index);',
    replace: '',
    caughtBy: ['wal-level/test/contradictions.test.ts', 'a marker has another term than the entry'],
  },
  {
    name: 'the term of an entry is not compared when it is read',
    file: 'wal-level/src/entry-reader.ts',
    find: 'verifiedEntry(key, value, index, this.#index.term(index))',
    replace: 'verifiedEntry(key, value, index, decodeEntryValue(key, value).term)',
    caughtBy: [
      'wal-level/test/contradictions.test.ts',
      'an older version of an entry, whole in itself',
    ],
  },
  {
    name: 'a close does not wait for calls',
    file: 'wal-level/src/level-wal-manager.ts',
    find: 'await Promise.allSettled(this.#calls);',
    replace: '',
    caughtBy: ['wal-level/test/failures.test.ts', 'waits for calls under way'],
  },
  {
    name: 'a log whose discard failed stays open',
    file: 'wal-level/src/level-wal-manager.ts',
    find: '        await wal.close().catch(() => undefined);\n        throw error;',
    replace: '        throw error;',
    caughtBy: ['wal-level/test/failures.test.ts', 'while discarding leaves nothing open'],
  },
  {
    name: 'the lock is not asked before a write to the database',
    file: 'wal-level/src/shared-database.ts',
    find: 'if (lock?.isFresh() === false) await lock.confirm();',
    replace: '',
    caughtBy: [
      'wal-level/test/lock-of-database.test.ts',
      'ends the writing where it is lost: a batch',
    ],
  },
];
