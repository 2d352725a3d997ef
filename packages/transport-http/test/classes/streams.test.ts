/** Both sides of a stream: the messages that they accept, their answers, and when they close it. */
import type { TransportHandler } from '@babuza/raft/ports';
import { EntryType, MessageType, newMessage } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import {
  decodeMessages,
  emptyFrame,
  encodeMessages,
  frameHead,
  sizeInFrame,
} from '../../src/messages/frames.ts';
import { IncomingStream } from '../../src/messages/incoming-stream.ts';
import { OutgoingStream } from '../../src/messages/outgoing-stream.ts';
import { FakeMember, mebibyte, stallTimeoutMs } from './fakes.ts';
import { FakeSocket, frameOf } from './requests.ts';

function messagesFrame(...terms: number[]): Buffer {
  const messages = terms.map((term) =>
    newMessage({ type: MessageType.Heartbeat, from: 2n, to: 1n, term }),
  );
  return encodeMessages(
    messages,
    messages.reduce((sum, message) => sum + sizeInFrame(message), 0),
  );
}

/** The numbers of bytes that the answers on a connection name. */
function answersIn(socket: FakeSocket): number[] {
  const bytes = Buffer.concat(socket.written.splice(0));
  const answers: number[] = [];
  for (let at = 0; at < bytes.length; at += 16) answers.push(Number(bytes.readBigUInt64BE(at + 8)));
  return answers;
}

function incoming(head: Buffer = Buffer.alloc(0)) {
  const member = new FakeMember();
  const socket = new FakeSocket();
  const stream = new IncomingStream(
    member.wire,
    socket,
    { from: 2n, framePayloadMax: 1000, takesReplies: false },
    head,
  );
  const turn = (): Promise<void> => member.clock.advance(0);
  const terms = (): number[] => member.received.map(({ term }) => term);
  return { member, socket, stream, turn, terms };
}

describe('the length of a message in its frame', () => {
  const payload = messagesFrame(7).subarray(8);

  it.each([
    ['as long as the message', 0, true],
    ['one byte shorter', -1, false],
    ['one byte longer', 1, false],
    ['four bytes longer', 4, false],
    ['as long as it can be', 2 ** 32 - 1 - (payload.length - 4), false],
  ])('is %s', (_, more, isTaken) => {
    const bytes = Buffer.from(payload);
    bytes.writeUInt32BE(payload.length - 4 + more, 0);
    const code = 'TRANSPORT_PROTOCOL';
    if (isTaken) expect(decodeMessages(bytes).map(({ term }) => term)).toEqual([7]);
    else expect(() => decodeMessages(bytes)).toThrow(expect.objectContaining({ code }));
  });

  it('is 0 for a message whose fields all have their defaults, also at the end of a frame', () => {
    const bytes = Buffer.concat([payload, Buffer.alloc(4)]);
    expect(decodeMessages(bytes).map(({ term }) => term)).toEqual([7, 0]);
  });

  it.each([1, 2, 3])('is not cut off: %i bytes of it', (bytes) => {
    const cut = Buffer.concat([payload, payload.subarray(0, bytes)]);
    expect(() => decodeMessages(cut)).toThrow('longer than its frame');
  });
});

