import type { Mutant } from '../mutant.ts';

const limits = 'session/test/limits.test.ts';
const format = 'session/test/format.test.ts';
const sessions = 'session/test/sessions.test.ts';

/** The limits of sessions. */
export const sessionLimits: readonly Mutant[] = [
  {
    name: 'a client that has just said what it got is told that there is no room',
    file: 'session/src/session-table.ts',
    find: '    session.raiseLowest(lowestUnanswered);\n    const isCrowded = elsewhere + session.size >= resultsMax;\n',
    replace:
      '    const isCrowded = elsewhere + session.size >= resultsMax;\n    session.raiseLowest(lowestUnanswered);\n',
    caughtBy: [
      limits,
      'have space again in the same call with which a client acknowledges results',
    ],
  },
  {
    name: 'refused proposals take room of all sessions',
    file: 'session/src/session-table.ts',
    find: '    this.#resultCount = elsewhere + session.size;\n    return verdict;',
    replace:
      "    this.#resultCount = elsewhere + session.size + (verdict.kind === 'full' ? 1 : 0);\n    return verdict;",
    caughtBy: [limits, 'when proposals were refused meanwhile'],
  },
  {
    name: 'a restored sequence lies one above the window',
    file: 'session/src/session-bytes.ts',
    find: 'sequence - session.lowest < limits',
    replace: 'sequence - session.lowest <= limits',
    caughtBy: [limits, '10, in a window of 8'],
  },
  {
    name: 'a session has room for one result less by default',
    file: 'session/src/session-limits.ts',
    find: 'resultsPerSessionMax = 1024',
    replace: 'resultsPerSessionMax = 1023',
    caughtBy: [limits, 'takes sequence 1024'],
  },
  {
    name: 'a result of the largest default size is not kept',
    file: 'session/src/session-limits.ts',
    find: 'resultBytesMax = 4096',
    replace: 'resultBytesMax = 4095',
    caughtBy: [limits, 'a result of 4096 bytes'],
  },
  {
    name: 'one byte more than fits a snapshot is allowed',
    file: 'session/src/session-limits.ts',
    find: 'if (bytes <= encodedBytesAllowed) return',
    replace: 'if (bytes <= encodedBytesAllowed + 1) return',
    caughtBy: [limits, '268435457 bytes'],
  },
  {
    name: 'what just fits a snapshot is refused',
    file: 'session/src/session-limits.ts',
    find: 'if (bytes <= encodedBytesAllowed) return',
    replace: 'if (bytes < encodedBytesAllowed) return',
    caughtBy: [limits, 'up to 268435456 bytes'],
  },
  {
    name: 'a kept result changes with that of the state machine',
    file: 'session/src/session-table.ts',
    find: '{ result: new Uint8Array(result), lost: false }',
    replace: '{ result, lost: false }',
    caughtBy: [sessions, 'keeps a copy of a result, and returns copies'],
  },
  {
    name: 'a session that was used later than now is restored',
    file: 'session/src/session-bytes.ts',
    find: "  reader.check(lastUsedMs <= timeMs, 'a session was used later than now');\n",
    replace: '',
    caughtBy: [format, 'are refused if an order, a number or an id is impossible'],
  },
  {
    name: 'the end of the newest session loses those that come after',
    file: 'session/src/sessions-in-order.ts',
    find: 'if (newer === undefined) this.#newest = older;',
    replace: 'if (newer === undefined) void older;',
    caughtBy: [limits, 'is kept when the most recently used one ends first'],
  },
];
