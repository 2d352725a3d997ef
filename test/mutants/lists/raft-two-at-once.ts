import type { Mutant } from '../mutant.ts';

/** Errors that show only where two things meet, or at the boundary of one. */
export const raftTwoAtOnce: readonly Mutant[] = [
  {
    name: 'the entry of a forwarded proposal does not tell who waits at its index',
    file: 'raft/src/proposals.ts',
    find: 'this.#waiters.take(entry.index, entry.term) ?? this.#requestOf(envelope)',
    replace: 'this.#requestOf(envelope) ?? this.#waiters.take(entry.index, entry.term)',
    caughtBy: [
      'raft/test/proposals-ends.test.ts',
      'at the place of one that was made here is answered, and that one is told',
    ],
  },
  {
    name: 'the loss of a leader is told only when there is another one',
    file: 'raft/src/node-parts.ts',
    find: 'if (before.lead !== role.lead) {',
    replace: 'if (before.lead !== role.lead && role.lead !== 0n) {',
    caughtBy: [
      'raft/test/node-wiring.test.ts',
      'is told where this node has lost the leader that had the proposal',
    ],
  },
];
