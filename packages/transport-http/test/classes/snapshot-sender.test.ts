/** Sending a snapshot: attempts, pauses, backpressure, and the end of its source. */
import { ClientRequest, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../src/errors.ts';
import { FrameReader } from '../../src/messages/frame-reader.ts';
import { Pacer } from '../../src/snapshots/pacer.ts';
import { outcomeLine } from '../../src/snapshots/snapshot-outcome.ts';
import { sendSnapshot, type SnapshotSending } from '../../src/snapshots/snapshot-sender.ts';
import { paths } from '../../src/wire.ts';
import { never, snapshotMessage, Source } from '../snapshot-support.ts';
import { FakeMember, mebibyte } from './fakes.ts';
import { FakeSocket } from './requests.ts';
import { payloadsAfter } from './payloads-after.ts';

interface World {
  ask: (...given: unknown[]) => unknown;
  answerOf: (...given: unknown[]) => Promise<unknown>;
}

const world: World = vi.hoisted(() => ({
  ask: () => undefined,
  answerOf: () => Promise.reject(new Error('not set')),
}));
vi.mock('../../src/connections/client.ts', async (original) => ({
  ...(await original<object>()),
  ask: (...given: unknown[]) => world.ask(...given),
  answerOf: (...given: unknown[]) => world.answerOf(...given),
}));

const broken = new TransportError('TRANSPORT_BROKEN', 'the connection broke');

/** One request of the sender. The test reads what was sent and answers it. */
class Asked {
  readonly request: ClientRequest;
  readonly socket = new FakeSocket();
  readonly response = new IncomingMessage(new Socket());
  readonly path: string;
  readonly offset: string | undefined;

  constructor(path: string, offset: string | undefined) {
    this.path = path;
    this.offset = offset;
    this.request = new ClientRequest({
      method: 'POST',
      headers: { 'Content-Length': '100000000' },
      createConnection: () => this.socket,
    });
    this.request.on('error', () => undefined);
    this.request.once('close', () => this.response.destroy());
  }

  /** The payloads that were sent, the message first. */
  get payloads(): Buffer[] {
    const bytes = Buffer.concat(this.socket.written);
    return payloadsAfter(
      new FrameReader(8 * mebibyte),
      bytes.subarray(bytes.indexOf('\r\n\r\n') + 4),
    );
  }
}

let member: FakeMember;
let asked: Asked[];
/** The receiver's answers to the questions; the last one is repeated. An answer may be an error. */
let offsets: (number | Error)[];
/** The receiver's answer to each attempt. */
let onAttempt: (attempt: Asked, number: number) => void;

beforeEach(() => {
  member = new FakeMember();
  asked = [];
  offsets = [0];
  onAttempt = () => undefined;
  world.ask = (_wire: unknown, _route: unknown, question: unknown) => {
    const { path, headers } = question as { path: string; headers?: Record<string, string> };
    const one = new Asked(path, headers?.['babuza-offset']);
    asked.push(one);
    return one.request;
  };
  world.answerOf = async (_wire: unknown, _route: unknown, request: unknown) => {
    const one = asked.find((each) => each.request === request);
    if (one === undefined) throw new Error('nobody has asked');
    if (one.path === paths.snapshotReceived) {
      const [offset = 0] = offsets;
      if (offsets.length > 1) offsets.shift();
      if (typeof offset !== 'number') throw offset;
      one.response.push(String(offset));
      one.response.push(null);
    } else onAttempt(one, attempts().length);
    return { response: one.response };
  };
});

const attempts = (): Asked[] => asked.filter(({ path }) => path === paths.snapshot);
const take = ({ response }: Asked): void =>
  void response.push(outcomeLine({ taken: true, reason: '', message: '' }));
const refuseWith =
  (reason: string) =>
  ({ response }: Asked): void =>
    void response.push(outcomeLine({ taken: false, reason, message: 'why' }));

/** The error or result: `undefined` while sending, `null` on success. */
interface Sending {
  end: unknown;
  readonly done: Promise<void>;
}

function send(open: SnapshotSending['open'], given: Partial<SnapshotSending> = {}): Sending {
  const { wire } = member;
  const sending: { end: unknown } = { end: undefined };
  const done = sendSnapshot({
    wire,
    pacer: new Pacer(wire.clock, Infinity),
    target: () => ({ id: 2n, address: '127.0.0.1:2' }),
    message: snapshotMessage(1n, 2n),
    open,
    signal: never,
    ...given,
  }).then(
    () => void (sending.end = null),
    (error: unknown) => void (sending.end = error),
  );
  return Object.assign(sending, { done });
}

const turns = async (count = 20): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await member.clock.advance(0);
};

