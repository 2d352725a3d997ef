/** How answers of other processes at the address of a member are handled. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { answerOf, ask, textOf } from '../../src/connections/client.ts';
import {
  encodeHandshake,
  handshakeHeader,
  type Handshake,
} from '../../src/connections/handshake.ts';
import { routeTo } from '../../src/connections/route.ts';
import { refusalHeader } from '../../src/wire.ts';
import { never } from '../snapshot-support.ts';
import { FakeMember, handshakeOf } from './fakes.ts';

let server: Server | undefined;
afterEach(() => new Promise((resolve) => void server?.close(resolve)));

/** Sends a request to member 2, at whose address `listener` answers. */
async function answerBy(member: FakeMember, listener: RequestListener) {
  server = createServer(listener);
  await new Promise<void>((resolve) => void server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const route = await routeTo(member.wire, { id: 2n, address: `127.0.0.1:${port}` }, never);
  const request = ask(member.wire, route, { method: 'POST', path: '/', signal: never });
  request.end();
  return answerOf(member.wire, route, request);
}

const saying =
  (said: Partial<Handshake>): RequestListener =>
  (_, response) => {
    const handshake = encodeHandshake(handshakeOf(said));
    response.writeHead(200, { [handshakeHeader]: handshake, Connection: 'close' }).end('fine');
  };

function told(reason?: 'other-cluster') {
  const events: string[] = [];
  const member = new FakeMember({
    admit: (id, introduction) => {
      events.push(`admit ${id} ${introduction}`);
      return reason;
    },
    admittedBy: (id) => events.push(`admitted by ${id}`),
    refusedBy: (id) => events.push(`refused by ${id}`),
  });
  return { events, member };
}

describe('an answer', () => {
  it('of the right member is accepted, and the node is told so', async () => {
    const { events, member } = told();
    const { response } = await answerBy(member, saying({ introduction: 'two' }));
    expect(await textOf(member.wire, response)).toBe('fine');
    expect(events).toEqual(['admit 2 two', 'admitted by 2']);
    expect(member.clock.pendingCount).toBe(0);
  });

  it.each<[string, Partial<Handshake>]>([
    ['other-cluster', { clusterId: 9n }],
    ['other-group', { groupId: 9n }],
    ['other-node', { from: 3n }],
    ['other-node', { to: 3n }],
    ['other-entry-limit', { entryBytesMax: 1 }],
    ['other-protocol', { protocol: { min: 2, max: 9 } }],
  ])('is none where it shows %s', async (reason, said) => {
    const { events, member } = told();
    const answer = answerBy(member, saying(said));
    await expect(answer).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED', reason });
    expect(events).toEqual([]);
    expect(member.clock.pendingCount).toBe(0);
  });

  it('is refused if the node does not admit the answering member', async () => {
    const { events, member } = told('other-cluster');
    const answer = answerBy(member, saying({}));
    await expect(answer).rejects.toMatchObject({ reason: 'other-cluster' });
    expect(events[0]).toMatch(/^admit 2 /);
  });

  it.each(['removed', 'other-cluster'] as const)(
    'that refuses is told with its reason: %s',
    async (reason) => {
      const { events, member } = told();
      const answer = answerBy(member, (_, response) => {
        response.writeHead(410, { [refusalHeader]: reason, Connection: 'close' }).end('go');
      });
      await expect(answer).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED', reason });
      expect(events).toEqual(reason === 'removed' ? [] : ['refused by 2']);
    },
  );

  it.each([
    [4096, 4096],
    [4097, 4096],
    [100_000, 4096],
  ])('has a text of 4 KiB at most: %i bytes', async (bytes, expected) => {
    const { member } = told();
    const { response } = await answerBy(member, (_, answer) => {
      answer.writeHead(200, {
        [handshakeHeader]: encodeHandshake(handshakeOf()),
        Connection: 'close',
      });
      answer.end('x'.repeat(bytes));
    });
    expect((await textOf(member.wire, response)).length).toBe(expected);
  });
});
