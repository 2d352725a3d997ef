/** The server of a member on simulated connections. */
import { once } from 'node:events';
import { encodeMessage } from '@babuza/raftpb';
import { describe, expect, it, vi } from 'vitest';
import { headOf, RawClient, streamHeadOf } from '../raw-client.ts';
import { snapshotMessage } from '../snapshot-support.ts';
import { handshakeOf, stallTimeoutMs } from './fakes.ts';
import { frameOf } from './requests.ts';
import { messageFrame, post, serverOf, turn } from './served.ts';

const snapshotFrame = frameOf(encodeMessage(snapshotMessage(2n, 1n)));
const streamHead = streamHeadOf(handshakeOf());
const errorOf = (code: string): Error => Object.assign(new Error(code), { code });

describe('a request', () => {
  it('with messages is answered when the node has them, and the connection is kept', async () => {
    const { connected, terms } = serverOf();
    const body = Buffer.concat([messageFrame(1), messageFrame(2)]);
    const socket = await connected(post('messages', body));
    socket.push(post('messages', messageFrame(3)));
    await turn();
    expect(socket.text.match(/HTTP\/1.1 204 /g)).toHaveLength(2);
    expect(socket.text).toContain('babuza-handshake: {"protocol":');
    expect([terms(), socket.writableEnded]).toEqual([[1, 2, 3], false]);
  });

  it('for how much there is of a snapshot is answered with a number', async () => {
    const { connected } = serverOf({ receivedSnapshotBytes: async () => 77 });
    const socket = await connected(post('snapshots/received', snapshotFrame));
    expect(socket.text).toMatch(/^HTTP\/1.1 200 [^]*\r\n\r\n77$/);
  });

  it.each([
    ['GET /raft/v1/messages', 404, 'not-found'],
    ['POST /raft/v1/stream', 404, 'not-found'],
    ['POST /', 404, 'not-found'],
    ['GET /raft/v1/stream', 426, undefined],
  ])('%s is answered with %i, and the connection ends', async (route, status, reason) => {
    const { connected, server } = serverOf();
    const socket = await connected(headOf(route, handshakeOf()));
    expect(socket.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    if (reason !== undefined) expect(socket.text).toContain(`babuza-refusal: ${reason}`);
    expect([socket.writableEnded, server.refusedConnections]).toEqual([true, 0]);
  });

  it('of nobody who is let in is refused and counted once, and the connection ends', async () => {
    const { connected, server, met } = serverOf();
    const socket = await connected(headOf('POST /', undefined));
    expect(socket.text).toMatch(/^HTTP\/1.1 400 [^]*babuza-refusal: bad-handshake/);
    expect([socket.writableEnded, server.refusedConnections, met]).toEqual([true, 1, []]);
    const other = await connected(post('messages', messageFrame(1), { clusterId: 9n }));
    expect(other.text).toMatch(/^HTTP\/1.1 409 /);
    expect([other.writableEnded, server.refusedConnections]).toEqual([true, 2]);
  });

  it.each([
    ['of which the rest comes later', 1, 400],
    ['that ends in the middle of a frame', 0, 422],
  ])('with a body %s is refused, and the connection ends behind it', async (_, more, status) => {
    const { connected, member } = serverOf();
    const body = more === 1 ? Buffer.alloc(16, 255) : messageFrame(1).subarray(0, 9);
    const request = post('messages', Buffer.concat([body, Buffer.alloc(more)]));
    const socket = await connected(request.subarray(0, request.length - more));
    expect(socket.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(member.logged).toEqual(['a request of a member failed']);
    expect(socket.writableEnded).toBe(more === 0);
    socket.push(Buffer.alloc(more));
    await turn();
    expect(socket.writableEnded).toBe(true);
  });

  it('that fails in the middle of its answer breaks the connection', async () => {
    const { connected, member } = serverOf();
    const head = headOf('POST /raft/v1/messages', handshakeOf(), ['Content-Length: 1000']);
    const socket = await connected(head, messageFrame(1));
    await member.clock.advance(stallTimeoutMs / 5);
    await turn();
    expect([socket.text.includes('{}\n'), socket.destroyed]).toEqual([true, false]);
    socket.push(Buffer.alloc(16, 255));
    await turn();
    expect(socket.destroyed).toBe(true);
  });

  it('whose connection is gone while the node works ends nothing else, and leaves no timer', async () => {
    let give = (): void => undefined;
    const held = new Promise<void>((resolve) => (give = resolve));
    const { connected, member } = serverOf({ receiveSnapshot: () => held });
    const head = headOf('POST /raft/v1/snapshots', handshakeOf(), [
      'Content-Length: 1000',
      'babuza-offset: 0',
    ]);
    const socket = await connected(head, snapshotFrame);
    await member.clock.advance(stallTimeoutMs / 5);
    expect(socket.text).toContain('{}\n');
    socket.destroy();
    await turn();
    await member.clock.advance(stallTimeoutMs);
    give();
    await turn();
    expect(member.clock.pendingCount).toBe(0);
  });
});

describe('a connection', () => {
  it('tells of its member once, however much it asks, and of another one that speaks', async () => {
    const { connected, met } = serverOf();
    const request = post('messages', messageFrame(1));
    const socket = await connected(request, request);
    socket.push(post('messages', messageFrame(1, 3n), { from: 3n, address: 'three.example:3' }));
    await turn();
    expect(met).toEqual([2n, 3n]);
    await connected(request);
    expect(met).toEqual([2n, 3n, 2n]);
  });

  it('without HTTP is answered once and counted once', async () => {
    const { connected, server } = serverOf();
    const socket = await connected('nothing that is known\r\n\r\n');
    expect(socket.text).toBe('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    expect([socket.destroyed, server.refusedConnections]).toEqual([true, 1]);
  });

  it('that breaks is closed, and does not count as refused', async () => {
    const { connected, http, server } = serverOf();
    const socket = await connected('GET / HT');
    http.emit('clientError', errorOf('ECONNRESET'), socket);
    expect([socket.text, socket.destroyed, server.refusedConnections]).toEqual(['', true, 0]);
  });

  it('that cannot be accepted is told of once, and again after one that was', async () => {
    const { http, server, member, connected } = serverOf();
    expect(await server.listen(new AbortController().signal)).toBeGreaterThan(0);
    member.logged.length = 0;
    for (let time = 0; time < 3; time += 1) http.emit('error', errorOf('EMFILE'));
    expect(member.logged).toEqual(['a connection could not be accepted']);
    await connected();
    http.emit('error', errorOf('EMFILE'));
    expect(member.logged).toHaveLength(2);
    await server.close();
  });

  it('is closed with the server, and is forgotten when it was closed before', async () => {
    const { server, connected } = serverOf();
    const [first, second] = [await connected(), await connected()];
    first.destroy();
    await turn();
    const destroy = vi.spyOn(first, 'destroy');
    const closing = server.close();
    expect([destroy.mock.calls, second.destroyed]).toEqual([[], true]);
    await closing;
  });

  it('is gone when the server is closed', async () => {
    const { http, server } = serverOf();
    const port = await server.listen(new AbortController().signal);
    const accepted = once(http, 'connection');
    const client = new RawClient(port);
    await accepted;
    let isClosed = false;
    http.once('close', () => (isClosed = true));
    await server.close();
    expect(isClosed).toBe(true);
    client.socket.destroy();
  });
});

describe('a stream', () => {
  it('is opened for a member that asks for it, and takes what came with its head', async () => {
    const { connected, terms, met } = serverOf();
    const socket = await connected(Buffer.concat([Buffer.from(streamHead), messageFrame(1)]));
    expect(socket.text).toMatch(
      /^HTTP\/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: babuza-raft\r\nbabuza-handshake: \{.*\}\r\n\r\n$/,
    );
    socket.push(messageFrame(2));
    await turn();
    expect([terms(), met]).toEqual([[1, 2], [2n]]);
  });

  it.each([
    ['GET /raft/v1/stream', 'websocket', {}, 404, 'not-found'],
    ['POST /raft/v1/stream', 'babuza-raft', {}, 404, 'not-found'],
    ['GET /raft/v1/streams', 'babuza-raft', {}, 404, 'not-found'],
    ['GET /raft/v1/stream', 'babuza-raft', { clusterId: 9n }, 409, 'other-cluster'],
  ])('%s of %s with %o is refused with %i', async (route, protocol, given, status, message) => {
    const { connected } = serverOf();
    const headers = ['Connection: Upgrade', `Upgrade: ${protocol}`];
    const socket = await connected(headOf(route, handshakeOf(given), headers));
    const [head = '', body] = socket.text.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} Refused\r\nbabuza-refusal: `));
    expect(head).toContain(`Content-Length: ${message.length}`);
    expect([body, socket.destroyed]).toEqual([message, true]);
  });

  it('that is refused leaves the one that its member has', async () => {
    const { connected } = serverOf();
    const stream = await connected(streamHead);
    await connected(streamHead.replace('babuza-raft', 'websocket'));
    expect(stream.destroyed).toBe(false);
  });

  it('takes the name of its protocol in any case', async () => {
    const { connected } = serverOf();
    const socket = await connected(streamHead.replace('babuza-raft', 'Babuza-Raft'));
    expect(socket.text).toMatch(/^HTTP\/1.1 101 /);
  });

  it('is ended by a newer one of its member, and its late end does not touch that one', async () => {
    const { connected, server } = serverOf();
    const first = await connected(streamHead);
    const second = await connected(streamHead);
    expect([first.destroyed, second.destroyed]).toEqual([true, false]);
    server.endStreamOf(3n);
    expect(second.destroyed).toBe(false);
    server.endStreamOf(2n);
    expect(second.destroyed).toBe(true);
  });

  it('is looked after at each pulse, and not given up for the time of a sleep', async () => {
    const { connected, server } = serverOf();
    const socket = await connected(streamHead);
    server.forgive(100_000);
    server.pulse(100_000 + stallTimeoutMs);
    expect(socket.destroyed).toBe(false);
    server.pulse(100_001 + stallTimeoutMs);
    expect(socket.destroyed).toBe(true);
  });

  it('that breaks is closed, and ends nothing else', async () => {
    const { connected, server, member } = serverOf();
    const socket = await connected(streamHead);
    const other = await connected(streamHead.replace('"from":"2"', '"from":"3"'));
    socket.destroy(errorOf('ECONNRESET'));
    await turn();
    server.pulse(stallTimeoutMs);
    expect([socket.destroyed, other.destroyed, member.logged]).toEqual([true, false, []]);
  });

  it('that was closed is looked after no more', async () => {
    const { connected, server } = serverOf();
    const socket = await connected(streamHead);
    socket.destroy();
    await turn();
    const destroy = vi.spyOn(socket, 'destroy');
    server.pulse(10 * stallTimeoutMs);
    expect(destroy).not.toHaveBeenCalled();
  });

  it('behind a request without an answer breaks its connection, and no other one', async () => {
    let answer: (offset: number) => void = () => undefined;
    const held = new Promise<number>((resolve) => (answer = resolve));
    const { connected, met } = serverOf({ receivedSnapshotBytes: () => held });
    const stream = await connected(streamHead);
    const other = await connected(post('snapshots/received', snapshotFrame), streamHead);
    expect([other.text, other.destroyed, stream.destroyed]).toEqual(['', true, false]);
    expect(met).toEqual([2n, 2n]);
    answer(0);
    await turn();
  });

  it('is opened behind requests that were answered', async () => {
    const { connected } = serverOf();
    const socket = await connected(post('messages', messageFrame(1)));
    socket.push(post('messages', messageFrame(2)));
    await turn();
    socket.push(streamHead);
    await turn();
    expect(socket.text.match(/HTTP\/1.1 \d+/g)).toEqual(
      [204, 204, 101].map((n) => `HTTP/1.1 ${n}`),
    );
  });
});
