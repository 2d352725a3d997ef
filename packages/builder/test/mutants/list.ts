/**
 * Planted errors in the node, each of which breaks a guarantee. The simulated cluster must find
 * every one within a few seeds.
 */

import type { Mutant } from './mutant.ts';
import { operatorMutants } from './operator-list.ts';
import { slowPartMutants } from './slow-parts-list.ts';

/** The most seeds that it may take. */
export const mutantSeeds = 240;

const clusterMutants: readonly Mutant[] = [
  {
    name: 'acknowledgments that leave before the entries are durable',
    firstSeed: 12,
    file: 'raft/src/driver/loop.ts',
    find: '    append.submit({ hardState, entries, snapshot: snapshot?.metadata }, () => {',
    replace: `    this.#parts.transport.send(responses.filter(({ to }) => to !== this.#parts.nodeId));
    append.submit({ hardState, entries, snapshot: snapshot?.metadata }, () => {`,
  },
  {
    name: 'a log that is purged past the oldest snapshot',
    file: 'raft/src/snapshots/recorded-snapshots.ts',
    find: 'Math.min(marginIndex, ...indexes, ...sending.indexes)',
    replace: 'Math.max(...indexes)',
  },
  {
    name: 'a snapshot that leaves the sessions behind',
    file: 'raft/src/apply/replicated-state.ts',
    find: "this.sessions.restore(new Uint8Array(Buffer.from(sessions, 'base64')));",
    replace: 'this.sessions.restore();',
  },
  {
    name: 'a snapshot that leaves the membership behind',
    file: 'raft/src/apply/replicated-state.ts',
    find: 'this.membership = membership;',
    replace: 'void membership;',
  },
  {
    name: 'a snapshot that leaves the time of the log behind',
    file: 'raft/src/apply/replicated-state.ts',
    find: 'this.timeMs = logTimeAfter(0, Number(timeMs));',
    replace: 'this.timeMs = 0;',
  },
  {
    name: 'an installed snapshot whose state is not taken over',
    file: 'raft/src/snapshots/snapshots.ts',
    find: 'if (hasState(open))',
    replace: 'if (!hasState(open))',
  },
  {
    name: 'reads that do not wait until their index is applied',
    file: 'raft/src/reads/reads.ts',
    find: 'if (index > appliedIndex) continue;',
    replace: 'if (index > appliedIndex + 3) continue;',
  },
  {
    name: 'a disk machine that gets again what it has',
    firstSeed: 33,
    file: 'raft/src/apply/committed-entries.ts',
    find: 'const fresh = gathered.filter(({ entry }) => entry.index > machineAppliedIndex);',
    replace: 'const fresh = gathered;',
  },
  {
    name: 'a timer that outlives the node',
    file: 'raft/src/driver/loop.ts',
    find: 'this.#timer?.cancel();',
    replace: 'void this.#timer;',
  },
  {
    name: 'a proposal of a session that applies again',
    file: 'session/src/session.ts',
    find: 'if (kept !== undefined) {',
    replace: 'if (kept !== undefined && sequence < 0) {',
  },
  {
    name: 'a hard state that is left out where there are no entries',
    file: 'raft/src/driver/loop.ts',
    find: 'term === 0 && vote === 0n && commit === 0 ? undefined',
    replace: 'entries.length === 0 ? undefined',
  },
  {
    name: 'a group of saves that is as durable as its last one',
    file: 'wal-core/src/queued-wal.ts',
    find: 'plans.some((plan) => plan.durable)',
    replace: 'plans.at(-1)?.durable === true',
  },
  {
    name: 'the marker of a snapshot before its files',
    firstSeed: 6,
    file: 'raft/src/snapshots/snapshots.ts',
    find: '      const stored = await manager.create(',
    replace: `      await this.#parts.append.save({ snapshot: metadata });
      const stored = await manager.create(`,
  },
  {
    name: 'a snapshot that is taken before its files are here',
    file: 'raft/src/incoming/incoming.ts',
    find: `      await snapshots.receive(message, stream, signal);
      give(message);`,
    replace: `      give(message);
      await snapshots.receive(message, stream, signal);`,
  },
  {
    name: 'a snapshot whose name is not durable',
    firstSeed: 775,
    file: 'snapshot/src/snapshot-folder.ts',
    find: `    try {
      await this.#sinceBegin(from).syncDirectory(this.path);
      this.#begun.delete(from);`,
    replace: `    try {
      await Promise.resolve();
      this.#begun.delete(from);`,
  },
  {
    name: 'a snapshot whose content is not durable',
    firstSeed: 7,
    file: 'snapshot/src/files/chunk-writer.ts',
    find: `    await this.#file.datasync();
    return {`,
    replace: '    return {',
  },
  {
    name: 'a snapshot that leaves behind whom the core counts',
    file: 'raft/src/apply/replicated-state.ts',
    find: '    this.confState = at.confState;\n',
    replace: '    this.confState ??= at.confState;\n',
  },
  {
    name: 'the term of what is applied falls behind',
    file: 'raft/src/apply/committed-entries.ts',
    find: '    state.appliedTerm = entry.term;\n',
    replace: '    state.appliedTerm ||= entry.term;\n',
  },
  {
    name: 'the time of the log is that of the replica',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'state.advanceTime(envelope.proposedAtMs)',
    replace: 'state.advanceTime(Math.floor(this.#parts.clock.wallMs()))',
  },
  {
    name: 'the time of the log goes back',
    file: 'raft/src/apply/replicated-state.ts',
    find: 'logTimeAfter(this.timeMs, proposedAtMs)',
    replace: 'proposedAtMs',
  },
  {
    name: 'two proposals of a session judged together',
    file: 'raft/src/apply/committed-entries.ts',
    find: '(session !== undefined && this.#gatheredSessions.has(session.sessionId))',
    replace: '(session !== undefined && session.sessionId < 0)',
  },
  {
    name: 'a result that is recorded for another proposal of its session',
    file: 'session/src/session-table.ts',
    find: 'if (session.record(call.sequence, this.#kept(result, resultLost))) return;',
    replace: 'if (session.record(call.lowestUnanswered, this.#kept(result, resultLost))) return;',
  },
  {
    name: 'results that are handed to the wrong proposals',
    file: 'raft/src/apply/committed-entries.ts',
    find: 'resultLost ? undefined : results[at];',
    replace: 'resultLost ? undefined : results.at(-1 - at);',
  },
  {
    name: 'proposals made together that all wait for the place of the first',
    firstSeed: 7,
    file: 'raft/src/proposals/proposal-queue.ts',
    find: 'index: place.index + at }',
    replace: 'index: place.index + Math.min(at, 0) }',
  },
  {
    name: 'sessions whose last use is that of their beginning',
    file: 'session/src/sessions-in-order.ts',
    find: 'if (link === undefined || link === this.#newest) return;',
    replace: 'if (link === undefined || session.id > 0) return;',
  },
  {
    name: 'members of an installed snapshot that the transport is not told of',
    file: 'raft/src/start/node-parts.ts',
    find: `        this.proposals.skipTo(metadata.index);
        this.#peers.tellAll();`,
    replace: '        this.proposals.skipTo(metadata.index);',
  },
  {
    name: 'a leader that stays though its disk hangs',
    file: 'raft/src/leadership/leadership-guard.ts',
    find: 'if (status.commit > durable) return true;',
    replace: 'if (status.commit < durable) return true;',
  },
];

export const mutants: readonly Mutant[] = [
  ...clusterMutants,
  ...slowPartMutants,
  ...operatorMutants,
];
