import type { Mutant } from '../mutant.ts';

const boundaries = 'session/test/boundaries.test.ts';

export const session: readonly Mutant[] = [
  {
    name: 'the end of a session by its client does not let time pass',
    file: 'session/src/session-table.ts',
    find: 'unregister(sessionId: number, timeMs: number): boolean {\n    this.#advance(timeMs);',
    replace: 'unregister(sessionId: number, timeMs: number): boolean {\n    void timeMs;',
    caughtBy: [boundaries, 'comes before a later unregistration by the client'],
  },
  {
    name: 'one session at a time ends because it is too old',
    file: 'session/src/session-table.ts',
    find: '      ({ oldest } = this.#sessions);\n',
    replace: '      break;\n',
    caughtBy: [boundaries, 'ends all sessions that are too old in one call of any kind'],
  },
  {
    name: 'a session ends one millisecond early',
    file: 'session/src/session-table.ts',
    find: 'oldest.lastUsedMs > expireMs',
    replace: 'oldest.lastUsedMs >= expireMs',
    caughtBy: [boundaries, '100 ms behind their last use'],
  },
  {
    name: 'the results of sessions that have ended take room',
    file: 'session/src/session-table.ts',
    find: '    this.#resultCount -= session.size;\n',
    replace: '',
    caughtBy: [boundaries, 'frees the results of the sessions that ended'],
  },
  {
    name: 'restored results are not counted',
    file: 'session/src/session-table.ts',
    find: '    for (const session of sessions) this.#resultCount += session.size;\n',
    replace: '',
    caughtBy: [
      boundaries,
      'are the same after a restore, even into a manager that had other sessions',
    ],
  },
  {
    name: 'results from before a restore are counted on',
    file: 'session/src/session-table.ts',
    find: '    this.#resultCount = 0;\n',
    replace: '',
    caughtBy: [
      boundaries,
      'are the same after a restore, even into a manager that had other sessions',
    ],
  },
  {
    name: 'the lowest unanswered sequence goes back',
    file: 'session/src/session.ts',
    find: '    if (sequence <= from) return;\n',
    replace: '',
    caughtBy: [boundaries, 'keeps its lowest unanswered sequence, however that was reached'],
  },
  {
    name: 'a jump of the client drops the result that it still waits for',
    file: 'session/src/session.ts',
    find: 'if (kept < sequence) this',
    replace: 'if (kept <= sequence) this',
    caughtBy: ['session/test/replicas.test.ts', 'apply no sequence of a session twice'],
  },
  {
    name: 'a step of the client drops the result that it still waits for',
    file: 'session/src/session.ts',
    find: 'answered < sequence; answered',
    replace: 'answered <= sequence; answered',
    caughtBy: [boundaries, 'keeps its lowest unanswered sequence, however that was reached'],
  },
  {
    name: 'a proposal that waits for its result applies a second time',
    file: 'session/src/session.ts',
    find: 'if (kept === pending) return pendingVerdict;',
    replace: 'if (kept === pending) return newVerdict;',
    caughtBy: ['session/test/replicas.test.ts', 'apply no sequence of a session twice'],
  },
  {
    name: 'a result is recorded over another one',
    file: 'session/src/session.ts',
    find: 'if (this.#results.get(sequence) !== pending) return false;',
    replace: 'if (!this.#results.has(sequence)) return false;',
    caughtBy: [boundaries, 'is recorded once, and a second one or an unexpected one is refused'],
  },
  {
    name: 'the least recently used session keeps its place in the order when it is used',
    file: 'session/src/sessions-in-order.ts',
    find: 'if (older === undefined) this.#oldest = newer;',
    replace: 'if (older === undefined) void newer;',
    caughtBy: ['session/test/sessions.test.ts', 'ends the least recently used session'],
  },
  {
    name: 'the upper half of a number is not written',
    file: 'session/src/byte-io.ts',
    find: 'this.uint32(Math.floor(value / highUnit));',
    replace: 'this.uint32(0);',
    caughtBy: [boundaries, 'are ids, times and sequences, and survive encoding:'],
  },
  {
    name: 'a restored result changes with the bytes that it came from',
    file: 'session/src/byte-io.ts',
    find: 'return this.#bytes.slice(from, from + length);',
    replace: 'return this.#bytes.subarray(from, from + length);',
    caughtBy: ['session/test/format.test.ts', 'are copied, even from a Buffer'],
  },
  {
    name: 'a state with a result that is missing is written',
    file: 'session/src/session-bytes.ts',
    find: '  if (results !== undefined) return results;',
    replace: '  return results ?? [];',
    caughtBy: [boundaries, 'must be recorded before the sessions are encoded'],
  },
];