describe('a snapshot that is sent', () => {
  it('begins where the receiver has ended, and ends with an empty frame', async () => {
    const source = new Source(2500, 1000);
    offsets = [500];
    const sending = send(source.open);
    await turns();
    expect([source.offsets, attempts()[0]?.offset]).toEqual([[500], '500']);
    const [, ...payloads] = attempts()[0]?.payloads ?? [];
    expect(payloads.map(({ length }) => length)).toEqual([1000, 1000, 0]);
    expect(Buffer.concat(payloads).equals(source.bytes.subarray(500))).toBe(true);
    expect(sending.end).toBeUndefined();
    const [attempt] = attempts();
    if (attempt !== undefined) take(attempt);
    await sending.done;
    expect(sending.end).toBeNull();
    expect(member.countersOf(2n)).toMatchObject({ sentSnapshotBytes: 2000, continuedSnapshots: 1 });
    expect(member.clock.pendingCount).toBe(0);
  });

  it.each([
    [mebibyte - 1, [mebibyte - 1]],
    [mebibyte, [mebibyte]],
    [mebibyte + 1, [mebibyte, 1]],
    [3 * mebibyte, [mebibyte, mebibyte, mebibyte]],
  ])('goes in frames of 1 MiB at most: a chunk of %i bytes', async (bytes, expected) => {
    const source = new Source(bytes, bytes);
    const sending = send(source.open);
    await turns();
    const [, ...payloads] = attempts()[0]?.payloads ?? [];
    expect(payloads.map(({ length }) => length)).toEqual([...expected, 0]);
    expect(Buffer.concat(payloads).equals(source.bytes)).toBe(true);
    for (const attempt of attempts()) take(attempt);
    await sending.done;
  });

  it.each([
    [1024, 100, 5],
    [100_000, 1000, 5000],
    [20 * mebibyte, 1000, mebibyte],
    [20 * mebibyte - 20, 1000, mebibyte - 1],
    [20 * mebibyte + 40, 1000, mebibyte],
  ])(
    'at %i bytes a second goes in 20 pieces within a stall timeout of %i ms: %i bytes',
    async (snapshotBytesPerSecond, stallTimeoutMs, expected) => {
      member = new FakeMember({}, { snapshotBytesPerSecond, stallTimeoutMs });
      const sending = send(new Source(expected + 1, 2 * mebibyte).open);
      await turns();
      const [, ...payloads] = attempts()[0]?.payloads ?? [];
      expect(payloads.map(({ length }) => length)).toEqual([expected, 1, 0]);
      for (const attempt of attempts()) take(attempt);
      await sending.done;
    },
  );

  it.each([
    [0, 0],
    [1, 1],
    [2, 1],
  ])('that begins at byte %i counts as continued %i times', async (offset, times) => {
    offsets = [offset];
    const sending = send(new Source(10).open);
    await turns();
    for (const attempt of attempts()) take(attempt);
    await sending.done;
    expect(member.countersOf(2n).continuedSnapshots).toBe(times);
  });

  it('asks its source for a chunk only when the one before has left', async () => {
    const source = new Source(64 * 1000, 1000);
    onAttempt = ({ socket }) => void (socket.isStuck = true);
    const sending = send(source.open);
    await turns();
    expect(source.sentBytes).toBeLessThanOrEqual(1000);
    const [attempt] = attempts();
    attempt?.socket.unstick();
    await turns(400);
    expect(source.sentBytes).toBe(64_000);
    if (attempt !== undefined) take(attempt);
    await sending.done;
    expect(sending.end).toBeNull();
  });

  it('keeps the bytes of a chunk that its source uses again for the next one', async () => {
    const buffer = Buffer.alloc(1000);
    async function* read(): AsyncGenerator<Uint8Array, void, void> {
      for (let number = 0; number < 5; number += 1) {
        buffer.fill(number);
        yield buffer;
      }
    }
    const sending = send(read);
    await turns();
    const [, ...payloads] = attempts()[0]?.payloads ?? [];
    expect(payloads.map((payload) => payload[0])).toEqual([0, 1, 2, 3, 4, undefined]);
    for (const attempt of attempts()) take(attempt);
    await sending.done;
  });

  it('goes at the rate that all snapshots share', async () => {
    const pacer = new Pacer(member.clock, 10_000);
    const sending = send(new Source(3000, 1000).open, { pacer });
    const sent = (): number[] =>
      (attempts()[0]?.payloads ?? []).slice(1).map(({ length }) => length);
    await turns();
    expect(sent()).toEqual([1000]);
    await member.clock.advance(99);
    await turns();
    expect(sent()).toEqual([1000]);
    await member.clock.advance(1);
    await turns();
    expect(sent()).toEqual([1000, 1000]);
    await member.clock.advance(100);
    await turns();
    expect(sent()).toEqual([1000, 1000, 1000, 0]);
    for (const attempt of attempts()) take(attempt);
    await sending.done;
    expect(member.countersOf(2n).sentSnapshotBytes).toBe(3000);
  });
});

