/** Both sides check the handshake before anything else. */
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeHandshake, encodeHandshake, type Handshake } from '../src/connections/handshake.ts';
import { handshakeOf, RawClient, streamHeadOf } from './raw-client.ts';
import { never, snapshotMessage, Source } from './snapshot-support.ts';
import { clock, messageOf, Net, until, type Member, type MemberOptions } from './support.ts';

let net: Net;
const clients: RawClient[] = [];
beforeEach(() => {
  net = new Net();
});
afterEach(async () => {
  await net.close();
  for (const { socket } of clients.splice(0)) socket.destroy();
});

async function ask(member: Member, head: string): Promise<string> {
  const client = new RawClient(member.transport.listeningPort ?? 0);
  clients.push(client);
  client.write(head);
  await until(() => client.text.includes('\r\n\r\n'));
  return client.text;
}

async function sendUntil(from: Member, to: bigint, holds: () => boolean): Promise<void> {
  while (!holds()) {
    from.transport.send([messageOf(from.id, to, 'hello')]);
    await clock.sleep(20);
  }
}

describe.each([true, false])('members that do not fit (streams: %s)', (streams) => {
  const others: [string, MemberOptions, string[]][] = [
    ['other-group', { groupId: 5n }, ['0', '5']],
    ['other-entry-limit', { entryBytesMax: 2048 }, ['entryBytesMax', '1048576', '2048']],
  ];
  it.each(others)('hear why: %s', async (reason, options, values) => {
    const [one, two] = await net.pair({ streams }, { streams, ...options });
    await sendUntil(one, 2n, () => one.unreachable.length > 2);
    const told = one.logged.filter((line) => line.includes('cannot be reached'));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(reason);
    const refused = two.logged.filter((line) => line.includes('was refused'));
    expect(refused).toHaveLength(1);
    for (const text of [reason, ...values]) {
      expect(refused[0]).toContain(text);
    }
    expect(two.received).toEqual([]);
    const sending = one.transport.sendSnapshot(snapshotMessage(1n, 2n), new Source(1).open, never);
    await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED', reason });
  });

  it('get only the reason if the cluster is another one, and each side tells its own node', async () => {
    const [one, two] = await net.pair({ streams }, { streams, clusterId: 2n });
    await sendUntil(one, 2n, () => one.unreachable.length > 2);
    const told = one.logged.filter((line) => line.includes('cannot be reached'));
    expect(told.join('\n')).not.toContain('here');
    expect(one.refusedBy).toContain(2n);
    const refused = two.logged.filter((line) => line.includes('was refused'));
    expect(refused).toHaveLength(1);
    for (const text of ['the cluster', '1', '2']) expect(refused[0]).toContain(text);
    expect(two.received).toEqual([]);
    const sending = one.transport.sendSnapshot(snapshotMessage(1n, 2n), new Source(1).open, never);
    const reason = 'other-cluster';
    await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED', reason });
  });

  it.each(['asks', 'answers'])(
    'are refused by the node of the one that %s, with only the reason on the wire',
    async (who) => {
      const strict = {
        admit: (id: bigint) => (id === 1n ? ('other-cluster' as const) : undefined),
      };
      const refusing = { admit: () => 'other-cluster' as const };
      const asks = who === 'asks' ? { handler: refusing } : {};
      const answers = who === 'answers' ? { handler: strict } : {};
      const [one, two] = await net.pair({ streams, ...asks }, { streams, ...answers });
      await sendUntil(one, 2n, () => one.unreachable.length > 2);
      // A request carries its messages before the other side has sent its handshake.
      if (streams || who === 'answers') expect(two.received).toEqual([]);
      expect(one.refusedBy.length > 0).toBe(who === 'answers');
      const sending = one.transport.sendSnapshot(
        snapshotMessage(1n, 2n),
        new Source(1).open,
        never,
      );
      const reason = 'other-cluster';
      await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED', reason });
    },
  );

  it('are given what the node of the other one says of itself', async () => {
    const heard: string[] = [];
    const talking = (name: string): MemberOptions => ({
      streams,
      handler: {
        introduction: () => `I am ${name}`,
        admit: (id, text) => {
          heard.push(`${id}: ${text}`);
          return undefined;
        },
      },
    });
    const [one] = await net.pair(talking('one'), talking('two'));
    const isHeard = (text: string): boolean => heard.includes(text);
    await sendUntil(one, 2n, () => isHeard('1: I am one') && isHeard('2: I am two'));
  });

  it('hear that another member answers', async () => {
    const [one, two] = await net.pair({ streams });
    one.transport.setPeer({ id: 3n, address: two.address });
    await sendUntil(one, 3n, () => one.unreachable.includes(3n));
    expect(one.logged.join('\n')).toContain('other-node');
    expect(two.received).toEqual([]);
  });

  it('hear that their address is another one', async () => {
    const [one, two] = await net.pair({ streams });
    two.transport.setPeer({ id: 1n, address: '127.0.0.1:9' });
    await sendUntil(one, 2n, () => one.unreachable.includes(2n));
    expect(one.logged.join('\n')).toContain('other-address');
    two.transport.setPeer({ id: 1n, address: one.address });
    await sendUntil(one, 2n, () => two.received.length > 0);
  });

  it('hear that they were removed', async () => {
    const [one, two] = await net.pair({ streams });
    await sendUntil(one, 2n, () => two.received.length > 0);
    two.transport.removePeer(1n);
    const before = two.received.length;
    await sendUntil(one, 2n, () => one.logged.join('\n').includes('(removed)'));
    expect(two.received.length).toBe(before);
  });
});

