import type { Mutant } from '../mutant.ts';

export const walNative: readonly Mutant[] = [
  // Sizes and shapes of saves.
  {
    name: 'the footer of the entries of the group itself is not counted',
    file: 'wal-native/src/writer/segment-appender.ts',
    find: 'sealBytes(1, this.#entries) + group.entryCount * footerEntryBytes + 8;',
    replace: 'sealBytes(1, this.#entries) + 8;',
    caughtBy: ['wal-native/test/sizes.test.ts', 'is met by a save of 100 entries'],
  },
];
