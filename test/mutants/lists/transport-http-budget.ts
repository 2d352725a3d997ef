import type { Mutant } from '../mutant.ts';

const budget = 'transport-http/test/budget/incoming-budget.test.ts';
const streams = 'transport-http/test/budget/streams.test.ts';
const connections = 'transport-http/test/budget/connections.test.ts';
const classStreams = 'transport-http/test/classes/streams.test.ts';
const rate = 'transport-http/test/budget/rate-watch.test.ts';
const addresses = 'transport-http/test/made-up-addresses.test.ts';

/**
 * Errors by which a peer takes more memory, places or time than it may, or is kept waiting for
 * ever.
 */
export const transportHttpBudget: readonly Mutant[] = [
  {
    name: 'a member takes the shares of the others',
    file: 'transport-http/src/budget/incoming-budget.ts',
    find: 'return held === 0 || held + bytes <= this.#shareOf(payer);',
    replace: 'return held === 0 || held + bytes <= this.#parts.bytesMax;',
    caughtBy: [budget, 'keeps no other member waiting'],
  },
  {
    name: 'nodes that the membership does not have take a frame each',
    file: 'transport-http/src/budget/incoming-budget.ts',
    find: 'return this.#parts.isMember(id) ? id : guests;',
    replace: 'return id;',
    caughtBy: [budget, 'one frame at a time for all together'],
  },
  {
    name: 'a small frame passes a large one that waits for the whole memory',
    file: 'transport-http/src/budget/incoming-budget.ts',
    find: 'return this.#usedBytes + claim.bytes <= this.#parts.bytesMax ? claim : undefined;',
    replace: 'if (this.#usedBytes + claim.bytes <= this.#parts.bytesMax) return claim;',
    caughtBy: [budget, 'nothing small passes a large one'],
  },
  {
    name: 'memory that is given back is granted to nobody who waits',
    file: 'transport-http/src/budget/incoming-budget.ts',
    find: '    claim.bytes = 0;\n    this.#grantAll();\n',
    replace: '    claim.bytes = 0;\n',
    caughtBy: [budget, 'is not granted to who gave up waiting'],
  },
  {
    name: 'a frame goes on although its memory was given to others',
    file: 'transport-http/src/budget/incoming-budget.ts',
    find: '      claim.onEnded(new TransportError(',
    replace: '      void (new TransportError(',
    caughtBy: [budget, 'is ended after a while'],
  },
  {
    name: 'a frame that waits for this side is ended',
    file: 'transport-http/src/budget/incoming-budget.ts',
    find: 'const isInTheWay = !claim.isComplete && ',
    replace: 'const isInTheWay = ',
    caughtBy: [budget, 'none that has arrived'],
  },
  {
    name: 'a stream that breaks keeps its memory',
    file: 'transport-http/src/messages/incoming-stream.ts',
    find: '      this.#reader.drop();\n',
    replace: '',
    caughtBy: [streams, 'memory gives it back'],
  },
  {
    name: 'a body that breaks keeps its memory',
    file: 'transport-http/src/messages/body.ts',
    find: '    reader.drop();\n',
    replace: '',
    caughtBy: [streams, 'gives its memory back when the next one is read'],
  },
  {
    name: 'a stream is given up because this side does not read it',
    file: 'transport-http/src/messages/incoming-stream.ts',
    find: '    if (this.#isPaused) this.#heardMs = nowMs;\n',
    replace: '',
    caughtBy: [streams, 'is not given up while it waits'],
  },
  {
    name: 'heartbeats wait for the room of the node',
    file: 'transport-http/src/messages/deliver.ts',
    find: 'return hasEntries ? room : undefined;',
    replace: 'return hasEntries || payload.length > 0 ? room : undefined;',
    caughtBy: [streams, 'is given heartbeats'],
  },
  {
    name: 'the parts of a frame are counted for each message anew',
    file: 'transport-http/src/messages/frames.ts',
    find: 'messages.push(decodePart(payload.subarray(begin, end), allowance));',
    replace: 'messages.push(decodePart(payload.subarray(begin, end), { ...allowance }));',
    caughtBy: [streams, 'are counted over all messages'],
  },
  {
    name: 'an oldest connection keeps a restarted member away',
    file: 'transport-http/src/budget/connections.ts',
    find: 'if (own.length >= connectionsPerPeerMax) this.#end(own[0]?.[0]);',
    replace: 'if (own.length >= connectionsPerPeerMax) return void connection.destroy();',
    caughtBy: [connections, 'a member has eight connections'],
  },
  {
    name: 'one byte now and then counts as fast',
    file: 'transport-http/src/budget/rate-watch.ts',
    find: 'const isFast = this.#bytes * 1000 >= bytesPerSecondMin * this.#waitedMs;',
    replace: 'const isFast = this.#bytes > 0;',
    caughtBy: [rate, '1 bytes every 3000 ms'],
  },
  {
    name: 'a pause of this process counts against the other side',
    file: 'transport-http/src/budget/rate-watch.ts',
    find: 'Math.min(sinceMs, this.#windowMs / stepsPerWindow)',
    replace: 'sinceMs',
    caughtBy: [rate, 'a pause of this process'],
  },
  {
    name: 'a member connects to an address that only its owner claims',
    file: 'transport-http/src/connections/members.ts',
    find: 'const claimed = this.knowsNobody ? this.#learned.get(id) : undefined;',
    replace: 'const claimed = this.#learned.get(id);',
    caughtBy: [addresses, 'is not connected to'],
  },
  {
    name: 'a joiner connects to another machine than the one that spoke',
    file: 'transport-http/src/connections/route.ts',
    find: 'onlyIp === undefined || address === onlyIp',
    replace: 'onlyIp === undefined || address !== undefined',
    caughtBy: [addresses, 'does not connect to another machine'],
  },
  {
    name: 'a reply with entries does not wait for the room of the node',
    file: 'transport-http/src/messages/outgoing-stream.ts',
    find: 'const room = roomFor(this.#wire, payload);',
    replace: 'const room = roomFor(this.#wire, payload.subarray(0, 0));',
    caughtBy: [classStreams, 'wait with their entries of 10 bytes'],
  },
  {
    name: 'a stream on which a reply waits is read on',
    file: 'transport-http/src/messages/outgoing-stream.ts',
    find: '      if (this.#held !== undefined) this.#socket.pause();\n      else if',
    replace: '      if',
    caughtBy: [classStreams, 'wait with their entries of 60000 bytes'],
  },
  {
    name: 'a stream on which a reply waits counts as broken',
    file: 'transport-http/src/messages/outgoing-stream.ts',
    find: '    if (this.#held !== undefined) this.#answeredMs = nowMs;\n',
    replace: '',
    caughtBy: [classStreams, 'do not let the stream count as broken'],
  },
];
