import type { Mutant } from '../mutant.ts';

export const walFiles: readonly Mutant[] = [
  // Sizes and shapes of saves.
  {
    name: 'a frame that is longer than a part is not loaded whole',
    file: 'wal-files/src/scan-window.ts',
    find: 'Math.max(length, partBytes)',
    replace: 'partBytes',
    caughtBy: ['wal-files/test/scan-window.test.ts', 'shows frames of every length'],
  },
  {
    name: 'a frame is moved one byte too far into the headroom',
    file: 'wal-files/src/scan-window.ts',
    find: 'const from = headroomBytes - before;',
    replace: 'const from = Math.max(0, headroomBytes - before - 1);',
    caughtBy: ['wal-files/test/scan-window.test.ts', 'shows frames of every length'],
  },
  {
    name: 'ranges are read into the buffer that is used again',
    file: 'wal-files/src/read-buffers.ts',
    find: 'if (!reused || length > slabBytes)',
    replace: 'if (length > slabBytes)',
    caughtBy: ['wal-files/test/read-buffers.test.ts', 'hand out memory that belongs to the caller'],
  },
  {
    name: 'a recycled file is handed out twice',
    file: 'wal-files/src/spare-files.ts',
    find: `      this.#recycled.splice(at, 1);
`,
    replace: '',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'are used again, as they are'],
  },
  {
    name: 'a recycled file of another length is handed out',
    file: 'wal-files/src/spare-files.ts',
    find: 'const at = this.#recycled.findIndex((file) => file.bytes === bytes);',
    replace: 'const at = this.#recycled.length - 1;',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'of another length wait'],
  },
  {
    name: 'the last piece of a new file is as long as the others',
    file: 'wal-files/src/spare-files.ts',
    find: 'piece.subarray(0, Math.min(piece.length, bytes - offset))',
    replace: 'piece',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'are made when they are taken'],
  },
  {
    name: 'the zeros of a new file are not synced',
    file: 'wal-files/src/spare-files.ts',
    find: `      await file.datasync();
`,
    replace: '',
    caughtBy: ['wal-files/test/spare-files.test.ts', 'are made when they are taken'],
  },
  {
    name: 'a purge takes one segment too many out of the list',
    file: 'wal-files/src/segment-list.ts',
    find: 'Math.max(0, segmentId - first)',
    replace: 'Math.max(0, segmentId - first + 1)',
    caughtBy: [
      'wal-native/test/sizes.test.ts',
      'that waits for nothing, with a crash at every call',
    ],
  },
  {
    name: 'the headroom is filled from the start of the part before',
    file: 'wal-files/src/scan-window.ts',
    find: 'this.bytes.subarray(offset - this.start), from)',
    replace: 'this.bytes.subarray(0, before), from)',
    caughtBy: ['wal-files/test/scan-window.test.ts', 'shows frames of every length'],
  },
];