describe('a handshake', () => {
  const wrong: [string, (right: Handshake) => Partial<Handshake>, string][] = [
    ['a later protocol', () => ({ protocol: { min: 2, max: 3 } }), 'other-protocol'],
    ['an older protocol', () => ({ protocol: { min: 0, max: 0 } }), 'other-protocol'],
    ['another cluster', () => ({ clusterId: 2n }), 'other-cluster'],
    ['another group', () => ({ groupId: 2n }), 'other-group'],
    ['another member', () => ({ to: 5n }), 'other-node'],
    ['another address', () => ({ from: 1n }), 'other-address'],
    ['an id of 65 bits', () => ({ from: 2n ** 64n }), 'bad-handshake'],
    ['no address', () => ({ address: '' }), 'bad-handshake'],
    ['an endless address', () => ({ address: 'a'.repeat(1025) }), 'bad-handshake'],
    ['an address of two lines', () => ({ address: 'a:1\nERROR b:1' }), 'bad-handshake'],
    ['an address with an escape code', () => ({ address: 'a\u001b[2J:1' }), 'bad-handshake'],
    ['an address with a blank', () => ({ address: 'a b:1' }), 'bad-handshake'],
    ['an address that turns the text round', () => ({ address: 'a\u202e:1' }), 'bad-handshake'],
    ['half an entry', () => ({ entryBytesMax: 0.5 }), 'bad-handshake'],
  ];
  it.each(wrong)('with %s is refused', async (_, change, reason) => {
    const [, two] = await net.pair();
    const right = handshakeOf(two, { from: 70n });
    const text = await ask(two, streamHeadOf({ ...right, ...change(right) }));
    expect(text).toContain(`babuza-refusal: ${reason}`);
    expect(two.transport.counts().refusedConnections).toBe(1);
  });

  it.each([
    ['nothing', undefined],
    ['no JSON', 'garbage'],
    ['a number', '7'],
    ['null', 'null'],
    ['a list', '[]'],
    ['an empty object', '{}'],
    ['deep lists', '['.repeat(10_000)],
  ])('that is %s is refused', async (_, said) => {
    const [, two] = await net.pair();
    expect(await ask(two, streamHeadOf(said))).toContain('babuza-refusal: bad-handshake');
  });

  it('may say more than is known, and speak later versions, too', async () => {
    const [, two] = await net.pair();
    const said = handshakeOf(two, { from: 70n, protocol: { min: 1, max: 9 }, features: ['more'] });
    const more = encodeHandshake(said).replace('{', '{"later":{"a":[1]},');
    expect(await ask(two, streamHeadOf(more))).toContain('101 Switching Protocols');
  });

  it('from more members than anybody can know keeps no member away, whether it is known or not', async () => {
    const [one, two] = await net.pair();
    for (let id = 100n; id < 170n; id += 1n) {
      expect(await ask(two, streamHeadOf(handshakeOf(two, { from: id })))).toContain(' 101 ');
    }
    await sendUntil(one, 2n, () => two.received.length > 0);
  });
});

describe('addresses', () => {
  it('of members that connect are learned', async () => {
    const one = await net.add(1n);
    const two = await net.add(2n);
    one.transport.setPeer({ id: 2n, address: two.address });
    await sendUntil(one, 2n, () => two.received.length > 0);
    await sendUntil(two, 1n, () => one.received.length > 0);
  });

  it('that change are followed, and what was on its way is reported', async () => {
    const [one, two] = await net.pair();
    await sendUntil(one, 2n, () => two.received.length > 0);
    const third = await net.add(3n);
    third.proxy.setTarget(two.transport.listeningPort);
    expect(one.unreachable).toEqual([]);
    one.transport.setPeer({ id: 2n, address: third.address });
    await until(() => one.unreachable.length === 1);
    const before = two.received.length;
    two.proxy.setTarget(undefined);
    two.proxy.breakAll();
    await sendUntil(one, 2n, () => two.received.length > before + 1);
    // The member there still uses the old address as its own, which does not matter here.
    expect(one.unreachable).toEqual([2n]);
  });

  it('of a member that comes back are tried at once', async () => {
    // With this timeout it does nothing by itself for a minute.
    const [one, two] = await net.pair({ stallTimeoutMs: 600_000 }, {});
    await until(() => one.transport.counts().connectedPeers === 1);
    const port = two.transport.listeningPort;
    two.proxy.setTarget(undefined);
    two.proxy.breakAll();
    // Until the pauses are long, and it is not the first time in a second.
    await sendUntil(one, 2n, () => (one.transport.stats()[0]?.failedConnections ?? 0) >= 7);
    const failed = one.transport.stats()[0]?.failedConnections;
    two.proxy.setTarget(port);
    // It opens a new connection, and the member that it reaches connects back.
    one.proxy.breakAll();
    await until(() => one.transport.stats()[0]?.isConnected ?? false);
    one.transport.send([messageOf(1n, 2n, 'at once')]);
    await until(() => two.texts.includes('at once'));
    expect(one.transport.stats()[0]?.failedConnections).toBe(failed);
  });
});

it('a handshake that is no JSON does not get into the error as it is', () => {
  const problemOf = (text: string): unknown => {
    try {
      return decodeHandshake(text);
    } catch (error) {
      return error;
    }
  };
  const problem = problemOf('\u009b\u001b[2J');
  expect(problem).toMatchObject({ code: 'TRANSPORT_PROTOCOL', cause: expect.any(Error) });
  expect(inspect(problem)).not.toMatch(/\p{Cc}(?<!\n)/u);
});
