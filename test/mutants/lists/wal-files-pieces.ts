import type { Mutant } from '../mutant.ts';

const pieces = 'wal-files/test/pieces.test.ts';

/** Files that are copied or filled in pieces. */
export const walFilesPieces: readonly Mutant[] = [
  {
    name: 'the copy of a segment ends after its first piece',
    file: 'wal-files/src/detach-segments.ts',
    find: 'if (bytes < piece.length) break;',
    replace: 'if (bytes <= piece.length) break;',
    caughtBy: [pieces, 'of 1048577 bytes has the same bytes'],
    promise: 'killed process',
  },
  {
    name: 'the copy of a segment gets its name before it is durable',
    file: 'wal-files/src/detach-segments.ts',
    find: '      await target.datasync();\n',
    replace: '',
    caughtBy: [pieces, 'of 1048577 bytes has the same bytes'],
    promise: 'power cut',
  },
];