describe('an incoming stream', () => {
  it('takes what came with the head of the request before all else', async () => {
    const { socket, turn, terms } = incoming(messagesFrame(1));
    socket.push(messagesFrame(2));
    await turn();
    expect(terms()).toEqual([1, 2]);
  });

  it('answers a question at once, with all bytes that it has taken', async () => {
    const { socket, turn } = incoming();
    const bytes = messagesFrame(1, 2);
    socket.push(bytes);
    await turn();
    expect(answersIn(socket)).toEqual([]);
    socket.push(emptyFrame);
    socket.push(Buffer.concat([bytes, emptyFrame, emptyFrame]));
    await turn();
    expect(answersIn(socket)).toEqual([bytes.length + 8, 2 * bytes.length + 24]);
  });

  it('answers what nobody has asked at the next pulse, once', async () => {
    const { socket, stream, turn } = incoming();
    const bytes = messagesFrame(1);
    socket.push(bytes);
    await turn();
    for (const nowMs of [1, 2, 3]) stream.pulse(nowMs);
    expect(answersIn(socket)).toEqual([bytes.length]);
  });

  it('answers a single byte, too: it shows that the other side is heard', async () => {
    const { socket, stream, turn } = incoming();
    stream.pulse(1);
    expect(answersIn(socket)).toEqual([]);
    socket.push(emptyFrame.subarray(0, 1));
    await turn();
    stream.pulse(2);
    expect(answersIn(socket)).toEqual([1]);
  });

  it('answers no more while nobody reads the answers', async () => {
    const { socket, stream, turn } = incoming();
    socket.isStuck = true;
    for (let count = 0; count < 10_000; count += 1) socket.push(emptyFrame);
    for (let count = 0; count < 20; count += 1) {
      socket.push(Buffer.concat(Array.from({ length: 500 }, () => emptyFrame)));
      await turn();
      stream.pulse(0);
    }
    expect(socket.writableLength).toBeLessThanOrEqual(socket.writableHighWaterMark + 16);
    socket.unstick();
    await turn();
    stream.pulse(0);
    expect(answersIn(socket).at(-1)).toBe(20_000 * 8);
  });

  it('is given up when nothing at all has come for longer than the stall timeout', async () => {
    const member = new FakeMember();
    await member.clock.advance(500);
    const socket = new FakeSocket();
    const limits = { from: 2n, framePayloadMax: 1000, takesReplies: false };
    const stream = new IncomingStream(member.wire, socket, limits, Buffer.alloc(0));
    stream.pulse(500 + stallTimeoutMs);
    expect(socket.destroyed).toBe(false);
    stream.pulse(500 + stallTimeoutMs + 1);
    expect(socket.destroyed).toBe(true);
  });

  it('counts the bytes and the messages that it takes', async () => {
    const { member, socket, turn } = incoming(messagesFrame(1));
    socket.push(messagesFrame(2, 3));
    socket.push(emptyFrame);
    await turn();
    expect(member.countersOf(2n)).toMatchObject({
      receivedBytes: messagesFrame(1).length + messagesFrame(2, 3).length + 8,
      receivedMessages: 3,
    });
  });

  it('is given up when nothing has come for longer than the stall timeout', async () => {
    const { member, socket, stream, turn } = incoming();
    await member.clock.advance(5);
    socket.push(emptyFrame);
    await turn();
    stream.pulse(5 + stallTimeoutMs);
    expect(socket.destroyed).toBe(false);
    stream.pulse(5 + stallTimeoutMs + 1);
    expect(socket.destroyed).toBe(true);
  });

  it('is not given up for the time in which this process slept', () => {
    const { socket, stream } = incoming();
    stream.forgive(100_000);
    stream.pulse(100_000 + stallTimeoutMs);
    expect(socket.destroyed).toBe(false);
  });

  it.each<[string, Buffer]>([
    ['a damaged frame', Buffer.concat([frameHead(Buffer.of(1)), Buffer.of(2)])],
    ['a frame that is too long', frameOf(Buffer.alloc(1001))],
    ['what is no message', frameOf(Buffer.of(0, 0, 0, 1, 255))],
    ['a message of another member', frameOf(encodedOf({ from: 3n }))],
  ])('ends at %s, and nothing behind it reaches the node', async (_, wrong) => {
    const { member, socket, turn, terms } = incoming();
    socket.push(messagesFrame(1));
    await turn();
    socket.push(wrong);
    socket.push(messagesFrame(2));
    await turn();
    expect([terms(), socket.destroyed, member.logged.length]).toEqual([[1], true, 1]);
  });

  it('gives the node nothing more once it was ended, also of the same piece of bytes', async () => {
    const member = new FakeMember({
      receive: (message) => {
        member.received.push(message);
        stream.destroy();
      },
    });
    const socket = new FakeSocket();
    const limits = { from: 2n, framePayloadMax: 1000, takesReplies: false };
    const stream = new IncomingStream(member.wire, socket, limits, Buffer.alloc(0));
    socket.push(Buffer.concat([messagesFrame(1), messagesFrame(2), messagesFrame(3)]));
    await member.clock.advance(0);
    expect(member.received.map(({ term }) => term)).toEqual([1]);
  });

  it('ends where the node itself fails, and does not hide that', () => {
    const failure = new Error('the node is broken');
    const member = new FakeMember({
      receive: () => {
        throw failure;
      },
    });
    const socket = new FakeSocket();
    const limits = { from: 2n, framePayloadMax: 1000, takesReplies: false };
    const stream = new IncomingStream(member.wire, socket, limits, Buffer.alloc(0));
    expect(stream.from).toBe(2n);
    expect(() => socket.emit('data', messagesFrame(1))).toThrow(failure);
    expect([socket.destroyed, member.logged]).toEqual([true, []]);
  });

  it('ends with the half of the other side', async () => {
    const { socket, turn } = incoming();
    socket.push(null);
    await turn();
    expect(socket.destroyed).toBe(true);
  });
});

