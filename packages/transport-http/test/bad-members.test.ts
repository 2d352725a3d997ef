/**
 * An admitted member sends invalid data: its connection is closed and the transport keeps running.
 */
import { encodeMessage, type Message } from '@babuza/raftpb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FrameReader } from '../src/messages/frame-reader.ts';
import { emptyFrame, encodeMessages, frameHead, sizeInFrame } from '../src/messages/frames.ts';
import { handshakeOf, headOf, RawClient, streamHeadOf } from './raw-client.ts';
import { snapshotMessage } from './snapshot-support.ts';
import { clock, messageOf, Net, until, type Member } from './support.ts';
import { payloadsAfter } from './classes/payloads-after.ts';

let net: Net;
let one: Member;
let two: Member;
const clients: RawClient[] = [];
beforeEach(async () => {
  net = new Net();
  [one, two] = await net.pair();
});
afterEach(async () => {
  await net.close();
  for (const { socket } of clients.splice(0)) socket.destroy();
});

function client(): RawClient {
  const made = new RawClient(two.transport.listeningPort ?? 0);
  clients.push(made);
  return made;
}

const frameOf = (...messages: Message[]): Buffer =>
  encodeMessages(
    messages,
    messages.reduce((sum, message) => sum + sizeInFrame(message), 0),
  );

const framed = (payload: Uint8Array): Buffer => Buffer.concat([frameHead(payload), payload]);

function damaged(): Buffer {
  const frame = frameOf(messageOf(70n, 2n, 'damaged'));
  const last = frame.length - 1;
  frame[last] = (frame[last] ?? 0) ^ 1;
  return frame;
}

function tooLong(): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(2 ** 31);
  return head;
}

async function expectService(): Promise<void> {
  const text = `still here ${two.received.length}`;
  while (!two.texts.includes(text)) {
    one.transport.send([messageOf(1n, 2n, text)]);
    await clock.sleep(5);
  }
}

const bad: [string, () => Buffer, RegExp][] = [
  ['a wrong checksum', damaged, /checksum/],
  ['a frame that is too long', tooLong, /at most \d+ bytes/],
  ['an empty frame with a checksum', () => Buffer.of(0, 0, 0, 0, 0, 0, 0, 1), /checksum/],
  ['messages of another member', () => frameOf(messageOf(1n, 2n, 'not mine')), /from 1 to 2/],
  ['messages to another member', () => frameOf(messageOf(70n, 3n, 'astray')), /from 70 to 3/],
  ['a snapshot among messages', () => frameOf(snapshotMessage(70n, 2n)), /snapshot/],
  ['no messages', () => framed(Buffer.of(0, 0, 0, 1, 255)), /cannot be read/],
  ['a message longer than its frame', () => framed(Buffer.of(0, 0, 0, 9, 1)), /longer than/],
  ['half a length', () => framed(Buffer.of(0, 0)), /longer than/],
  [
    'one good message and one of another member',
    () => frameOf(messageOf(70n, 2n, 'mine'), messageOf(1n, 2n, 'not mine')),
    /from 1 to 2/,
  ],
];

describe('what ends a stream', () => {
  it.each(bad)('%s', async (_, bytes, why) => {
    const stream = client();
    stream.write(streamHeadOf(handshakeOf(two, { from: 70n })));
    await until(() => stream.text.includes(' 101 '));
    stream.write(Buffer.concat([frameOf(messageOf(70n, 2n, 'right')), bytes()]));
    await stream.untilGone();
    expect(two.logged.join('\n')).toMatch(why);
    expect(two.texts.filter((text) => text !== 'right')).toEqual([]);
    await expectService();
  });
});

