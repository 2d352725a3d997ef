import type { Mutant } from '../mutant.ts';

const bounds = 'transport-memory/test/bounds.test.ts';
const cuts = 'transport-memory/test/cuts.test.ts';
const restarts = 'transport-memory/test/restarts.test.ts';
const faults = 'transport-memory/test/faults.test.ts';
const snapshots = 'transport-memory/test/snapshots.test.ts';
const ends = 'transport-memory/test/snapshot-ends.test.ts';
const refusals = 'transport-memory/test/refusals.test.ts';

/** The network in one process. */
export const transportMemory: readonly Mutant[] = [
  {
    name: 'a message arrives as soon as a later one may',
    file: 'transport-memory/src/link.ts',
    find: 'this.#orderedMs = Math.max(this.#orderedMs, nowMs + delayMs);',
    replace: 'this.#orderedMs = nowMs + delayMs;',
    caughtBy: [bounds, 'never arrive before their own time'],
  },
  {
    name: 'one message more than 256 is on its way',
    file: 'transport-memory/src/link.ts',
    find: 'this.#timers.size >= queuedMax',
    replace: 'this.#timers.size > queuedMax',
    caughtBy: [bounds, 'at most 256 under way at a time: 257'],
  },
  {
    name: 'messages that were lost with a member take queue space of its next incarnation',
    file: 'transport-memory/src/link.ts',
    find: '    this.#timers.clear();\n',
    replace: '',
    caughtBy: [bounds, 'leaves room for as many messages'],
  },
  {
    name: 'a lost message is reported once more at each end of its receiver',
    file: 'transport-memory/src/link.ts',
    find: '    this.#alone.clear();\n',
    replace: '',
    caughtBy: [bounds, '(reordering: true)'],
  },
  {
    name: 'nobody is told that messages were lost with their receiver',
    file: 'transport-memory/src/link.ts',
    find: "    for (const carried of dropped) this.#notTaken(carried, 'unreachable');\n",
    replace: '    void dropped;\n',
    caughtBy: [restarts, 'a turn later'],
  },
  {
    name: 'a message passes a cut that came while it was on its way',
    file: 'transport-memory/src/link.ts',
    find: "    if (network.isCut(this.from, this.to)) {\n      network.count('cut');\n      return;\n    }\n",
    replace: '',
    caughtBy: [cuts, 'a cut has one direction, drops the messages under way, and is reported'],
  },
  {
    name: 'the copy of a message shares its memory',
    file: 'transport-memory/src/link.ts',
    find: 'bytes: carried.bytes.slice()',
    replace: 'bytes: carried.bytes',
    caughtBy: [faults, 'shares nothing with it'],
  },
  {
    name: 'the end of a member loses messages to one whose address begins alike',
    file: 'transport-memory/src/memory-network.ts',
    find: '`${scope} ${address.length} ${address} `',
    replace: '`${scope} ${address}`',
    caughtBy: [bounds, 'does not end a member whose address has the same beginning'],
  },
  {
    name: 'the end of a transport takes the address of another one away',
    file: 'transport-memory/src/memory-network.ts',
    find: '    if (this.#transports.get(nameOf(scope, address)) !== transport) return;\n',
    replace: '',
    caughtBy: [restarts, 'used once at a time'],
  },
  {
    name: 'an isolated member still hears the others',
    file: 'transport-memory/src/cuts.ts',
    find: 'this.#isolated.has(from) || this.#isolated.has(to)',
    replace: 'this.#isolated.has(from)',
    caughtBy: [cuts, 'members of a group reach each other only; an isolated one reaches no other'],
  },
  {
    name: 'a partition cuts members of one group',
    file: 'transport-memory/src/cuts.ts',
    find: 'this.#groups?.every(',
    replace: 'this.#groups?.some(',
    caughtBy: [cuts, 'members of a group reach each other only; an isolated one reaches no other'],
  },
  {
    name: 'a rule changes with the object that it was given in',
    file: 'transport-memory/src/faults.ts',
    find: 'change: { ...change } });',
    replace: 'change });',
    caughtBy: [bounds, 'do not change with the object'],
  },
  {
    name: 'a delay that is no number is taken',
    file: 'transport-memory/src/faults.ts',
    find: '!(min >= 0 && max >= min && max < Infinity)',
    replace: 'min < 0 || max < min || max === Infinity',
    caughtBy: [bounds, 'with invalid shares or times are refused'],
  },
  {
    name: 'a removed member is sent to where it was heard from',
    file: 'transport-memory/src/peers.ts',
    find: '    this.#learned.delete(id);\n    this.#removed',
    replace: '    this.#removed',
    caughtBy: [bounds, 'is not sent to at the address'],
  },
  {
    name: 'a transport whose start failed sends',
    file: 'transport-memory/src/memory-transport.ts',
    find: '    this.#parts.network.register(this);\n    this.#handler = handler;',
    replace: '    this.#handler = handler;\n    this.#parts.network.register(this);',
    caughtBy: [bounds, 'leaves a transport that sends nothing'],
  },
  {
    name: 'a member that was refused once is refused for ever',
    file: 'transport-memory/src/memory-transport.ts',
    find: 'nowMs < before.againMs',
    replace: 'nowMs < Infinity',
    caughtBy: [bounds, 'asks again after a second'],
  },
  {
    name: 'a member that is refused asks again with each message',
    file: 'transport-memory/src/memory-transport.ts',
    find: 'if (before !== undefined && nowMs < before.againMs) return false;\n',
    replace: '',
    caughtBy: [bounds, 'asks again after a second'],
  },
  {
    name: 'a member that is admitted is asked for with each message',
    file: 'transport-memory/src/memory-transport.ts',
    find: '    if (before?.isAdmitted === true) return true;\n',
    replace: '',
    caughtBy: [bounds, 'asks again after a second'],
  },
  {
    name: 'a member that is not admitted sends snapshots',
    file: 'transport-memory/src/memory-transport.ts',
    find: '      this.isConnectedTo(target, message) &&\n',
    replace: '',
    caughtBy: [bounds, 'sends no snapshot either'],
  },
  {
    name: 'only one side decides on an admission',
    file: 'transport-memory/src/memory-transport.ts',
    find: 'if (handler.admit(target.nodeId, theirs.introduction()) === undefined) {',
    replace: 'if (handler.admit(target.nodeId, theirs.introduction()) !== null) {',
    caughtBy: [refusals, 'the one that refuses speaks'],
  },
  {
    name: 'the chunks of a snapshot overlap by a byte',
    file: 'transport-memory/src/snapshot-stream.ts',
    find: 'bytes.subarray(at, at + chunkBytesMax)',
    replace: 'bytes.subarray(at, at + chunkBytesMax + 1)',
    caughtBy: [bounds, 'a chunk of 3145729 bytes'],
  },
  {
    name: 'the end of a snapshot takes no time',
    file: 'transport-memory/src/snapshot-stream.ts',
    find: '    await this.#pass(there);\n  }\n\n  async #read',
    replace: '  }\n\n  async #read',
    caughtBy: [snapshots, 'and for its end'],
  },
  {
    name: 'a snapshot is opened after its end',
    file: 'transport-memory/src/snapshot-stream.ts',
    find: "    if (this.#isOver) throw this.#break('the sender has ended it');\n",
    replace: '',
    caughtBy: [ends, 'opens nothing any more when it was refused'],
  },
];
