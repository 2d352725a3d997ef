/** Incoming snapshots: the admitted senders, the order of attempts, and the answers. */
import type { TransportHandler } from '@babuza/raft/ports';
import { encodeMessage, type Message } from '@babuza/raftpb';
import { beforeEach, describe, expect, it } from 'vitest';
import { emptyFrame } from '../../src/messages/frames.ts';
import { SnapshotReceiver } from '../../src/snapshots/snapshot-receiver.ts';
import { offsetHeader } from '../../src/snapshots/snapshot-sender.ts';
import { snapshotMessage } from '../snapshot-support.ts';
import { FakeMember, mebibyte, stallTimeoutMs } from './fakes.ts';
import { exchangeOf, frameOf, type FakeExchange } from './requests.ts';

/** A snapshot whose end the test controls. */
class Taking {
  readonly message: Message;
  readonly signal: AbortSignal;
  readonly chunks: string[] = [];
  settle: () => void = () => undefined;
  isOver = false;

  constructor(message: Message, signal: AbortSignal) {
    this.message = message;
    this.signal = signal;
  }
}

let takings: Taking[];
let member: FakeMember;
let receiver: SnapshotReceiver;
let received: number;
/** Whether the node waits for the test before it has stored or rejected a snapshot. */
let isSlow: boolean;
let failure: Error | undefined;

beforeEach(() => {
  takings = [];
  received = 0;
  isSlow = false;
  failure = undefined;
  member = new FakeMember({
    receivedSnapshotBytes: async () => received,
    receiveSnapshot: async (message, stream, signal) => {
      const taking = new Taking(message, signal);
      takings.push(taking);
      try {
        for await (const chunk of stream) taking.chunks.push(Buffer.from(chunk).toString());
        if (failure !== undefined) throw failure;
      } finally {
        if (isSlow) await new Promise<void>((resolve) => (taking.settle = resolve));
        taking.isOver = true;
      }
    },
  });
  receiver = new SnapshotReceiver(member.wire);
});

const turn = (): Promise<void> => member.clock.advance(0);

interface Attempt extends FakeExchange {
  readonly done: Promise<unknown>;
  readonly push: (...frames: (string | Buffer)[]) => Promise<void>;
  /** The outcome in the last line of the answer. */
  readonly outcome: () => unknown;
}

/** An attempt of a member to send a snapshot. */
async function attempt(from: bigint, offset = '0', message?: Message): Promise<Attempt> {
  const exchange = exchangeOf({ [offsetHeader]: offset });
  const { request, response, socket } = exchange;
  const push = async (...frames: (string | Buffer)[]): Promise<void> => {
    for (const frame of frames) {
      request.push(typeof frame === 'string' ? frameOf(Buffer.from(frame)) : frame);
    }
    await turn();
    await turn();
  };
  const done = receiver.take(from, request, response).catch((error: unknown) => error);
  await push(frameOf(encodeMessage(message ?? snapshotMessage(from, 1n))));
  const outcome = (): unknown => {
    const lines = socket.text.split('\n').filter((line) => line.includes('"taken"'));
    return lines.length === 0 ? undefined : JSON.parse(lines[0]?.trim() ?? '');
  };
  return { ...exchange, done, push, outcome };
}

describe('a snapshot', () => {
  it('is taken whole, in order, and counted', async () => {
    const one = await attempt(2n);
    await one.push('a', 'bc', 'def', emptyFrame);
    await one.done;
    await turn();
    expect(takings[0]?.chunks).toEqual(['a', 'bc', 'def']);
    expect(one.outcome()).toEqual({ taken: true, reason: '', message: '' });
    expect(member.countersOf(2n).receivedSnapshotBytes).toBe(6);
    expect(member.clock.pendingCount).toBe(0);
  });

  it.each([
    ['9', false],
    ['10', true],
    ['11', false],
  ])('goes on where it has ended, at 10 bytes, and not at %s: %s', async (offset, isTaken) => {
    received = 10;
    const one = await attempt(2n, offset);
    await one.push('a', emptyFrame);
    await one.done;
    await turn();
    expect(takings).toHaveLength(isTaken ? 1 : 0);
    expect(one.outcome()).toMatchObject({ taken: isTaken, reason: isTaken ? '' : 'other-offset' });
  });

  it.each(['', '-1', '1.5', '0x10', '9'.repeat(16)])(
    'does not begin at what is no number: "%s"',
    async (offset) => {
      const one = await attempt(2n, offset);
      expect(await one.done).toMatchObject({ code: 'TRANSPORT_PROTOCOL' });
      expect(takings).toEqual([]);
    },
  );

  it('that ends without its last frame did not arrive whole, and is worth another attempt', async () => {
    const one = await attempt(2n);
    await one.push('a', 'bc');
    one.request.complete = true;
    one.request.push(null);
    await one.done;
    await turn();
    expect(one.outcome()).toMatchObject({ taken: false, reason: 'not-whole' });
  });

  it('that the node refuses is told with its reason', async () => {
    failure = new Error('no room here');
    const one = await attempt(2n);
    await one.push('a', emptyFrame);
    await one.done;
    await turn();
    expect(one.outcome()).toMatchObject({ taken: false, reason: 'not-taken', message: /no room/ });
  });

  it.each<[string, Message]>([
    ['of another sender', snapshotMessage(3n, 1n)],
    ['for another member', snapshotMessage(2n, 3n)],
    ['without a snapshot', { ...snapshotMessage(2n, 1n), snapshot: undefined }],
    ['of another type', { ...snapshotMessage(2n, 1n), type: 0 }],
  ])('is refused before anything is taken: a message %s', async (_, message) => {
    const one = await attempt(2n, '0', message);
    expect(takings).toEqual([]);
    expect(await one.done).toMatchObject({ code: 'TRANSPORT_PROTOCOL' });
  });
});

