/** Requests that no member sends: none of them reaches the node or leaves anything behind. */
import { describe, expect, it } from 'vitest';
import { encodeHandshake, handshakeHeader } from '../../src/connections/handshake.ts';
import { headOf } from '../raw-client.ts';
import { handshakeOf, stallTimeoutMs } from './fakes.ts';
import { messageFrame, post, serverOf, turn } from './served.ts';

const frame = messageFrame(1);
const route = 'POST /raft/v1/messages';
const headWith = (...headers: string[]): string => headOf(route, handshakeOf(), headers);
const length = `Content-Length: ${frame.length}`;
const said = `${handshakeHeader}: ${encodeHandshake(handshakeOf())}`;

describe('a request that is refused before its body counts', () => {
  it.each<[string, string, number]>([
    ['two handshakes', headWith(length, said), 400],
    ['two lengths', headWith(length, 'Content-Length: 1'), 400],
    ['one length twice', headWith(length, length), 400],
    ['a length and chunks', headWith(length, 'Transfer-Encoding: chunked'), 400],
    ['a length below 0', headWith('Content-Length: -1'), 400],
    ['a length that is no number', headWith('Content-Length: 1e2'), 400],
    ['a length above 2^64', headWith(`Content-Length: ${2n ** 64n}`), 400],
    ['a header without a name', headWith(': nothing'), 400],
    ['a NUL in a header', headWith('X: a\0b', length), 400],
    ['a head of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['an unknown method', headWith(length).replace('POST', 'PUSH'), 400],
    ['a path with a query', headWith(length).replace('messages', 'messages?x'), 404],
    ['a path in other letters', headWith(length).replace('messages', 'Messages'), 404],
    ['an absolute path', headWith(length).replace('/raft', 'http://member/raft'), 404],
    ['a cluster of another number', headOf(route, handshakeOf({ clusterId: 2n }), [length]), 409],
    ['another group', headOf(route, handshakeOf({ groupId: 1n }), [length]), 409],
    ['another receiver', headOf(route, handshakeOf({ to: 3n }), [length]), 409],
    [
      'a later protocol',
      headOf(route, handshakeOf({ protocol: { min: 2, max: 9 } }), [length]),
      409,
    ],
    ['another largest entry', headOf(route, handshakeOf({ entryBytesMax: 1 }), [length]), 409],
  ])('has %s', async (_, head, status) => {
    const { connected, terms, member, met, server } = serverOf();
    const socket = await connected(Buffer.concat([Buffer.from(head, 'latin1'), frame]));
    expect(socket.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(socket.text.match(/HTTP\/1.1 /g)).toHaveLength(1);
    expect([terms(), socket.writableEnded, member.clock.pendingCount]).toEqual([[], true, 0]);
    expect([met.length, server.refusedConnections]).toEqual(status === 404 ? [1, 0] : [0, 1]);
  });
});

describe('a request that is not answered, because its connection says no more that can be read', () => {
  const next = post('messages', messageFrame(2));
  it.each<[string, string]>([
    ['asks for a tunnel', headWith().replace('POST /raft/v1/messages', 'CONNECT a:1')],
    ['has an unknown encoding', headWith('Transfer-Encoding: gzip')],
    ['has a length that is too small', headWith(`Content-Length: ${frame.length - 1}`)],
    ['has a length that is too large', headWith(`Content-Length: ${frame.length + 9}`)],
    ['has a chunk of no length', `${headWith('Transfer-Encoding: chunked')}x\r\n`],
  ])('%s', async (_, head) => {
    const { connected, terms, member } = serverOf();
    const socket = await connected(Buffer.concat([Buffer.from(head), frame, next]));
    expect([socket.text, socket.destroyed, terms()]).toEqual(['', true, []]);
    expect(member.clock.pendingCount).toBe(0);
  });
});

describe('a request that ends before its body', () => {
  it.each<[string, number]>([
    ['with its connection', 0],
    ['with the half of the other side', 0],
    ['with its connection', frame.length - 1],
    ['with the half of the other side', frame.length - 1],
  ])('%s after %i bytes leaves no timer', async (how, bytes) => {
    const { connected, terms, member } = serverOf();
    const socket = await connected(headWith(length), frame.subarray(0, bytes));
    expect(member.clock.pendingCount).toBeGreaterThan(0);
    if (how === 'with its connection') socket.destroy();
    else socket.push(null);
    await turn();
    expect([terms(), socket.text, socket.destroyed]).toEqual([[], '', true]);
    expect(member.clock.pendingCount).toBe(0);
  });
});

describe('a body that comes slowly', () => {
  it('is given up byte by byte within five stall timeouts', async () => {
    const { connected, terms, member } = serverOf();
    const socket = await connected(headWith(length));
    for (const byte of frame.subarray(0, 5)) {
      expect(socket.destroyed).toBe(false);
      await member.clock.advance(stallTimeoutMs - 1);
      socket.push(Buffer.of(byte));
      await turn();
    }
    expect(terms()).toEqual([]);
    expect(member.loggedErrors.map(String).join()).toContain('less than 64 bytes per second');
    // The rest is dropped for one stall timeout, so that the refusal arrives.
    await member.clock.advance(stallTimeoutMs);
    await turn();
    expect([socket.destroyed, member.clock.pendingCount]).toEqual([true, 0]);
  });

  it('is given up when nothing comes for the stall timeout, however long it took before', async () => {
    const { connected, terms, member } = serverOf();
    const socket = await connected(headWith('Content-Length: 100000'));
    const head = Buffer.alloc(8);
    head.writeUInt32BE(100_000 - 8, 0);
    socket.push(head);
    for (let count = 0; count < 30; count += 1) {
      socket.push(Buffer.alloc(100));
      await member.clock.advance(stallTimeoutMs - 1);
    }
    expect(socket.destroyed).toBe(false);
    await member.clock.advance(stallTimeoutMs);
    await turn();
    expect([terms(), socket.destroyed, member.clock.pendingCount]).toEqual([[], true, 0]);
  });
});
