import type { Mutant } from '../mutant.ts';

const keeper = 'raft/test/identity/identity-keeper.test.ts';
const gate = 'raft/test/identity/gate-wiring.test.ts';
const otherLog = 'raft/test/identity/other-log.test.ts';
const firstSnapshot = 'raft/test/first-snapshot.test.ts';

/** Errors at the beginning and the end of a node, and in what it says of itself there. */
export const raftFirstAndLast: readonly Mutant[] = [
  {
    name: 'an older record of a folder that is written hides the failure of a newer one',
    file: 'raft/src/identity/snapshot-owner.ts',
    find: 'if (owner === this.#owner) this.#isWriteDue = false;',
    replace: 'this.#isWriteDue = false;',
    caughtBy: [
      keeper,
      'that failed is still due where the write of an older one succeeds after it',
    ],
    promise: 'identity record',
  },
  {
    name: 'a proposal that waits at the gate is not told of the birth id in a snapshot',
    file: 'raft/src/identity/node-identity.ts',
    find: '    this.#checkOwnLog();\n    this.gate.changed();\n  }',
    replace: '    this.#checkOwnLog();\n  }',
    caughtBy: [gate, 'goes on when the birth id arrives with a snapshot'],
  },
  {
    name: 'a proposal that waits at the gate is not told of the end of a leadership',
    file: 'raft/src/identity/node-identity.ts',
    find: '  leaderChanged(): void {\n    this.gate.changed();',
    replace: '  leaderChanged(): void {',
    caughtBy: [gate, 'is refused when the leader that was to fix the birth id leads no more'],
  },
  {
    name: 'a snapshot that binds this member to another log is taken',
    file: 'raft/src/identity/node-identity.ts',
    find: '    this.#checkOwnLog();\n    this.gate.changed();\n  }',
    replace: '    this.gate.changed();\n  }',
    caughtBy: [otherLog, 'stops when a snapshot tells'],
    promise: 'identity',
  },
  {
    name: 'an entry that binds this member to another log is taken',
    file: 'raft/src/identity/node-identity.ts',
    find: '    this.#checkOwnLog();\n    this.gate.changed();\n    this.#fix.bind();',
    replace: '    this.gate.changed();\n    this.#fix.bind();',
    caughtBy: [otherLog, 'stops when the log tells'],
    promise: 'identity',
  },
  {
    name: 'a node that has ended reads its closed log for an introduction',
    file: 'raft/src/identity/node-identity.ts',
    find: '    this.admission.stop();\n',
    replace: '',
    caughtBy: [otherLog, 'says of itself after its end what it said last'],
  },
  {
    name: 'a first snapshot is made beside others',
    file: 'raft/src/first-snapshot.ts',
    find: '    others.map((each) => each.metadata.index),',
    replace: '    [],',
    caughtBy: [firstSnapshot, 'beside a snapshot at index 7 of term 3'],
    promise: 'first start',
  },
  {
    name: 'a first snapshot is made beside one of another term at its index',
    file: 'raft/src/first-snapshot.ts',
    find: '(each) => each.metadata.index !== index || each.metadata.term !== term',
    replace: '(each) => each.metadata.index !== index',
    caughtBy: [firstSnapshot, 'beside a snapshot at index 1 of term 2'],
  },
  {
    name: 'a damaged first snapshot is taken over',
    file: 'raft/src/first-snapshot.ts',
    find: 'if (!isThere || !(await manager.verify(metadata))) {',
    replace: 'if (!isThere) {',
    caughtBy: [firstSnapshot, 'makes the snapshot anew where that of an earlier one is damaged'],
    promise: 'first start',
  },
  {
    name: 'a first snapshot with other members is taken over',
    file: 'raft/src/first-snapshot.ts',
    find: 'if (Buffer.compare(await readNodePart(open), wanted) === 0) return;',
    replace: 'if (wanted.length > 0) return;',
    caughtBy: [firstSnapshot, 'is refused where one with other members has left its snapshot'],
    promise: 'first start',
  },
  {
    name: 'a record of a folder that could not be written is not written when nothing more is committed',
    file: 'raft/src/identity/snapshot-owner.ts',
    find: 'committedIndex: index });\n    else await this.#writeIfDue();',
    replace: 'committedIndex: index });',
    caughtBy: [keeper, 'is written at the next occasion, also where no index grows'],
    promise: 'identity record',
  },
  {
    name: 'the record of a folder does not say how far the log was at the end',
    file: 'raft/src/identity/node-identity.ts',
    find: '    await ownership.committed(this.#committedInLog());\n',
    replace: '',
    caughtBy: [otherLog, 'has ended when both of its records say how far its log is'],
    promise: 'identity record',
  },
  {
    name: 'the log is closed while the identity record is written',
    file: 'raft/src/identity/node-identity.ts',
    find: '    await keeper.stop();',
    replace: '    void keeper.stop();',
    caughtBy: [otherLog, 'has ended when both of its records say how far its log is'],
    promise: 'identity record',
  },
];