describe('the request of a snapshot', () => {
  it('is answered at once, before its first chunk is here', async () => {
    const one = await attempt(2n);
    expect(one.socket.text).toMatch(/^HTTP\/1.1 200 [^]*application\/x-ndjson[^]*\{\}\n/);
  });

  it('without anything in its body is none', async () => {
    const { request, response } = exchangeOf({ [offsetHeader]: '0' });
    const done = receiver.take(2n, request, response).catch((error: unknown) => error);
    request.push(null);
    await turn();
    expect(await done).toMatchObject({ code: 'TRANSPORT_PROTOCOL' });
  });

  it.each([
    [3 * mebibyte, 1000, true],
    [3 * mebibyte + 1, 1000, false],
    [3 * mebibyte + 1, 3 * mebibyte + 1, true],
    [3 * mebibyte + 2, 3 * mebibyte + 1, false],
  ])('with a frame of %i bytes, of messages of %i: %s', async (bytes, framePayloadMax, isTaken) => {
    const lengths: number[] = [];
    const takes: Partial<TransportHandler> = {
      receiveSnapshot: async (_, stream) => {
        for await (const chunk of stream) lengths.push(chunk.length);
      },
    };
    member = new FakeMember(takes, {}, framePayloadMax);
    receiver = new SnapshotReceiver(member.wire);
    const one = await attempt(2n);
    await one.push(frameOf(Buffer.alloc(bytes)), emptyFrame);
    await one.done;
    await turn();
    expect(one.outcome()).toMatchObject({ taken: isTaken });
    expect(lengths).toEqual(isTaken ? [bytes] : []);
  });
});