function encodedOf({ from }: { readonly from: bigint }): Buffer {
  const message = newMessage({ type: MessageType.Heartbeat, from, to: 1n, term: 5 });
  return encodeMessages([message], sizeInFrame(message)).subarray(8);
}

function outgoing(head?: Buffer, handler: Partial<TransportHandler> = {}) {
  const member = new FakeMember(handler);
  const socket = new FakeSocket();
  const events: string[] = [];
  const stream = new OutgoingStream(
    member.wire,
    { id: 2n, address: 'two.example:2' },
    socket,
    head,
    {
      onReady: () => events.push('ready'),
      onAnswer: () => events.push('answer'),
      onBroken: ({ code }) => events.push(code),
    },
  );
  const turn = (): Promise<void> => member.clock.advance(0);
  return { member, socket, stream, events, turn };
}

const answer = frameOf(Buffer.alloc(8));
const frameOfBytes = (bytes: number) => ({ bytes: Buffer.alloc(bytes), messages: 1 });

describe('an outgoing stream', () => {
  it.each([
    [mebibyte - 1, true],
    [mebibyte, false],
    [mebibyte + 1, false],
  ])('with %i bytes that have not left takes more: %s', async (bytes, canTake) => {
    const { socket, stream, events, turn } = outgoing();
    socket.isStuck = true;
    stream.write(frameOfBytes(bytes));
    expect(stream.canTake).toBe(canTake);
    await turn();
    expect(events).toEqual([]);
    socket.unstick();
    await turn();
    expect([stream.canTake, events]).toEqual([true, ['ready']]);
  });

  it('asks for an answer at each pulse, and is broken when none came for too long', async () => {
    const { socket, stream, events, turn } = outgoing();
    stream.pulse(stallTimeoutMs);
    expect([socket.text.length, events]).toEqual([8, []]);
    stream.pulse(stallTimeoutMs + 1);
    await turn();
    expect([events, socket.destroyed, stream.canTake]).toEqual([['TRANSPORT_BROKEN'], true, false]);
  });

  it('goes on with each answer, and with what came with its head', async () => {
    const { member, socket, stream, events, turn } = outgoing(answer);
    expect(events).toEqual(['answer']);
    await member.clock.advance(700);
    // A partial answer does not count.
    socket.push(answer.subarray(0, 9));
    await turn();
    expect(events).toHaveLength(1);
    socket.push(answer.subarray(9));
    await turn();
    stream.pulse(700 + stallTimeoutMs);
    expect(events).toEqual(['answer', 'answer']);
    stream.pulse(701 + stallTimeoutMs);
    expect(events).toEqual(['answer', 'answer', 'TRANSPORT_BROKEN']);
  });

  it('that is doubted has 30 % of the stall timeout for an answer, however often it is', () => {
    const { stream, events } = outgoing();
    for (const nowMs of [0, 100, 200, 300]) stream.doubt(nowMs);
    stream.pulse(300);
    expect(events).toEqual([]);
    stream.doubt(301);
    expect(events).toEqual(['TRANSPORT_BROKEN']);
  });

  it('that is doubted late has no longer than before', () => {
    const { stream, events } = outgoing();
    stream.doubt(stallTimeoutMs);
    expect(events).toEqual([]);
    stream.pulse(stallTimeoutMs + 1);
    expect(events).toEqual(['TRANSPORT_BROKEN']);
  });

  it('is not broken for the time in which this process slept', () => {
    const { stream, events } = outgoing();
    stream.forgive(100_000);
    stream.pulse(100_000 + stallTimeoutMs);
    expect(events).toEqual([]);
  });

  it.each(['an error', 'its end', 'its close', 'no answer of this protocol', 'an answer too long'])(
    'is broken once by %s, and says nothing after it',
    async (how) => {
      const { socket, stream, events, turn } = outgoing();
      if (how === 'an error') socket.destroy(new Error('reset'));
      else if (how === 'its end') socket.push(null);
      else if (how === 'its close') socket.destroy();
      else if (how === 'an answer too long') socket.push(frameOf(Buffer.alloc(9)));
      else socket.push(Buffer.alloc(16, 255));
      await turn();
      await turn();
      stream.pulse(10 * stallTimeoutMs);
      expect([events, socket.destroyed]).toEqual([['TRANSPORT_BROKEN'], true]);
    },
  );

  it('that was closed tells nothing, whatever still happens', async () => {
    const { socket, stream, events, turn } = outgoing();
    socket.isStuck = true;
    stream.write(frameOfBytes(2 * mebibyte));
    stream.close();
    socket.unstick();
    socket.emit('drain');
    socket.emit('data', answer);
    socket.emit('error', new Error('late'));
    await turn();
    stream.pulse(10 * stallTimeoutMs);
    expect([events, stream.canTake, socket.destroyed]).toEqual([[], false, true]);
  });
});

