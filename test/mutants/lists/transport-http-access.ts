import type { Mutant } from '../mutant.ts';

const closed = 'transport-http/test/closed.test.ts';
const secret = 'transport-http/test/access/secret.test.ts';
const strangers = 'transport-http/test/access/strangers.test.ts';
const strangersLog = 'transport-http/test/access/strangers-log.test.ts';
const turns = 'transport-http/test/access/handshake-turns.test.ts';
const entrance = 'transport-http/test/access/entrance.test.ts';
const admission = 'transport-http/test/classes/admission.test.ts';

/** Errors that let strangers in, or let them cost more than they may. */
export const transportHttpAccess: readonly Mutant[] = [
  {
    name: 'the connection stays open behind an impossible message',
    file: 'transport-http/src/deliver.ts',
    find: "handler.receive(message) === 'impossible'",
    replace: "handler.receive(message) === 'impossible' && message.term < 0",
    caughtBy: ['transport-http/test/classes/deliver.test.ts', 'that the node calls impossible'],
  },
  {
    name: 'TLS that asks for no certificate counts as protection',
    file: 'transport-http/src/access/demand.ts',
    find: 'tls !== undefined && tls.mutual !== false && transition.tls === undefined',
    replace: 'tls !== undefined && transition.tls === undefined',
    caughtBy: [closed, 'with TLS that asks for no certificate is refused'],
  },
  {
    name: 'a secret on its way counts as protection',
    file: 'transport-http/src/access/demand.ts',
    find: 'secrets.length > 0 && transition.secret === undefined',
    replace: 'secrets.length > 0',
    caughtBy: [closed, 'with a secret on its way is refused'],
  },
  {
    name: 'a member that listens everywhere counts as one on the loopback',
    file: 'transport-http/src/access/demand.ts',
    find: 'if (address !== undefined && isLoopback(address)) {',
    replace: "if (address === '0.0.0.0' || (address !== undefined && isLoopback(address))) {",
    caughtBy: [closed, 'with nothing is refused off the loopback'],
  },
  {
    name: 'connections that go out leave the machine without protection',
    file: 'transport-http/src/route.ts',
    find: '  demandForConnecting(wire, target, addresses);\n',
    replace: '',
    caughtBy: [closed, 'without protection does not leave the machine'],
  },
  {
    name: 'the proof of the client is not looked at',
    file: 'transport-http/src/access/challenge.ts',
    find: 'return isProof(opening, secret, answer, await readExactly(connection, proofBytes));',
    replace:
      'await readExactly(connection, proofBytes);\n  return isProof(opening, secret, answer, answer) || true;',
    caughtBy: [secret, 'is not let in by a wrong proof'],
  },
  {
    name: 'the proof of the server is not looked at',
    file: 'transport-http/src/access/secret.ts',
    find: "if (!timingSafeEqual(mac(secret, 'server', [opening, said]), proof)) return 'other-secret';",
    replace: "if (proof.length === 0) return 'other-secret';",
    caughtBy: [secret, 'do not hold the secret'],
  },
  {
    name: 'the proof of the client does not hold the number of the server',
    file: 'transport-http/src/access/secret.ts',
    find: "return timingSafeEqual(mac(secret, 'client', [opening, said]), proof);",
    replace: "return said.length > 0 && timingSafeEqual(mac(secret, 'client', [opening]), proof);",
    caughtBy: [secret, 'are accepted by both sides'],
  },
  {
    name: 'the proof of the server does not hold its id',
    file: 'transport-http/src/access/secret.ts',
    find: "return Buffer.concat([said, mac(secret, 'server', [opening, said])]);",
    replace: "return Buffer.concat([said, mac(secret, 'server', [opening, number])]);",
    caughtBy: [secret, 'are accepted by both sides'],
  },
  {
    name: 'a challenge that is passed on reaches another member',
    file: 'transport-http/src/access/secret.ts',
    find: "  if (member.nodeId !== meant.nodeId) return 'other-node';\n",
    replace: '',
    caughtBy: [closed, 'challenge of a member that meant another one'],
  },
  {
    name: 'a challenge that is passed on reaches a member of another cluster',
    file: 'transport-http/src/access/secret.ts',
    find: "  if (member.clusterId !== meant.clusterId) return 'other-cluster';\n",
    replace: '',
    caughtBy: [secret, 'to the member that is meant only'],
  },
  {
    name: 'nobody is told that the member there is one of another cluster',
    file: 'transport-http/src/access/connect.ts',
    find: "      if (found.reason === 'other-cluster') handler.refusedBy(this.#id);\n",
    replace: '',
    caughtBy: [closed, 'tell a member of another cluster'],
  },
  {
    name: 'what does not begin with a challenge reaches HTTP',
    file: 'transport-http/src/access/entrance.ts',
    find: 'if (settings.transition.secret !== undefined) this.#serve(connection);',
    replace: 'if (settings.secrets.length > 0) this.#serve(connection);',
    caughtBy: [closed, 'hears nothing after a request of HTTP'],
  },
  {
    name: 'a newer connection of the same address is ended in place of the oldest',
    file: 'transport-http/src/access/strangers.ts',
    find: 'if (ofAddress.size >= strangersPerAddressMax) this.#endOldest(ofAddress);',
    replace: 'if (ofAddress.size >= strangersPerAddressMax) return void connection.destroy();',
    caughtBy: [strangers, 'makes room for a newer one of its address'],
  },
  {
    name: 'the address with few connections makes room',
    file: 'transport-http/src/access/strangers.ts',
    find: 'else if (ofAddress.size > ofOther.size) ofOther = ofAddress;',
    replace: 'else if (ofOther === none) ofOther = ofAddress;',
    caughtBy: [strangers, 'makes room for one of another address'],
  },
  {
    name: 'who was let in still counts as a stranger',
    file: 'transport-http/src/access/strangers.ts',
    find: '    stranger.watch.cancel();\n',
    replace: '',
    caughtBy: [strangers, 'has any time once a member has spoken on it'],
  },
  {
    name: 'the lines of strangers are not bounded',
    file: 'transport-http/src/access/strangers-log.ts',
    find: 'this.#told.has(key) || this.#lines >= linesPerInterval',
    replace: 'this.#told.has(key)',
    caughtBy: [strangersLog, 'is 20 lines a minute at most'],
  },
  {
    name: 'texts of strangers are logged as they are',
    file: 'transport-http/src/access/strangers-log.ts',
    find: "typeof value === 'string' || value instanceof Error ? printable(String(value)) : value",
    replace: 'value',
    caughtBy: [strangersLog, 'has no '],
  },
  {
    name: 'made-up ids keep members away that the membership does not know',
    file: 'transport-http/src/members.ts',
    find: '    this.#learned.set(id, claimed);\n',
    replace: '    if (this.#learned.size < learnedMax) this.#learned.set(id, claimed);\n',
    caughtBy: [admission, 'forget the oldest for one more'],
  },
  {
    name: 'handshakes of TLS do not wait for their turn',
    file: 'transport-http/src/access/entrance.ts',
    find: "this.#turns.wait(socket, () => void tls.emit('connection', socket));",
    replace: "tls.emit('connection', socket);",
    caughtBy: [entrance, 'begins handshakes at a rate'],
  },
  {
    name: 'a connection that waits and is ended takes the process with it',
    file: 'transport-http/src/access/entrance.ts',
    find: "    socket.on('error', () => undefined);\n",
    replace: '',
    caughtBy: [entrance, 'ends those that wait too long'],
  },
  {
    name: 'a quiet time saves up any number of handshakes',
    file: 'transport-http/src/access/handshake-turns.ts',
    find: 'Math.min(this.#allowance + grown, handshakesAtOnceMax)',
    replace: 'this.#allowance + grown',
    caughtBy: [turns, 'after a quiet time'],
  },
  {
    name: 'an address has its turns one after the other',
    file: 'transport-http/src/access/handshake-turns.ts',
    find: '    queue.delete(address);\n    if (waiting.length > 0) queue.set(address, waiting);',
    replace: '    if (waiting.length === 0) queue.delete(address);',
    caughtBy: [turns, 'go round the addresses'],
  },
  {
    name: 'members have all turns',
    file: 'transport-http/src/access/handshake-turns.ts',
    find: '    this.#isTurnOfMembers = !this.#isTurnOfMembers;\n',
    replace: '',
    caughtBy: [turns, 'which get every second turn'],
  },
  {
    name: 'a node that is no member makes its address one of a member',
    file: 'transport-http/src/server.ts',
    find: 'if (members.membership.has(id)) wire.memberAddresses',
    replace: 'wire.memberAddresses',
    caughtBy: [entrance, 'is kept for a member, and for no other node'],
  },
  {
    name: 'a flood takes the places of members before authentication',
    file: 'transport-http/src/access/strangers.ts',
    find: 'return ofOther === none ? ofMember : ofOther;',
    replace: 'return ofMember.size > ofOther.size ? ofMember : ofOther;',
    caughtBy: [strangers, 'keeps its place where it comes from a member'],
  },
];
