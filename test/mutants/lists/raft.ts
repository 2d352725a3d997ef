import type { Mutant } from '../mutant.ts';

const overEntries = 'raft/test/install-over-entries.test.ts';
const restore = 'raft/test/snapshot-restore.test.ts';
const sending = 'raft/test/snapshot-sending.test.ts';
const recorded = 'raft/test/recorded-snapshots.test.ts';

export const raft: readonly Mutant[] = [
  // Snapshots beside a slow state machine, and several of them at once.
  {
    name: 'A membership change that an installed snapshot covers still reaches the core.',
    file: 'raft/src/loop.ts',
    find: 'if (index <= this.#installedIndex) return undefined;',
    replace: 'if (index < 0) return undefined;',
    caughtBy: [overEntries, 'the quorum is that of the snapshot'],
  },
  {
    name: 'A snapshot is made between entries that one which is being installed covers.',
    file: 'raft/src/snapshots.ts',
    find: 'if (index < this.#recorded.newestIndex) {',
    replace: 'if (index < 0) {',
    caughtBy: [overEntries, 'no snapshot is made between such entries'],
  },
  {
    name: 'Whoever asked for a snapshot while one is being installed is never answered.',
    file: 'raft/src/snapshots.ts',
    find: '    this.#awaitsInstall = false;\n    await this.#takeBetweenEntries();\n',
    replace: '',
    caughtBy: [overEntries, 'no snapshot is made between such entries'],
  },
  {
    name: 'A proposal that an installed snapshot covers is never answered.',
    file: 'raft/src/node-parts.ts',
    find: 'this.proposals.skipTo(metadata.index);',
    replace: '',
    caughtBy: [overEntries, 'a proposal that the snapshot covers ends'],
  },
  {
    name: 'A proposal that an installed snapshot covers counts as certainly not applied.',
    file: 'raft/src/waiters.ts',
    find: '        new OutcomeUnknownError(`entry ${at} is covered by a snapshot of another member`),',
    replace: '        dropped(at, 0),',
    caughtBy: [overEntries, 'a proposal that the snapshot covers ends'],
  },
  {
    name: 'The index of an installed snapshot counts as applied before the state is restored.',
    file: 'raft/src/snapshots.ts',
    find: '    if (hasState(open))\n      await stateMachine',
    replace:
      '    state.restore(nodePart, metadata);\n    if (hasState(open))\n      await stateMachine',
    caughtBy: [restore, 'nobody is told that the index of the snapshot was applied'],
  },
  {
    name: 'Two sends share one hold on the log.',
    file: 'raft/src/snapshot-sending.ts',
    find: 'this.indexes.push(metadata.index);',
    replace: 'this.indexes.splice(0, 1, metadata.index);',
    caughtBy: [sending, 'hold their logs each for itself'],
  },
  {
    name: 'Two sends of one snapshot share one hold on the log.',
    file: 'raft/src/snapshot-sending.ts',
    find: 'this.indexes.push(metadata.index);',
    replace: 'if (!this.indexes.includes(metadata.index)) this.indexes.push(metadata.index);',
    caughtBy: [sending, 'hold the log of one index until the last of them has ended'],
  },
  {
    name: 'The first of two sends that ends releases the hold of both.',
    file: 'raft/src/snapshot-sending.ts',
    find: 'this.indexes.splice(this.indexes.indexOf(metadata.index), 1);',
    replace: 'this.indexes.length = 0;',
    caughtBy: [sending, 'hold their logs each for itself'],
  },
  {
    name: 'Only sends that have arrived release the log.',
    file: 'raft/src/snapshot-sending.ts',
    find: 'this.indexes.splice(this.indexes.indexOf(metadata.index), 1);',
    replace:
      "if (outcome === 'arrived') this.indexes.splice(this.indexes.indexOf(metadata.index), 1);",
    caughtBy: [sending, 'release their logs where their streams break'],
  },
  {
    name: 'The log is purged without regard to the snapshots that are being sent.',
    file: 'raft/src/recorded-snapshots.ts',
    find: 'Math.min(oldest, newest - config.compactionMargin, ...sending.indexes)',
    replace: 'Math.min(oldest, newest - config.compactionMargin)',
    caughtBy: [recorded, 'the log stays from every snapshot on that is being sent'],
  },
  {
    name: 'Only the first of the snapshots that are being sent holds the log.',
    file: 'raft/src/recorded-snapshots.ts',
    find: '...sending.indexes)',
    replace: '...[...sending.indexes].slice(0, 1))',
    caughtBy: [recorded, 'the log stays from every snapshot on that is being sent'],
  },
  {
    name: 'A snapshot that was made while a newer one is installed is recorded as the newest.',
    file: 'raft/src/recorded-snapshots.ts',
    find: 'if (metadata.index < this.#newestIndex) return;',
    replace: '',
    caughtBy: [recorded, 'one that was made while a newer one is installed'],
  },
];
