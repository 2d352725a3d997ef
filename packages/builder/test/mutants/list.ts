/**
 * Errors that are put into the node on purpose, each of which breaks a promise. The simulated cluster must find every one
 * within a few seeds.
 */

export interface Mutant {
  readonly name: string;
  /** Below `packages/`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** How many seeds it may take. */
export const mutantSeeds = 60;

export const mutants: readonly Mutant[] = [
  {
    name: 'acknowledgments that leave before the entries are durable',
    file: 'raft/src/loop.ts',
    find: '    append.submit({ hardState, entries, snapshot: snapshot?.metadata }, () => {',
    replace: `    this.#parts.transport.send(responses.filter(({ to }) => to !== this.#parts.nodeId));
    append.submit({ hardState, entries, snapshot: snapshot?.metadata }, () => {`,
  },
  {
    name: 'a log that is purged past the oldest snapshot',
    file: 'raft/src/snapshots.ts',
    find: 'Math.min(oldest, newest - config.compactionMargin, ...this.#sending)',
    replace: 'Math.max(oldest, newest)',
  },
  {
    name: 'a snapshot that leaves the sessions behind',
    file: 'raft/src/replicated-state.ts',
    find: "this.sessions.restore(new Uint8Array(Buffer.from(sessions, 'base64')));",
    replace: 'this.sessions.restore();',
  },
  {
    name: 'a snapshot that leaves the membership behind',
    file: 'raft/src/replicated-state.ts',
    find: 'this.membership = membership;',
    replace: 'void membership;',
  },
  {
    name: 'a snapshot that leaves the time of the log behind',
    file: 'raft/src/replicated-state.ts',
    find: 'this.timeMs = Number(timeMs);',
    replace: 'this.timeMs = 0;',
  },
  {
    name: 'an installed snapshot whose state is not taken over',
    file: 'raft/src/snapshots.ts',
    find: 'if (hasState(open))',
    replace: 'if (!hasState(open))',
  },
  {
    name: 'reads that do not wait until their index is applied',
    file: 'raft/src/reads.ts',
    find: 'if (index > appliedIndex) continue;',
    replace: 'if (index > appliedIndex + 3) continue;',
  },
  {
    name: 'a disk machine that gets again what it has',
    file: 'raft/src/apply-path.ts',
    find: 'const fresh = gathered.filter(({ entry }) => entry.index > machineAppliedIndex);',
    replace: 'const fresh = gathered;',
  },
  {
    name: 'a timer that outlives the node',
    file: 'raft/src/loop.ts',
    find: 'this.#timer?.cancel();',
    replace: 'void this.#timer;',
  },
  {
    name: 'a proposal of a session that applies again',
    file: 'session/src/session.ts',
    find: 'if (kept !== undefined) {',
    replace: 'if (kept !== undefined && sequence < 0) {',
  },
];
