import type { Mutant } from '../mutant.ts';

/** Errors that show only where two things meet, or at the boundary of one. */
export const raftTwoAtOnce: readonly Mutant[] = [
  {
    name: 'the entry of a forwarded proposal does not tell who waits at its index',
    file: 'raft/src/proposals/proposals.ts',
    find: 'this.#waiters.take(entry.index, entry.term) ?? this.#requestOf(envelope)',
    replace: 'this.#requestOf(envelope) ?? this.#waiters.take(entry.index, entry.term)',
    caughtBy: [
      'raft/test/proposals-ends.test.ts',
      'at the index of one that was made here is answered, and that one is dropped',
    ],
  },
  {
    name: 'the loss of a leader is told only when there is another one',
    file: 'raft/src/start/node-parts.ts',
    find: 'if (before.lead !== role.lead) {',
    replace: 'if (before.lead !== role.lead && role.lead !== 0n) {',
    caughtBy: [
      'raft/test/node-wiring.test.ts',
      'is told where this node has lost the leader that had the proposal',
    ],
  },
  {
    name: 'a call in the middle of a turn waits for the next tick',
    file: 'raft/src/driver/loop.ts',
    find: '      this.#scheduled = false;\n      while (!this.#stopped && node.hasReady()) this.#handle(node.ready());',
    replace:
      '      while (!this.#stopped && node.hasReady()) this.#handle(node.ready());\n      this.#scheduled = false;',
    caughtBy: [
      'raft/test/loop.test.ts',
      'that comes while a turn gives proposals to the core gets another turn',
    ],
  },
  {
    name: 'a transfer of a snapshot that goes on begins at the front',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: 'manager.send(pinned.snapshot.metadata, offset, signal)',
    replace: 'manager.send(pinned.snapshot.metadata, 0, signal)',
    caughtBy: [
      'raft/test/snapshot-sending.test.ts',
      'a transfer that goes on where it was interrupted reads from there',
    ],
  },
  {
    name: 'leadership is handed to a silent voter whose log is longer',
    file: 'raft/src/leadership/leadership-transfer.ts',
    find: '(recentActive === best.recentActive ? match > best.match : recentActive);',
    replace: 'match > best.match;',
    caughtBy: [
      'raft/test/leadership-transfer.test.ts',
      'one that answers, before one whose log is longer',
    ],
  },
  {
    name: 'a leader whose trouble comes back steps down at once',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: '    if (trouble === undefined) {\n      this.#givingUpMs = undefined;\n      return;\n    }',
    replace: '    if (trouble === undefined) return;',
    caughtBy: [
      'raft/test/leadership-guard.test.ts',
      'transfers leadership again when the disk worked in between, and does not step down',
    ],
  },
  {
    name: 'the transport is not told of the members in an installed snapshot',
    file: 'raft/src/start/node-parts.ts',
    find: '        this.#peers.tellAll();\n        this.events.emit(',
    replace: '        this.events.emit(',
    caughtBy: [
      'raft/test/install-over-entries.test.ts',
      'a member that this node knows only from a snapshot is reported to its transport',
    ],
  },
  {
    name: 'a start after a recovery that dropped the tail is refused',
    file: 'raft/src/identity/start-identity.ts',
    find: 'committedIndex: Math.min(before.committedIndex, opened.storage.lastIndex()),',
    replace: 'committedIndex: before.committedIndex,',
    caughtBy: [
      'raft/test/identity/start-identity.test.ts',
      'that drops such an end on purpose is followed by others',
    ],
  },
  {
    name: 'the folder of the snapshots hears of a start before the log does',
    file: 'raft/src/identity/start-identity.ts',
    find: '  await write(encodeIdentityRecord(record));\n',
    replace:
      '  await new SnapshotOwnership(component.snapshotManager, { ...record, recordedIndex: newestMarkerIndex }).write();\n  await write(encodeIdentityRecord(record));\n',
    caughtBy: [
      'raft/test/identity/start-identity.test.ts',
      'that fails at the record of the log can be made again',
    ],
  },
  {
    name: 'a log that was proposed in an earlier leadership is not bound',
    file: 'raft/src/identity/fix-identity.ts',
    find: '    this.#proposed.clear();\n',
    replace: '',
    caughtBy: [
      'raft/test/identity/fix-identity.test.ts',
      'is bound once in a leadership, and anew in the next',
    ],
  },
  {
    name: 'a leader that was told the birth id makes up another one',
    file: 'raft/src/identity/fix-identity.ts',
    find: 'toldBirth() ?? randomIdentity(random)',
    replace: 'randomIdentity(random)',
    caughtBy: [
      'raft/test/identity/fix-identity.test.ts',
      'a birth id that another leader has told is proposed, and no other',
    ],
  },
  {
    name: 'a caller that is woken passes although it must wait',
    file: 'raft/src/identity/identity-gate.ts',
    find: 'while (this.#mustWait()) {',
    replace: 'if (this.#mustWait()) {',
    caughtBy: [
      'raft/test/identity/fix-identity.test.ts',
      'a caller that is woken while it must wait goes on to wait',
    ],
  },
  {
    name: 'a disk that is slow a second time has no probe',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: '    this.#isSlow = isSlow;\n    this.#hasProbed = false;',
    replace: '    this.#isSlow = isSlow;',
    caughtBy: [
      'raft/test/leadership-guard.test.ts',
      'proposes one anew when its disk is slow a second time',
    ],
  },
  {
    name: 'a sync that was refused counts as done while a save waits for space',
    file: 'raft/src/driver/append-path.ts',
    find: '        if (!isRefusal(error)) throw error;\n      } finally',
    replace:
      '        if (!isRefusal(error)) throw error;\n        if (this.#full) return;\n      } finally',
    caughtBy: [
      'raft/test/append-path-ends.test.ts',
      'that the log refuses together with a save behind it is made again',
    ],
  },
  {
    name: 'a caller that waits for a later index holds up those who came after it',
    file: 'raft/src/proposals/waiters.ts',
    find: 'for (const { index, waiter } of this.#waiters) if (index <= appliedIndex) waiter.resolve();',
    replace:
      'for (const { index, waiter } of this.#waiters) {\n      if (index > appliedIndex) break;\n      waiter.resolve();\n    }',
    caughtBy: [
      'raft/test/proposal-waiters.test.ts',
      'wait for that index, and not for one behind it',
    ],
  },
  {
    name: 'an entry that is reached takes the callers of all others away',
    file: 'raft/src/proposals/waiters.ts',
    find: '    this.#placed.delete(index);\n    if (placed.term === term)',
    replace: '    this.#placed.clear();\n    if (placed.term === term)',
    caughtBy: [
      'raft/test/proposal-waiters.test.ts',
      'go on to wait where the entry of another one is reached',
    ],
  },
  {
    name: 'an exported snapshot from which a frame is missing is taken',
    file: 'raft/src/snapshots/exported-snapshot.ts',
    find: ' || view.getUint32(5) !== sequence',
    replace: '',
    caughtBy: ['raft/test/exported-snapshot.test.ts', 'from which one frame is missing is refused'],
  },
];
