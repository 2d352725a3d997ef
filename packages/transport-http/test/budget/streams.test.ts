/**
 * Large frames on streams and in bodies: which wait, which memory is released, and which messages
 * still get through.
 */
import { EntryType, encodeMessage, MessageType, newMessage } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { framesOf } from '../../src/messages/body.ts';
import {
  decodeMessages,
  encodeMessages,
  frameHead,
  partsPerFrameMax,
  sizeInFrame,
} from '../../src/messages/frames.ts';
import { IncomingStream } from '../../src/messages/incoming-stream.ts';
import { FakeMember, mebibyte, stallTimeoutMs } from '../classes/fakes.ts';
import { exchangeOf, FakeSocket } from '../classes/requests.ts';
import { post, serverOf, turn } from '../classes/served.ts';
import { snapshotMessage } from '../snapshot-support.ts';

function frameOfTerm(term: number, from: bigint, bytes = 0): Buffer {
  const data = Buffer.alloc(bytes);
  const entries = bytes === 0 ? [] : [{ type: EntryType.Normal, term, index: 1, data }];
  const message = newMessage({ type: MessageType.App, from, to: 1n, term, entries });
  return encodeMessages([message], sizeInFrame(message));
}

const large = (term: number, from: bigint): Buffer => frameOfTerm(term, from, 2 * mebibyte);

/** Member 1 with a budget of 8 MiB: a share of 3 MiB for each of two members and for the guests. */
function memberWith(handler = {}) {
  const member = new FakeMember(handler, { incomingBytesMax: 8 * mebibyte });
  const streamOf = (from: bigint): { socket: FakeSocket; stream: IncomingStream } => {
    const socket = new FakeSocket();
    const parts = { from, framePayloadMax: 3 * mebibyte, takesReplies: false };
    return { socket, stream: new IncomingStream(member.wire, socket, parts, Buffer.alloc(0)) };
  };
  const terms = (): number[] => member.received.map(({ term }) => term);
  return { member, budget: member.wire.budget, streamOf, terms };
}

describe('a stream with a large frame', () => {
  it('waits for the one before it of the same member, and small ones of others do not', async () => {
    const { streamOf, terms, budget } = memberWith();
    const [first, second, other] = [streamOf(2n), streamOf(2n), streamOf(3n)];
    first.socket.push(large(1, 2n).subarray(0, -1));
    await turn();
    second.socket.push(large(2, 2n).subarray(0, 100));
    await turn();
    expect([second.socket.isPaused(), budget.waiting]).toEqual([true, 1]);
    other.socket.push(frameOfTerm(3, 3n));
    await turn();
    expect(terms()).toEqual([3]);
    first.socket.push(large(1, 2n).subarray(-1));
    await turn();
    second.socket.push(large(2, 2n).subarray(100));
    await turn();
    expect(terms()).toEqual([3, 1, 2]);
    expect([budget.usedBytes, budget.waiting, second.socket.isPaused()]).toEqual([0, 0, false]);
  });

  it('is not given up while it waits, and tells the other side that this one works', async () => {
    const { streamOf, member } = memberWith();
    const [holder, waiter] = [streamOf(2n), streamOf(2n)];
    holder.socket.push(large(1, 2n).subarray(0, -1));
    await turn();
    waiter.socket.push(large(2, 2n).subarray(0, 100));
    await turn();
    for (let count = 0; count < 5; count += 1) {
      await member.clock.advance(stallTimeoutMs);
      waiter.stream.pulse(member.clock.monotonicMs());
    }
    expect(waiter.socket.destroyed).toBe(false);
    expect(Buffer.concat(waiter.socket.written).length).toBe(5 * 16);
  });

  it.each(['holds', 'waits for'])('that ends while it %s memory gives it back', async (how) => {
    const { streamOf, budget, terms } = memberWith();
    const [first, second] = [streamOf(2n), streamOf(2n)];
    for (const { socket } of [first, second]) {
      socket.push(large(1, 2n).subarray(0, -1));
      await turn();
    }
    (how === 'holds' ? first : second).socket.destroy();
    await turn();
    expect(budget.waiting).toBe(0);
    (how === 'holds' ? second : first).socket.push(large(1, 2n).subarray(-1));
    await turn();
    expect([budget.usedBytes, terms()]).toEqual([0, [1]]);
  });

  it('of wrong bytes gives its memory back', async () => {
    const { streamOf, budget } = memberWith();
    const { socket } = streamOf(2n);
    const frame = large(1, 2n);
    frame[frame.length - 1] = 1;
    socket.push(frame.subarray(0, 100_000));
    await turn();
    expect(budget.usedBytes).toBe(frame.length - 8);
    socket.push(frame.subarray(100_000));
    await turn();
    expect([socket.destroyed, budget.usedBytes]).toEqual([true, 0]);
  });

  it('that comes byte by byte is ended, however often something comes', async () => {
    const { streamOf, member, budget } = memberWith();
    const { socket } = streamOf(2n);
    const frame = large(1, 2n);
    socket.push(frame.subarray(0, 1000));
    await turn();
    for (let count = 0; count < 5; count += 1) {
      await member.clock.advance(stallTimeoutMs - 1);
      socket.push(frame.subarray(1000 + count, 1001 + count));
      await turn();
    }
    expect([socket.destroyed, budget.usedBytes]).toEqual([true, 0]);
    expect(member.loggedErrors.map(String).join()).toContain('less than 64 bytes per second');
  });
});