describe('what is answered with an error', () => {
  it.each(bad)('%s in a request', async (_, bytes, why) => {
    const body = bytes();
    const request = client();
    const length = `Content-Length: ${body.length}`;
    request.write(headOf('POST /raft/v1/messages', handshakeOf(two, { from: 70n }), [length]));
    request.write(body);
    await until(() => request.text.includes('\r\n\r\n') && request.hasEnded);
    expect(request.text).toMatch(/^HTTP\/1\.1 400/);
    // The other side gets the reason only; the log here has the details.
    expect(request.text).toContain('babuza-refusal: bad-body');
    expect(request.text).not.toMatch(why);
    expect(two.logged.join('\n')).toMatch(why);
    expect(two.received).toEqual([]);
    await request.untilGone();
    await expectService();
  });

  it.each([
    [
      'no snapshot message',
      () => framed(encodeMessage(messageOf(70n, 2n, 'a'))),
      ['babuza-offset: 0'],
    ],
    [
      'of another member',
      () => framed(encodeMessage(snapshotMessage(1n, 2n))),
      ['babuza-offset: 0'],
    ],
    ['without an offset', () => framed(encodeMessage(snapshotMessage(70n, 2n))), []],
    [
      'with a strange offset',
      () => framed(encodeMessage(snapshotMessage(70n, 2n))),
      ['babuza-offset: -1'],
    ],
    ['that is no message', () => framed(Buffer.of(255)), ['babuza-offset: 0']],
  ])('a snapshot: %s', async (_, bytes, headers) => {
    const body = bytes();
    const request = client();
    const all = [...headers, `Content-Length: ${body.length}`];
    request.write(headOf('POST /raft/v1/snapshots', handshakeOf(two, { from: 70n }), all));
    request.write(body);
    await until(() => request.text.includes('\r\n\r\n'));
    expect(request.text).toMatch(/^HTTP\/1\.1 400/);
    await request.untilGone();
    await expectService();
  });

  it('requests in a row, without waiting for answers', async () => {
    const request = client();
    const body = frameOf(messageOf(70n, 2n, 'in a row'));
    const head = headOf('POST /raft/v1/messages', handshakeOf(two, { from: 70n }), [
      `Content-Length: ${body.length}`,
    ]);
    const many = Array.from({ length: 50 }, () => Buffer.concat([Buffer.from(head), body]));
    request.write(Buffer.concat(many));
    await until(() => two.received.length === 50);
    await until(() => request.text.split(' 204 ').length === 51);
    await expectService();
  });
});

describe('a stream', () => {
  it('whose answers nobody reads goes on, and holds little', async () => {
    const stream = client();
    stream.write(streamHeadOf(handshakeOf(two, { from: 70n })));
    await until(() => stream.text.includes(' 101 '));
    stream.socket.pause();
    const many = Buffer.concat(Array.from({ length: 100_000 }, () => emptyFrame));
    for (let count = 0; count < 5; count += 1) {
      stream.write(many);
      await clock.sleep(1);
    }
    stream.write(frameOf(messageOf(70n, 2n, 'the last one')));
    await until(() => two.texts.includes('the last one'));
    await expectService();
  });

  it('takes the place of an older one of the same member', async () => {
    const first = client();
    first.write(streamHeadOf(handshakeOf(two, { from: 70n })));
    await until(() => first.text.includes(' 101 '));
    const second = client();
    second.write(streamHeadOf(handshakeOf(two, { from: 70n })));
    await first.untilGone();
    second.write(frameOf(messageOf(70n, 2n, 'second')));
    await until(() => two.texts.includes('second'));
  });

  it('of a member that is removed takes nothing more', async () => {
    const stream = client();
    stream.write(streamHeadOf(handshakeOf(two, { from: 70n })));
    await until(() => stream.text.includes(' 101 '));
    two.transport.removePeer(70n);
    stream.write(frameOf(messageOf(70n, 2n, 'late')));
    await stream.untilGone();
    expect(two.received).toEqual([]);
  });
});

describe('a frame that comes byte by byte', () => {
  it('takes little more than its bytes', () => {
    const reader = new FrameReader(1_000_000);
    const payload = Buffer.alloc(400_000, 7);
    const frame = framed(payload);
    for (let at = 0; at < frame.length - 1; at += 1) {
      // Separate chunks, as the HTTP parser delivers them.
      payloadsAfter(reader, Buffer.from(frame.subarray(at, at + 1)));
    }
    // Each chunk takes more than a hundred bytes besides its content.
    expect(reader.pieces).toBeLessThan(200);
    expect(payloadsAfter(reader, frame.subarray(-1))[0]?.equals(payload)).toBe(true);
    expect(reader.isWhole).toBe(true);
  });
});
