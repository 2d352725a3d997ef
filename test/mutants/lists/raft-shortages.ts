import type { Mutant } from '../mutant.ts';

const shortages = 'raft/test/passing-shortages.test.ts';
const keeper = 'raft/test/identity/identity-keeper.test.ts';

/** Errors in the parts of the node that wait for a shortage of the system to pass. */
export const raftShortages: readonly Mutant[] = [
  {
    name: 'a shortage while a snapshot is opened ends the node',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'await this.#shortages.outlast(task, signal, () => manager.read(place));',
    replace: 'await manager.read(place);',
    caughtBy: [shortages, 'takes a snapshot over that could not be opened for a while'],
  },
  {
    name: 'a shortage while a snapshot is read ends the node',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'return this.#shortages.steady(open, task, signal);',
    replace: 'return open;',
    caughtBy: [shortages, 'could not be read in the middle of the state for a while'],
  },
  {
    name: 'a file that is read on after a shortage begins anew for its reader',
    file: 'raft/src/support/passing-shortages.ts',
    find: 'let skippedBytes = givenBytes;',
    replace: 'let skippedBytes = 0;',
    caughtBy: [shortages, 'reads each byte once'],
  },
  {
    name: 'a file that is read on after a second shortage repeats bytes',
    file: 'raft/src/support/passing-shortages.ts',
    find: 'givenBytes += fresh.length;',
    replace: 'givenBytes = fresh.length;',
    caughtBy: [shortages, 'reads each byte once'],
  },
  {
    name: 'damage counts as a shortage',
    file: 'raft/src/support/passing-shortages.ts',
    find: "  'WAL_NO_SPACE',\n",
    replace: "  'WAL_NO_SPACE',\n  'SNAPSHOT_CORRUPT',\n",
    caughtBy: [shortages, 'is not done again where it fails with SNAPSHOT_CORRUPT'],
  },
  {
    name: 'the end of a node does not end the waiting for a shortage',
    file: 'raft/src/support/passing-shortages.ts',
    find: 'await waiting<void>(this.#signal, ({ resolve }) => {',
    replace: 'await waiting<void>(undefined, ({ resolve }) => {',
    caughtBy: [shortages, 'ends with its signal within a pause'],
  },
  {
    name: 'a snapshot that could not be looked at before its connection ended is removed',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'if (!wasEnded) await',
    replace: 'await',
    caughtBy: [
      'raft/test/snapshots.test.ts',
      'could not be looked at before the connection ended stays',
    ],
  },
  {
    name: 'a record of the folder that could not be written counts as written',
    file: 'raft/src/identity/snapshot-owner.ts',
    find: '    this.#isWriteDue = true;\n',
    replace: '',
    caughtBy: [keeper, 'is written at the next occasion, also where no index grows'],
  },
  {
    name: 'an identity record that met a shortage waits for the next change',
    file: 'raft/src/identity/identity-keeper.ts',
    find: `await this.#shortages.outlast('writing the identity record', signal, () =>
          this.#writeNow(),
        );`,
    replace: 'await this.#writeNow();',
    caughtBy: [keeper, 'that could not be written for WAL_TRY_AGAIN is written again'],
  },
  {
    name: 'a leader that is short of something says that its disk is full',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: "if (saves.waitReason !== undefined) return 'system-short';",
    replace: "if (saves.waitReason !== undefined) return 'disk-full';",
    caughtBy: [
      'raft/test/leadership-guard.test.ts',
      'a leader that gives up leadership says why: system-short',
    ],
    promise: 'shortage',
  },
  {
    name: 'a caller at a node that is short of something is told that the disk is full',
    file: 'raft/src/start/node-parts.ts',
    find: 'throw new BusyError(`this node cannot write: ${waitReason}`);',
    replace: "throw new BusyError('the disk of this node is full');",
    caughtBy: [
      'raft/test/raft.test.ts',
      'without free descriptors loses nothing: the node reports why it waits, and goes on by itself',
    ],
    promise: 'shortage',
  },
  {
    name: 'a follower that is short of something campaigns',
    file: 'raft/src/start/node-parts.ts',
    find: '{ reason });\n    }\n    this.guard.savesRejected();',
    replace: '{ reason });\n    }',
    caughtBy: ['raft/test/node-wiring.test.ts', 'does not campaign: no descriptor is left'],
    promise: 'shortage',
  },
  {
    name: 'a follower with a full disk campaigns',
    file: 'raft/src/start/node-parts.ts',
    find: "    this.events.emit({ type: 'disk-full', full });\n    this.guard.savesRejected();",
    replace: "    this.events.emit({ type: 'disk-full', full });",
    caughtBy: ['raft/test/node-wiring.test.ts', 'does not campaign: the disk is full'],
    promise: 'full disk',
  },
  {
    name: 'a reader that has read on waits as long as for the shortage before',
    file: 'raft/src/support/passing-shortages.ts',
    find: '        pauses.progressed();\n',
    replace: '',
    caughtBy: [
      'raft/test/passing-shortages.test.ts',
      'begins with a short pause again after a byte that was read',
    ],
  },
];
