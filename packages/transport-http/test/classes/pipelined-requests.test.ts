/** Several requests on one connection before the first of them was answered. */
import { encodeMessage } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { headOf, streamHeadOf } from '../raw-client.ts';
import { snapshotMessage } from '../snapshot-support.ts';
import { handshakeOf, stallTimeoutMs } from './fakes.ts';
import { frameOf } from './requests.ts';
import { messageFrame, post, serverOf, turn } from './served.ts';

const framesOf = (...terms: number[]): Buffer =>
  Buffer.concat(terms.map((term) => messageFrame(term)));
const question = post('snapshots/received', frameOf(encodeMessage(snapshotMessage(2n, 1n))));
const statuses = (text: string): string[] => text.match(/HTTP\/1.1 \d+/g) ?? [];

describe('requests behind each other on one connection', () => {
  it('reach the node in their order, whole, and are answered in their order', async () => {
    const { connected, terms } = serverOf();
    const socket = await connected(
      Buffer.concat([
        post('messages', framesOf(1, 2, 3)),
        post('messages', framesOf(4)),
        post('messages', framesOf(5, 6, 7)),
      ]),
    );
    expect(terms()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(statuses(socket.text)).toEqual(Array.from({ length: 3 }, () => 'HTTP/1.1 204'));
    expect(socket.writableEnded).toBe(false);
  });

  it('wait for the one before, while the node works on it', async () => {
    let answer: (offset: number) => void = () => undefined;
    const held = new Promise<number>((resolve) => (answer = resolve));
    const { connected, terms } = serverOf({ receivedSnapshotBytes: () => held });
    const socket = await connected(question, post('messages', framesOf(1)));
    expect(terms()).toEqual([]);
    // A request on another connection does not wait.
    await connected(post('messages', framesOf(2)));
    expect(terms()).toEqual([2]);
    answer(7);
    await turn();
    expect([terms(), statuses(socket.text)]).toEqual([
      [2, 1],
      ['HTTP/1.1 200', 'HTTP/1.1 204'],
    ]);
  });

  it.each([
    ['whose frame is damaged', (): Buffer => post('messages', Buffer.alloc(16, 255)), 400],
    ['that ends within a frame', (): Buffer => post('messages', framesOf(1).subarray(0, 9)), 422],
    ['of another cluster', (): Buffer => post('messages', framesOf(1), { clusterId: 9n }), 409],
    ['for no path', (): Buffer => post('nothing', framesOf(1)), 404],
  ])('are not read behind one %s', async (_, first, status) => {
    const { connected, terms, met } = serverOf();
    const good = post('messages', framesOf(5), { from: 2n });
    const socket = await connected(Buffer.concat([first(), good, good]));
    expect([terms(), statuses(socket.text)]).toEqual([[], [`HTTP/1.1 ${status}`]]);
    expect(socket.writableEnded).toBe(true);
    expect(met).toEqual(status === 409 ? [] : [2n]);
  });

  it('are not read behind one whose body stands still, and leave no timer', async () => {
    const { connected, terms, member } = serverOf();
    const head = headOf('POST /raft/v1/messages', handshakeOf(), ['Content-Length: 100']);
    const socket = await connected(head, framesOf(1).subarray(0, 9));
    await member.clock.advance(stallTimeoutMs);
    await turn();
    socket.push(Buffer.concat([Buffer.alloc(91), post('messages', framesOf(2))]));
    await turn();
    expect([terms(), socket.destroyed, member.clock.pendingCount]).toEqual([[], true, 0]);
  });

  it('are not given to the node when their connection is gone, and are no reason to warn', async () => {
    let answer: (offset: number) => void = () => undefined;
    const held = new Promise<number>((resolve) => (answer = resolve));
    const { connected, terms, member, met } = serverOf({ receivedSnapshotBytes: () => held });
    const other = { from: 3n, address: 'three.example:3' };
    const socket = await connected(question, post('messages', messageFrame(1, 3n), other));
    socket.destroy();
    await turn();
    answer(7);
    await turn();
    expect([terms(), met, member.logged]).toEqual([[], [2n], []]);
  });

  it.each([
    ['what is no HTTP', 'nothing that is known\r\n\r\n'],
    ['a head that is too long', `GET / HTTP/1.1\r\nLong: ${'x'.repeat(17 * 1024)}\r\n\r\n`],
  ])('are not answered by what is said about %s behind them', async (_, bytes) => {
    let answer: (offset: number) => void = () => undefined;
    const held = new Promise<number>((resolve) => (answer = resolve));
    const { connected, server } = serverOf({ receivedSnapshotBytes: () => held });
    const socket = await connected(question, bytes);
    expect([socket.text, socket.destroyed, server.refusedConnections]).toEqual(['', true, 1]);
    answer(7);
    await turn();
  });

  it('are not answered in the middle of an answer', async () => {
    const { connected, member } = serverOf();
    const head = headOf('POST /raft/v1/messages', handshakeOf(), ['Transfer-Encoding: chunked']);
    const socket = await connected(head);
    await member.clock.advance(stallTimeoutMs / 5);
    await turn();
    socket.push('no number\r\n');
    await turn();
    expect([statuses(socket.text), socket.destroyed]).toEqual([['HTTP/1.1 200'], true]);
  });

  it.each([
    ['a stream', Buffer.concat([Buffer.from(streamHeadOf(handshakeOf())), messageFrame(3)])],
    ['what is no HTTP', Buffer.from('nothing that is known\r\n\r\n')],
  ])('end with %s behind one that was refused while its body came', async (_, bytes) => {
    const { connected, terms } = serverOf();
    const body = Buffer.alloc(17, 255);
    const request = post('messages', body);
    const socket = await connected(request.subarray(0, -1));
    expect(statuses(socket.text)).toEqual(['HTTP/1.1 400']);
    socket.push(Buffer.concat([request.subarray(-1), bytes]));
    await turn();
    expect([terms(), statuses(socket.text), socket.destroyed]).toEqual([
      [],
      ['HTTP/1.1 400'],
      true,
    ]);
  });

  it.each([
    [63, false],
    [64, true],
    [65, true],
  ])('end their connection where %i wait for the one before: %s', async (count, isEnded) => {
    let answer: (offset: number) => void = () => undefined;
    const held = new Promise<number>((resolve) => (answer = resolve));
    const { connected, terms } = serverOf({ receivedSnapshotBytes: () => held });
    const waiting = Array.from({ length: count }, (_, at) => post('messages', framesOf(at)));
    const socket = await connected(question, Buffer.concat(waiting));
    expect([socket.destroyed, terms()]).toEqual([isEnded, []]);
    answer(7);
    await turn();
    await turn();
    expect(terms()).toHaveLength(isEnded ? 0 : count);
  });

  it('are not counted once they are answered', async () => {
    const { connected, terms } = serverOf();
    const socket = await connected();
    for (let term = 0; term < 130; term += 1) {
      socket.push(post('messages', framesOf(term)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await turn();
    expect([terms().length, socket.destroyed]).toEqual([130, false]);
  });
});