describe('snapshots at once', () => {
  it('of two leaders are taken beside each other, each with its own chunks', async () => {
    const one = await attempt(2n);
    const other = await attempt(3n);
    await one.push('one');
    await other.push('other');
    await one.push('more', emptyFrame);
    await one.done;
    expect(takings.map(({ chunks }) => chunks)).toEqual([['one', 'more'], ['other']]);
    await other.push(emptyFrame);
    await other.done;
    await turn();
    for (const each of [one, other]) expect(each.outcome()).toMatchObject({ taken: true });
  });

  it('of two leaders end each for itself when one of them is removed', async () => {
    const one = await attempt(2n);
    const other = await attempt(3n);
    await receiver.end(2n);
    await one.done;
    expect(takings.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    await other.push('x', emptyFrame);
    await other.done;
    expect(takings[1]?.chunks).toEqual(['x']);
  });

  it('of a newer term ends the older one of the same leader, and waits until that is over', async () => {
    isSlow = true;
    const older = await attempt(2n);
    await older.push('old');
    const newer = await attempt(2n, '0', { ...snapshotMessage(2n, 1n), term: 3 });
    await turn();
    expect(takings.map(({ message, signal }) => [message.term, signal.aborted])).toEqual([
      [2, true],
    ]);
    takings[0]?.settle();
    await older.done;
    await newer.push('new', emptyFrame);
    expect(takings.map(({ message, isOver }) => [message.term, isOver])).toEqual([
      [2, true],
      [3, false],
    ]);
    takings[1]?.settle();
    await newer.done;
    await turn();
    expect([older.outcome(), newer.outcome()]).toEqual([
      undefined,
      expect.objectContaining({ taken: true }),
    ]);
  });

  it('of one leader are never two, however many attempts wait for the end of the first', async () => {
    isSlow = true;
    const attempts = [await attempt(2n)];
    for (let count = 0; count < 4; count += 1) attempts.push(await attempt(2n));
    let mostRunning = 0;
    for (let round = 0; round < 20; round += 1) {
      const running = takings.filter(({ isOver }) => !isOver);
      mostRunning = Math.max(mostRunning, running.length);
      // The last attempt is served; each earlier one is ended by the next.
      for (const each of attempts) if (!each.request.destroyed) await each.push(emptyFrame);
      for (const each of running) each.settle();
      await turn();
    }
    await Promise.all(attempts.map(({ done }) => done));
    expect(mostRunning).toBe(1);
    expect(member.clock.pendingCount).toBe(0);
  });

  it('leave the newer one in its place when the older one ends late', async () => {
    const older = await attempt(2n);
    const ending = receiver.end(2n);
    const newer = await attempt(2n);
    await ending;
    await older.done;
    await receiver.end(2n);
    await newer.done;
    expect(takings.map(({ signal }) => signal.aborted)).toEqual([true, true]);
  });
});

describe('the end of a snapshot', () => {
  it('comes with the end of its connection, also in the middle of a read', async () => {
    const one = await attempt(2n);
    await one.push('a');
    one.socket.destroy();
    await turn();
    await one.done;
    expect(takings[0]).toMatchObject({ isOver: true, signal: { aborted: true } });
    expect(member.clock.pendingCount).toBe(0);
  });

  it('comes before anything is taken where the connection is gone already', async () => {
    isSlow = true;
    const first = await attempt(2n);
    const second = await attempt(2n);
    second.socket.destroy();
    second.response.destroy();
    await turn();
    takings[0]?.settle();
    await turn();
    expect(takings).toHaveLength(1);
    await Promise.all([first.done, second.done]);
  });

  it('comes when nothing arrives for the stall timeout', async () => {
    const one = await attempt(2n);
    await one.push('a');
    await member.clock.advance(stallTimeoutMs - 1);
    expect(takings[0]?.isOver).toBe(false);
    await member.clock.advance(1);
    await one.done;
    expect([takings[0]?.isOver, one.socket.destroyed]).toEqual([true, true]);
    expect(member.clock.pendingCount).toBe(0);
  });

  it('by another attempt breaks the connection, also behind the last chunk', async () => {
    isSlow = true;
    const one = await attempt(2n);
    await one.push('a', emptyFrame);
    one.request.push(null);
    Object.defineProperty(one.request, 'complete', { value: true });
    await turn();
    const ended = receiver.end(2n);
    takings[0]?.settle();
    await ended;
    expect([one.outcome(), one.response.destroyed]).toEqual([undefined, true]);
  });

  it('is waited for by close', async () => {
    isSlow = true;
    await attempt(2n);
    await attempt(3n);
    let isClosed = false;
    const closing = receiver.close().then(() => (isClosed = true));
    await turn();
    expect([isClosed, takings.map(({ signal }) => signal.aborted)]).toEqual([false, [true, true]]);
    takings[0]?.settle();
    await turn();
    expect(isClosed).toBe(false);
    takings[1]?.settle();
    await closing;
    expect(member.clock.pendingCount).toBe(0);
  });

  it('does not keep later ones of the member out, whatever the node throws', async () => {
    failure = new Error('an error without a text');
    failure.toString = () => {
      throw new TypeError('it has no text');
    };
    const one = await attempt(2n);
    await one.push('a', emptyFrame);
    expect(await one.done).toBeInstanceOf(TypeError);
    failure = undefined;
    const other = await attempt(2n);
    await other.push('b', emptyFrame);
    await other.done;
    await turn();
    expect(other.outcome()).toMatchObject({ taken: true });
  });
});

describe('the question how much is here', () => {
  it('ends what is being taken, and is answered when that is over', async () => {
    isSlow = true;
    await attempt(2n);
    const { request } = exchangeOf();
    let answer: string | undefined;
    const asking = receiver.tellReceived(2n, request).then((text) => (answer = text));
    request.push(frameOf(encodeMessage(snapshotMessage(2n, 1n))));
    await turn();
    await turn();
    expect([answer, takings[0]?.signal.aborted]).toEqual([undefined, true]);
    received = 7;
    takings[0]?.settle();
    await asking;
    expect(answer).toBe('7');
  });

  it('of another leader ends nothing', async () => {
    await attempt(2n);
    const { request } = exchangeOf();
    request.push(frameOf(encodeMessage(snapshotMessage(3n, 1n))));
    expect(await receiver.tellReceived(3n, request)).toBe('0');
    expect(takings[0]?.signal.aborted).toBe(false);
  });
});
