/** How connections are handled before their other side has authenticated. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { handshakesAtOnceMax, handshakesPerSecondMax } from '../../src/access/handshake-turns.ts';
import { strangersMax } from '../../src/access/strangers.ts';
import { Authority, type Certificate } from '../certificates.ts';
import { FakeSocket } from '../classes/requests.ts';
import { messageFrame, post, serverOf, turn } from '../classes/served.ts';

let authority: Authority;
let own: Certificate;
beforeAll(() => {
  authority = new Authority();
  own = authority.issue();
});
afterAll(() => authority.remove());

/** A TLS server, and connections to it without a handshake, each from another address. */
function world() {
  const served = serverOf({}, { tls: { ...own, ca: authority.cert } });
  const come = (address: string): FakeSocket => {
    const socket = Object.defineProperty(new FakeSocket(), 'remoteAddress', { value: address });
    served.http.emit('connection', socket);
    socket.push(Buffer.from('garbage, and no handshake'));
    return socket;
  };
  const flood = (count: number): FakeSocket[] =>
    Array.from({ length: count }, (_, at) => come(`192.0.2.${at}`));
  return { ...served, come, flood };
}

describe('a flood of connections to a server with TLS', () => {
  it('begins handshakes at a rate, whatever comes', async () => {
    const { member, server, flood } = world();
    flood(handshakesAtOnceMax + 20);
    await turn();
    expect(server.refusedConnections).toBe(handshakesAtOnceMax);
    await member.clock.advance(10 * (1000 / handshakesPerSecondMax));
    await turn();
    expect(server.refusedConnections).toBe(handshakesAtOnceMax + 10);
  });

  it('ends those that wait too long in favour of newer ones, and goes on', async () => {
    const { server, flood } = world();
    const all = flood(handshakesAtOnceMax + strangersMax + 10);
    // An error without a listener ends the process.
    expect(all.every((socket) => socket.listenerCount('error') > 0)).toBe(true);
    await turn();
    // Connections whose handshake had begun were refused, and the oldest waiting ones made room.
    const waiting = all.filter(({ destroyed }) => !destroyed);
    expect([server.refusedConnections, waiting.length]).toEqual([
      handshakesAtOnceMax,
      strangersMax,
    ]);
    expect(all.slice(-strangersMax)).toEqual(waiting);
  });

  it('lets a member pass that was heard before', async () => {
    const { member, flood, come } = world();
    member.wire.memberAddresses.set(2n, '198.51.100.2');
    flood(handshakesAtOnceMax + 40);
    const ofMember = come('198.51.100.2');
    await member.clock.advance(2 * (1000 / handshakesPerSecondMax));
    await turn();
    expect(ofMember.destroyed).toBe(true);
  });
});

describe('the address of a node that is let in', () => {
  it('is kept for a member, and for no other node', async () => {
    const { members, member, http } = serverOf();
    members.set({ id: 2n, address: 'two.example:2' });
    const speak = async (from: bigint, address: string): Promise<boolean> => {
      const socket = Object.defineProperty(new FakeSocket(), 'remoteAddress', { value: address });
      http.emit('connection', socket);
      socket.push(post('messages', messageFrame(1, from), { from }));
      await turn();
      expect(socket.text).toMatch(/^HTTP\/1.1 204 /);
      return member.wire.memberAddresses.has(address);
    };
    expect(await speak(2n, '198.51.100.2')).toBe(true);
    expect(await speak(77n, '198.51.100.77')).toBe(false);
  });
});
