import type { Mutant } from '../mutant.ts';

const transfers = 'snapshot/test/resumed-transfers.test.ts';
const reading = 'snapshot/test/closed-reading.test.ts';

/** Errors where work on snapshots goes on after an interruption, or ends. */
export const snapshotResumed: readonly Mutant[] = [
  {
    name: 'the heads of a linked file are looked for where a copied file has them',
    file: 'snapshot/src/files/chunk-reader.ts',
    find: 'const end = allPlain ? Infinity : await this.#endOf(number, position, from);',
    replace: 'const end = await this.#endOf(number, position, from);',
    caughtBy: [transfers, 'goes on from each byte around the borders of its chunks'],
  },
  {
    name: 'the part of a snapshot of index 1 is removed',
    file: 'snapshot/src/open-folder.ts',
    find: 'kept.at(-1)?.contents.metadata.index ?? 0',
    replace: 'kept.at(-1)?.contents.metadata.index ?? 1',
    caughtBy: [transfers, 'is kept at an opening also where its snapshot has index 1'],
  },
  {
    name: 'a part of another release keeps the folder from opening',
    file: 'snapshot/src/open-folder.ts',
    find: "if (code === 'SNAPSHOT_CORRUPT' || code === 'SNAPSHOT_VERSION') return 0;",
    replace: "if (code === 'SNAPSHOT_CORRUPT') return 0;",
    caughtBy: [transfers, 'is removed at an opening where another version'],
  },
  {
    name: 'a closed snapshot opens its files',
    file: 'snapshot/src/pinned-snapshot.ts',
    find: '    this.#assertOpen();\n    let reader',
    replace: '    let reader',
    caughtBy: [reading, 'a closed snapshot opens no file'],
  },
  {
    name: 'a reader that returns early leaves its source at work',
    file: 'snapshot/src/until-aborted.ts',
    find: 'if (!signal.aborted) await orAborted(returning, signal).catch(ignore);',
    replace: '',
    caughtBy: [reading, 'a reader that returns early waits until its source has ended'],
  },
  {
    name: 'a device with the name of a file counts as a disk that failed',
    file: 'snapshot/src/snapshot-error.ts',
    find: "  if (cause.kind === 'not-a-file') {\n",
    replace: "  if (cause.kind === 'is-a-directory') {\n",
    caughtBy: ['snapshot/test/snapshot-error.test.ts', 'not-a-file of open is SNAPSHOT_FOREIGN'],
  },
  {
    name: 'a removal goes on before the snapshot has its old name again',
    file: 'snapshot/src/snapshot-folder.ts',
    find: 'await this.fileSystem.rename(this.pathOf(gone), this.pathOf(name));',
    replace: 'void this.fileSystem.rename(this.pathOf(gone), this.pathOf(name));',
    caughtBy: ['snapshot/test/removal-failures.test.ts', 'a removal that is begun anew reports'],
  },
];
