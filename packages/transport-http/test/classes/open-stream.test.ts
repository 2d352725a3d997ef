/** Opening a stream, and the answers that a member or another server may give. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { openStream } from '../../src/messages/outgoing-stream.ts';
import { never } from '../snapshot-support.ts';
import { FakeMember } from './fakes.ts';
import { exchangeOf, frameOf } from './requests.ts';

interface Question {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

interface World {
  ask: (wire: unknown, route: unknown, question: unknown) => unknown;
  answerOf: () => Promise<unknown>;
}

const world: World = vi.hoisted(() => ({
  ask: () => undefined,
  answerOf: () => Promise.reject(new Error('not set')),
}));
vi.mock('../../src/connections/client.ts', async (original) => ({
  ...(await original<object>()),
  ask: (...given: [unknown, unknown, unknown]) => world.ask(...given),
  answerOf: () => world.answerOf(),
}));

let asked: { route: unknown; question: Question }[];
let endedRequests: number;
let member: FakeMember;
let events: string[];
beforeEach(() => {
  asked = [];
  endedRequests = 0;
  events = [];
  member = new FakeMember();
  world.ask = (_, route, question) => {
    asked.push({ route, question: question as Question });
    const request: Pick<ClientRequest, 'end'> = {
      end() {
        endedRequests += 1;
        return this as ClientRequest;
      },
    };
    return request;
  };
});

const target = { id: 2n, address: 'two.example:2' };
const open = (signal = never): ReturnType<typeof openStream> =>
  openStream(
    member.wire,
    target,
    {
      onReady: () => void events.push('ready'),
      onAnswer: () => void events.push('answer'),
      onBroken: ({ code }) => void events.push(code),
    },
    signal,
  );

function answer(socket?: Socket, head?: Buffer): IncomingMessage {
  const { request: response } = exchangeOf();
  world.answerOf = async () => ({ response, socket, head });
  return response;
}

describe('a stream', () => {
  it('is asked for once, at the address of the member, with the wish to upgrade', async () => {
    answer(exchangeOf().socket);
    const { signal } = new AbortController();
    await open(signal);
    const [{ route, question } = {}] = asked;
    expect([asked.length, endedRequests]).toEqual([1, 1]);
    expect(route).toMatchObject({ ...target, hostPort: { host: 'two.example', port: 2 } });
    expect(question).toMatchObject({
      method: 'GET',
      path: '/raft/v1/stream',
      headers: { Connection: 'Upgrade', Upgrade: 'babuza-raft' },
    });
    expect(question?.signal).toBe(signal);
  });

  it('is the connection that was upgraded, with what came with its head', async () => {
    const { socket } = exchangeOf();
    answer(socket, frameOf(Buffer.alloc(8)));
    const link = await open();
    link.write({ bytes: Buffer.from('frame'), messages: 1 });
    expect([link.isStream, link.canTake, socket.text, events]).toEqual([
      true,
      true,
      'frame',
      ['answer'],
    ]);
  });

  it('is not there where the connection was not upgraded, whose answer is not read', async () => {
    const response = answer();
    await expect(open()).rejects.toMatchObject({ code: 'TRANSPORT_PROTOCOL' });
    expect([response.destroyed, events]).toEqual([true, []]);
  });

  it('is not asked for where the address of the member cannot be read', async () => {
    answer(exchangeOf().socket);
    const opening = openStream(member.wire, { id: 2n, address: 'two' }, noEvents, never);
    await expect(opening).rejects.toMatchObject({ name: 'TransportError' });
    expect(asked).toEqual([]);
  });
});

const noEvents = { onReady: () => undefined, onAnswer: () => undefined, onBroken: () => undefined };
