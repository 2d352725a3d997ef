import type { Mutant } from '../mutant.ts';

const entries = 'raft/test/committed-entries.test.ts';
const snapshots = 'raft/test/snapshots.test.ts';

/** Errors in rarely used code paths of the node: each leaves something undone or unreported. */
export const raftPassedOver: readonly Mutant[] = [
  {
    name: 'an entry that cannot be read does not count as applied',
    file: 'raft/src/apply/committed-entries.ts',
    find: "    this.#parts.onUnreadable?.(entry, error);\n    this.#finish(entry, undefined, { kind: 'refused', error });\n",
    replace: '    this.#parts.onUnreadable?.(entry, error);\n',
    caughtBy: [entries, 'counts as applied and is refused to its caller'],
  },
  {
    name: 'bytes that cannot be decoded are reported with another code',
    file: 'raft/src/apply/committed-entries.ts',
    find: "new RaftError('RAFT_STATE_UNREADABLE', 'an entry cannot be read', error)",
    replace: "new RaftError('RAFT_INVALID', 'an entry cannot be read', error)",
    caughtBy: [entries, 'is reported with RAFT_STATE_UNREADABLE and its cause'],
  },
  {
    name: 'proposals are given to the core after the end of the node',
    file: 'raft/src/driver/loop.ts',
    find: '    if (this.#stopped) return;\n    const { core, beforeTurn, onFailure } = this.#parts;',
    replace: '    const { core, beforeTurn, onFailure } = this.#parts;',
    caughtBy: ['raft/test/loop.test.ts', 'whose turn comes after the end of the node'],
  },
  {
    name: 'a learner that has the only entry of the log cannot be promoted',
    file: 'raft/src/membership/membership-changes.ts',
    find: 'match >= lastIndex * learnerReadyShare && match > 0',
    replace: 'match >= lastIndex * learnerReadyShare && match > 1',
    caughtBy: ['raft/test/membership-changes.test.ts', 'is made where the learner has that entry'],
  },
  {
    name: 'a caller that leaves is kept for as long as its entry is not reached',
    file: 'raft/src/proposals/waiters.ts',
    find: 'if (this.#placed.get(index)?.waiter === waiter) this.#placed.delete(index);',
    replace: '',
    caughtBy: ['raft/test/proposal-waiters.test.ts', 'are not kept when they leave before'],
  },
  {
    name: 'the reason why a damaged snapshot was not replaced is lost',
    file: 'raft/src/snapshots/snapshot-sending.ts',
    find: "      logger?.warn('a damaged snapshot was not replaced', { index: metadata.index, error });\n",
    replace: '',
    caughtBy: ['raft/test/snapshot-sending.test.ts', 'and cannot be replaced either is reported'],
  },
  {
    name: 'a machine is given the state of a snapshot that has none',
    file: 'raft/src/snapshots/snapshots.ts',
    find: '    if (hasState(open))\n',
    replace: '',
    caughtBy: [snapshots, 'without a state of the machine leaves the machine as it is'],
  },
  {
    name: 'a snapshot that the log relies on is discarded',
    file: 'raft/src/snapshots/snapshots.ts',
    find: '    if (this.#recorded.has(metadata)) return;\n',
    replace: '',
    caughtBy: [snapshots, 'that the log relies on is not discarded'],
  },
  {
    name: 'a snapshot without members is made before anything was applied',
    file: 'raft/src/snapshots/snapshots.ts',
    find: "'there is nothing to make a snapshot of yet'));\n      return;",
    replace: "'there is nothing to make a snapshot of yet'));",
    caughtBy: [snapshots, 'before anything was applied is rejected'],
  },
  {
    name: 'the duration of a snapshot is added to its start',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'clock.monotonicMs() - startedMs',
    replace: 'clock.monotonicMs() + startedMs',
    caughtBy: [snapshots, 'says how long its making took'],
  },
  {
    name: 'a node that ends reports an automatic snapshot that failed',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'if (!this.#stopping.signal.aborted) this.maybeTake();',
    replace: 'this.maybeTake();',
    caughtBy: [snapshots, 'begins no automatic snapshot, although one is due'],
  },
];