describe('attempts to send a snapshot', () => {
  const failing = (attempt: Asked): void => void attempt.response.destroy(broken);

  it('are five that get no further, with longer and longer pauses', async () => {
    onAttempt = failing;
    const sending = send(new Source(1000).open);
    for (const pauseMs of [200, 400, 800, 1600]) {
      await turns();
      const count = attempts().length;
      await member.clock.advance(pauseMs - 1);
      await turns();
      expect([attempts().length, sending.end]).toEqual([count, undefined]);
      await member.clock.advance(1);
      await turns();
      expect(attempts()).toHaveLength(count + 1);
    }
    await sending.done;
    expect(sending.end).toMatchObject({ code: 'TRANSPORT_BROKEN' });
    expect([attempts().length, member.clock.pendingCount]).toEqual([5, 0]);
  });

  it('are five where the receiver does not even say how much it has', async () => {
    offsets = [broken];
    const sending = send(new Source(1000).open);
    for (let turn = 0; turn < 40 && sending.end === undefined; turn += 1) {
      await member.clock.advance(2000);
      await turns();
    }
    expect(sending.end).toBe(broken);
    expect([asked.length, attempts().length]).toEqual([5, 0]);
  });

  it('are one where the failure is none of the transport, whatever its code', async () => {
    const failure = Object.assign(new Error('strange'), { code: 'TRANSPORT_BROKEN' });
    offsets = [failure];
    const sending = send(new Source(1000).open);
    await turns();
    expect([sending.end, asked.length, member.clock.pendingCount]).toEqual([failure, 1, 0]);
  });

  it('go on as long as each gets further, and five more after the last that did', async () => {
    offsets = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    onAttempt = failing;
    const sending = send(new Source(1000).open);
    for (let turn = 0; turn < 40 && sending.end === undefined; turn += 1) {
      await member.clock.advance(2000);
      await turns();
    }
    expect(attempts().map(({ offset }) => offset)).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9, 9].map(String),
    );
  });

  it('that get less far than an earlier one count as attempts without progress', async () => {
    offsets = [50, 10, 20, 30, 40, 49];
    onAttempt = failing;
    const sending = send(new Source(1000).open);
    for (let turn = 0; turn < 40 && sending.end === undefined; turn += 1) {
      await member.clock.advance(2000);
      await turns();
    }
    expect(attempts()).toHaveLength(5);
  });

  it('ask anew where the receiver is, also at its new address', async () => {
    const targets = ['127.0.0.1:2', '127.0.0.1:2', '127.0.0.1:3'];
    const asking: string[] = [];
    onAttempt = (attempt, number) => (number === 1 ? failing(attempt) : take(attempt));
    const target = () => {
      const address = (targets.length > 1 ? targets.shift() : targets[0]) ?? '';
      asking.push(address);
      return { id: 2n, address };
    };
    const sending = send(new Source(10).open, { target });
    await turns();
    await member.clock.advance(200);
    await turns();
    await sending.done;
    expect([sending.end, asking.at(-1)]).toEqual([null, '127.0.0.1:3']);
  });

  it.each(['not-whole', 'other-offset'])('go on after the outcome %s', async (reason) => {
    onAttempt = (attempt, number) => (number === 1 ? refuseWith(reason) : take)(attempt);
    const sending = send(new Source(10).open);
    await turns();
    await member.clock.advance(200);
    await turns();
    await sending.done;
    expect([sending.end, attempts().length]).toEqual([null, 2]);
  });

  it('end with a refusal, in the middle of the stream, which is read no more', async () => {
    const source = new Source(64 * mebibyte, mebibyte);
    source.onRead = async (at) => {
      const [attempt] = attempts();
      if (at === mebibyte && attempt !== undefined) refuseWith('not-taken')(attempt);
      await turns(2);
    };
    const sending = send(source.open);
    await turns(60);
    await sending.done;
    expect(sending.end).toMatchObject({ code: 'TRANSPORT_REFUSED', reason: 'not-taken' });
    expect([attempts().length, source.openStreams]).toEqual([1, 0]);
    expect(source.sentBytes).toBeLessThan(8 * mebibyte);
  });

  it('repeat what the receiver says of itself on one line, escaped and shortened', async () => {
    onAttempt = ({ response }) => {
      const message = `x\nERROR forged \u001b[2J\u009b${'y'.repeat(9000)}`;
      response.push(outcomeLine({ taken: false, reason: 'not-whole', message }));
    };
    const sending = send(new Source(10).open);
    for (let pauses = 0; pauses < 6; pauses += 1) {
      await turns();
      await member.clock.advance(10_000);
    }
    await sending.done;
    const text = String(sending.end);
    expect(sending.end).toMatchObject({ code: 'TRANSPORT_BROKEN' });
    expect(text).toContain('x\\u{a}ERROR forged \\u{1b}[2J\\u{9b}yyy');
    expect(text.length).toBeLessThan(700);
  });

  it.each([
    'while it is asked how much is there',
    'in a pause',
    'while a chunk waits',
    'while the source is read',
    'at the outcome',
  ])('end when the signal fires %s, with no source open and no timer', async (when) => {
    const giveUp = new AbortController();
    const source = new Source(10_000, 1000);
    if (when === 'while it is asked how much is there') offsets = [new Error('unused')];
    if (when === 'in a pause') onAttempt = failing;
    if (when === 'while a chunk waits') onAttempt = ({ socket }) => void (socket.isStuck = true);
    if (when === 'while the source is read') source.onRead = () => turns(10);
    if (when === 'while it is asked how much is there') {
      world.answerOf = () => new Promise(() => undefined);
    }
    const sending = send(source.open, { signal: giveUp.signal });
    await turns(when === 'while the source is read' ? 6 : 40);
    giveUp.abort(new Error('enough'));
    await turns(40);
    expect(sending.end).toMatchObject({ message: 'enough' });
    expect([source.openStreams, member.clock.pendingCount]).toEqual([0, 0]);
    for (const { request } of attempts()) expect(request.destroyed).toBe(true);
  });
});
