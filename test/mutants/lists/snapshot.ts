import type { Mutant } from '../mutant.ts';

export const snapshot: readonly Mutant[] = [
  {
    name: 'The name of a finished snapshot is not made durable.',
    file: 'snapshot/src/snapshot-folder.ts',
    find: `    try {
      await this.fileSystem.syncDirectory(this.path);
    } catch (error) {`,
    replace: `    try {
      await Promise.resolve();
    } catch (error) {`,
    caughtBy: [
      'snapshot/test/crash.test.ts',
      'at every call leave the old snapshots or the new one, whole',
    ],
  },
];