/** An answer that carries one entry, as a forwarded proposal does. */
function replyWithEntry(term: number, bytes: number): Buffer {
  const entries = [{ type: EntryType.Normal, term, index: 1, data: Buffer.alloc(bytes) }];
  const message = newMessage({ type: MessageType.Prop, from: 2n, to: 1n, term, entries });
  return encodeMessages([message], sizeInFrame(message));
}

/** An outgoing stream of a node that has no room for entries until `open` is called. */
function outgoingWithoutRoom(head?: Buffer) {
  let resolve = (): void => undefined;
  let room: Promise<void> | undefined = new Promise((done) => (resolve = done));
  const { member, ...rest } = outgoing(head, { room: () => room });
  const terms = (): number[] => member.received.map(({ term }) => term);
  const open = (): void => {
    room = undefined;
    resolve();
  };
  return { ...rest, member, terms, open };
}

describe('replies on an outgoing stream of a node that has no room for entries', () => {
  it.each([10, 60_000])(
    'wait with their entries of %i bytes, and nothing behind them is read',
    async (bytes) => {
      const { socket, events, turn, terms, open } = outgoingWithoutRoom();
      socket.push(Buffer.concat([messagesFrame(1), replyWithEntry(2, bytes), messagesFrame(3)]));
      await turn();
      for (const term of [4, 5, 6]) socket.push(replyWithEntry(term, bytes));
      await turn();
      expect([terms(), socket.isPaused(), events]).toEqual([[1], true, ['answer']]);
      open();
      await turn();
      await turn();
      expect([terms(), socket.isPaused()]).toEqual([[1, 2, 3, 4, 5, 6], false]);
    },
  );

  it('wait also where they came with the head of the answer', async () => {
    const { socket, turn, terms, open } = outgoingWithoutRoom(replyWithEntry(1, 60_000));
    socket.push(replyWithEntry(2, 60_000));
    await turn();
    expect([terms(), socket.isPaused()]).toEqual([[], true]);
    open();
    await turn();
    await turn();
    expect(terms()).toEqual([1, 2]);
  });

  it('do not let the stream count as broken while they wait, and no longer', async () => {
    const { member, socket, stream, events, turn, open } = outgoingWithoutRoom();
    socket.push(replyWithEntry(1, 10));
    await turn();
    for (const round of [1, 2, 3]) stream.pulse(round * stallTimeoutMs);
    expect(events).not.toContain('TRANSPORT_BROKEN');
    await member.clock.advance(3 * stallTimeoutMs);
    open();
    await turn();
    stream.pulse(4 * stallTimeoutMs);
    expect(events).not.toContain('TRANSPORT_BROKEN');
    stream.pulse(4 * stallTimeoutMs + 1);
    expect(events).toContain('TRANSPORT_BROKEN');
  });

  it('are not handed over after the stream was closed', async () => {
    const { socket, stream, turn, terms, open } = outgoingWithoutRoom();
    socket.push(replyWithEntry(1, 10));
    await turn();
    stream.close();
    open();
    await turn();
    expect(terms()).toEqual([]);
  });
});
