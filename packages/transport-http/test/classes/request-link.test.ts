/**
 * Frames as requests: one at a time, each after the answer to the previous one, and every failure
 * reported once.
 */
import { ClientRequest, IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { TransportError } from '../../src/errors.ts';
import { RequestLink } from '../../src/messages/request-link.ts';
import { FakeMember, stallTimeoutMs } from './fakes.ts';
import { FakeSocket } from './requests.ts';

interface World {
  ask: (...given: unknown[]) => unknown;
  answerOf: (...given: unknown[]) => Promise<unknown>;
}

const world: World = vi.hoisted(() => ({
  ask: () => undefined,
  answerOf: () => Promise.reject(new Error('not set')),
}));
vi.mock('../../src/connections/client.ts', () => ({
  ask: (...given: unknown[]) => world.ask(...given),
  answerOf: (...given: unknown[]) => world.answerOf(...given),
}));

interface Asked {
  readonly socket: FakeSocket;
  readonly signal: AbortSignal;
  readonly response: IncomingMessage;
  readonly answer: () => Promise<void>;
  readonly refuse: (error: Error) => Promise<void>;
}

let member: FakeMember;
let asked: Asked[];
let events: string[];
let link: RequestLink;
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await member.clock.advance(0);
};

beforeEach(() => {
  member = new FakeMember();
  asked = [];
  events = [];
  world.ask = (_wire: unknown, _route: unknown, question: unknown) => {
    const { signal } = question as { signal: AbortSignal };
    const socket = new FakeSocket();
    const request = new ClientRequest({ method: 'POST', createConnection: () => socket });
    request.on('error', () => undefined);
    const response = new IncomingMessage(new Socket());
    const entry = { socket, signal, response };
    world.answerOf = () =>
      new Promise((resolve, reject) => {
        asked.push({
          ...entry,
          answer: () => {
            resolve({ response });
            return turns();
          },
          refuse: (error) => {
            reject(error);
            return turns();
          },
        });
      });
    return request;
  };
  link = new RequestLink(
    member.wire,
    { id: 2n, address: '127.0.0.1:2' },
    {
      onReady: () => events.push('ready'),
      onAnswer: () => events.push('answer'),
      onBroken: ({ code }) => events.push(code),
    },
  );
});

async function write(text: string): Promise<Asked> {
  link.write({ bytes: Buffer.from(text), messages: 1 });
  await turns();
  const last = asked.at(-1);
  if (last === undefined) throw new Error('nothing was asked');
  return last;
}

async function end({ response }: Asked): Promise<void> {
  response.complete = true;
  response.push(null);
  await turns();
}

describe('requests with messages', () => {
  it('take the next frame when the answer to the one before has ended, and not before', async () => {
    expect(link.canTake).toBe(true);
    const first = await write('one');
    expect([link.canTake, first.socket.text]).toEqual([false, expect.stringContaining('one')]);
    await first.answer();
    // The head of an answer means that the other side is reading, not that it has received
    // everything.
    expect([link.canTake, events]).toEqual([false, []]);
    await end(first);
    expect([link.canTake, events]).toEqual([true, ['answer', 'ready']]);
    const second = await write('two');
    await second.answer();
    await end(second);
    expect([asked.length, events.length, member.clock.pendingCount]).toEqual([2, 4, 0]);
  });

  it('wait as long as the other side says that it reads', async () => {
    const first = await write('one');
    await first.answer();
    for (let line = 0; line < 10; line += 1) {
      await member.clock.advance(stallTimeoutMs - 1);
      first.response.push('{}\n');
      await turns();
    }
    expect(events).toEqual([]);
    await end(first);
    expect(events).toEqual(['answer', 'ready']);
  });

  it('are given up when nothing comes for the stall timeout', async () => {
    const first = await write('one');
    await first.answer();
    await member.clock.advance(stallTimeoutMs - 1);
    expect(events).toEqual([]);
    await member.clock.advance(1);
    await turns();
    expect([events, link.canTake, first.signal.aborted]).toEqual([
      ['TRANSPORT_BROKEN'],
      false,
      true,
    ]);
    expect(member.clock.pendingCount).toBe(0);
  });

  it.each([
    new TransportError('TRANSPORT_REFUSED', 'not in'),
    new TransportError('TRANSPORT_UNREACHABLE', 'nobody there'),
  ])('are over with one failure, whose code is told: $code', async (error) => {
    const first = await write('one');
    await first.refuse(error);
    expect([events, link.canTake]).toEqual([[error.code], false]);
  });

  it.each(['the answer', 'a failure', 'the end of the answer'])(
    'that were closed tell nothing, whatever comes late: %s',
    async (late) => {
      const first = await write('one');
      if (late === 'the end of the answer') await first.answer();
      link.close();
      expect([link.canTake, first.signal.aborted]).toEqual([false, true]);
      if (late === 'a failure') await first.refuse(new Error('late'));
      else await first.answer();
      await end(first);
      expect([events, member.clock.pendingCount]).toEqual([[], 0]);
    },
  );

  it('are not given up by the clock of streams', async () => {
    await write('one');
    link.pulse();
    link.doubt();
    link.forgive();
    expect(events).toEqual([]);
  });
});