describe('a node that has no room for entries', () => {
  it('is given heartbeats, and the entries when it has room', async () => {
    let open = (): void => undefined;
    let room: Promise<void> | undefined = new Promise((resolve) => (open = resolve));
    const { streamOf, terms, budget } = memberWith({ room: () => room });
    const [entries, heartbeats] = [streamOf(2n), streamOf(3n)];
    entries.socket.push(large(1, 2n).subarray(0, 100_000));
    await turn();
    entries.socket.push(large(1, 2n).subarray(100_000));
    await turn();
    heartbeats.socket.push(frameOfTerm(2, 3n));
    heartbeats.socket.push(frameOfTerm(3, 3n, 10));
    await turn();
    expect(terms()).toEqual([2]);
    expect([entries.socket.isPaused(), heartbeats.socket.isPaused()]).toEqual([true, true]);
    expect(budget.usedBytes).toBe(large(1, 2n).length - 8);
    room = undefined;
    open();
    await turn();
    expect(terms()[0]).toBe(2);
    expect(new Set(terms())).toEqual(new Set([1, 2, 3]));
    expect([budget.usedBytes, entries.socket.isPaused()]).toEqual([0, false]);
  });
});

describe('a body with a large frame', () => {
  const bodyOf = ({ member }: ReturnType<typeof memberWith>) => {
    const { request } = exchangeOf();
    const { clock, wire } = member;
    const memory = { budget: wire.budget, id: 2n };
    return { request, frames: framesOf(request, clock, stallTimeoutMs, 3 * mebibyte, memory) };
  };

  it('gives its memory back when the next one is read, and when the reader ends', async () => {
    const all = memberWith();
    const { request, frames } = bodyOf(all);
    request.push(large(1, 2n));
    request.push(large(2, 2n).subarray(0, 100));
    await frames.next();
    expect(all.budget.usedBytes).toBeGreaterThan(2 * mebibyte);
    const next = frames.next();
    await turn();
    expect(all.budget.usedBytes).toBeGreaterThan(2 * mebibyte);
    request.destroy();
    await expect(next).rejects.toMatchObject({ code: 'TRANSPORT_BROKEN' });
    expect(all.budget.usedBytes).toBe(0);
  });

  it('that waits for memory ends with its connection', async () => {
    const all = memberWith();
    const holder = all.streamOf(2n);
    holder.socket.push(large(1, 2n).subarray(0, -1));
    await turn();
    const { request, frames } = bodyOf(all);
    request.push(large(2, 2n).subarray(0, 100));
    const next = frames.next();
    await turn();
    expect(all.budget.waiting).toBe(1);
    request.destroy();
    await expect(next).rejects.toMatchObject({ code: 'TRANSPORT_BROKEN' });
    expect(all.budget.waiting).toBe(0);
  });
});

describe('the parts of a frame', () => {
  const emptyEntries = (count: number): Buffer => {
    const message = Buffer.concat(Array.from({ length: count }, () => Buffer.of(0x3a, 0)));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    return Buffer.concat([length, message]);
  };

  it('are counted: the message and its entries', () => {
    const [message] = decodeMessages(emptyEntries(partsPerFrameMax - 1));
    expect(message?.entries.length).toBe(partsPerFrameMax - 1);
    expect(() => decodeMessages(emptyEntries(partsPerFrameMax))).toThrow('at most 32768');
  });

  it('are counted over all messages of the frame', () => {
    const half = emptyEntries(partsPerFrameMax / 2);
    expect(() => decodeMessages(Buffer.concat([half, half]))).toThrow('at most 32768');
    const empty = Buffer.alloc(4 * partsPerFrameMax);
    expect(decodeMessages(empty)).toHaveLength(partsPerFrameMax);
    expect(() => decodeMessages(Buffer.concat([empty, Buffer.alloc(4)]))).toThrow('at most 32768');
  });

  it('of the fullest frame that a member sends are below the limit', () => {
    const entry = { type: EntryType.Normal, term: 1, index: 1, data: new Uint8Array(0) };
    const entries = Array.from({ length: 8192 }, () => entry);
    const full = newMessage({
      type: MessageType.App,
      from: 2n,
      to: 1n,
      term: 1,
      vote: 1n,
      entries,
    });
    const fewer = { ...full, entries: entries.slice(1) };
    const small = newMessage({ type: MessageType.App, from: 2n, to: 1n, term: 1, vote: 1n });
    const all = [...Array.from({ length: 254 }, () => small), fewer, full];
    const frame = encodeMessages(
      all,
      all.reduce((sum, each) => sum + sizeInFrame(each), 0),
    );
    expect(decodeMessages(frame.subarray(8))).toHaveLength(256);
  });
});

describe('a node whose disk hangs', () => {
  it('holds eight requests about snapshots of a peer, however many come', async () => {
    let asked = 0;
    const never = new Promise<number>(() => undefined);
    const { connected } = serverOf({
      receivedSnapshotBytes: () => {
        asked += 1;
        return never;
      },
    });
    const message = encodeMessage(snapshotMessage(2n, 1n));
    const request = post('snapshots/received', Buffer.concat([frameHead(message), message]));
    for (let count = 0; count < 20; count += 1) {
      const socket = await connected(request);
      if (count >= 8) expect(socket.text).toContain('babuza-refusal: too-much');
      socket.destroy();
    }
    expect(asked).toBe(8);
  });
});
