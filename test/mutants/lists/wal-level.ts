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
];
