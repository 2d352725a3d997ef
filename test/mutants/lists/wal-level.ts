import type { Mutant } from '../mutant.ts';

export const walLevel: readonly Mutant[] = [
  // Sizes and shapes of saves.
  {
    name: 'whether a batch is synced is decided by its last save',
    file: 'wal-level/src/shared-database.ts',
    find: 'group.some((waiting) => waiting.sync)',
    replace: 'group.at(-1)?.sync === true',
    caughtBy: ['wal-level/test/shapes.test.ts', 'that three logs share'],
  },
  {
    name: 'a conflict leaves the entry behind those that replace others',
    file: 'wal-level/src/batches.ts',
    find: 'Math.max(from, replacedTo + 1)',
    replace: 'Math.max(from, replacedTo + 2)',
    caughtBy: ['wal-level/test/shapes.test.ts', 'with a save of every shape, alone'],
  },
  {
    name: 'a reset leaves the first entry behind it',
    file: 'wal-level/src/batches.ts',
    find: 'Math.max(marker.index + 1, next.index.firstIndex)',
    replace: 'Math.max(marker.index + 2, next.index.firstIndex)',
    caughtBy: ['wal-level/test/shapes.test.ts', 'with a save of every shape, alone'],
  },
  {
    name: 'the digest of the terms is not made anew after a conflict',
    file: 'wal-level/src/batches.ts',
    find: `    this.#termsCut = true;
`,
    replace: '',
    caughtBy: ['wal-level/test/shapes.test.ts', 'with a save of every shape, alone'],
  },
  {
    name: 'a hard state counts only together with entries',
    file: 'wal-level/src/batches.ts',
    find: 'if (plan.hardState !== undefined) this.#next',
    replace: 'if (plan.hardState !== undefined && plan.entries.length > 0) this.#next',
    caughtBy: ['wal-level/test/conformance.test.ts', 'a save of every shape, alone'],
  },
  {
    name: 'a purge deletes the first entry that is kept',
    file: 'wal-level/src/level-wal.ts',
    find: 'keys.entriesBetween(this.#clearedTo + 1, to + 1)',
    replace: 'keys.entriesBetween(this.#clearedTo + 1, to + 2)',
    caughtBy: ['wal-level/test/sizes.test.ts', '1000 that are purged'],
  },
  {
    name: 'a purge ends behind its first page of deletions',
    file: 'wal-level/src/level-wal.ts',
    find: '      span = await this.#spanOf({ gt: span.last, lt });',
    replace: '      span = undefined;',
    caughtBy: ['wal-level/test/sizes.test.ts', '1001 that are purged'],
  },
  {
    name: 'a term that begins at the purged index stays',
    file: 'wal-level/src/batches.ts',
    find: '      if (run.index > last) break;',
    replace: '      if (run.index >= last) break;',
    caughtBy: ['wal-level/test/conformance.test.ts', 'law 8: everything that a purge covers'],
  },
  {
    name: 'a commit index that waits for a sync is forgotten',
    file: 'wal-level/src/level-wal.ts',
    find: 'this.#unsynced = kind.syncs && !sync;',
    replace: 'this.#unsynced = false;',
    caughtBy: ['wal-level/test/durability.test.ts', 'closing makes a commit index durable'],
  },
];
