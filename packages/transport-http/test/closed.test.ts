/** An unprotected member talks to this machine only, unless the options allow more. */
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openingBytes, openingMagic } from '../src/access/secret.ts';
import { HttpTransport, TransportError, type HttpTransportOptions } from '../src/index.ts';
import { rawMessages } from '../src/testing/index.ts';
import { Authority } from './certificates.ts';
import { ChallengeRelay } from './challenge-relay.ts';
import { RawClient, headOf, handshakeOf, streamHeadOf } from './raw-client.ts';
import { clock, messageOf, Net, random, silentHandler, until } from './support.ts';

const authority = new Authority();
/** Names member 1 and member 2. */
const certificate = authority.issue({
  uris: [1, 2].map((id) => `URI:babuza://cluster/1/node/${id}`),
});
afterAll(() => authority.remove());

let net = new Net();
afterEach(async () => {
  await net.close();
  net = new Net();
});

const secret = 'a secret of the members, 32 bytes long';
const group = { groupId: 0n, entryBytesMax: 1024, messageBytesMax: 1024 };

interface Start {
  readonly error: unknown;
  readonly logged: readonly string[];
}

/** Starts a member and returns the result. */
async function startOf(options: Partial<HttpTransportOptions>): Promise<Start> {
  const logged: string[] = [];
  const log = (level: string) => (message: string) => void logged.push(`${level}: ${message}`);
  const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const transport = new HttpTransport(
    { clusterId: 1n, nodeId: 1n, clock, random, logger },
    { address: '127.0.0.1:7000', ...options },
  );
  try {
    await transport.start(silentHandler, group);
    return { error: undefined, logged };
  } catch (error) {
    return { error, logged };
  } finally {
    await transport.close();
  }
}

const everywhere = { listen: { host: '0.0.0.0', port: 0 } };
const here = { listen: { host: '127.0.0.1', port: 0 } };
const insecure = { error: { code: 'TRANSPORT_INSECURE' } };

describe('the start of a member', () => {
  const tls = { ...certificate, ca: authority.cert };

  it.each<[string, Partial<HttpTransportOptions>]>([
    ['nothing', {}],
    ['TLS that asks for no certificate', { tls: { ...tls, mutual: false } }],
    ['mutual TLS on its way', { tls, transition: { tls: 'connect' } }],
    ['a secret on its way', { secret, transition: { secret: 'accept' } }],
  ])('with %s is refused off the loopback, and allowed by insecure', async (_, options) => {
    for (const host of ['0.0.0.0', '::']) {
      const listen = { host, port: 0 };
      expect(await startOf({ ...options, listen })).toMatchObject(insecure);
    }
    const { error, logged } = await startOf({ ...options, ...everywhere, insecure: true });
    expect(error).toBeUndefined();
    expect(logged).toEqual([
      'warn: insecure is true: every program that reaches this member can speak as a member',
    ]);
  });

  it.each<[string, Partial<HttpTransportOptions>]>([
    ['mutual TLS', { tls }],
    ['a secret', { secret }],
    [
      'a secret within TLS that asks for no certificate',
      { secret, tls: { ...tls, mutual: false } },
    ],
  ])('with %s is allowed everywhere, and tells nothing', async (_, options) => {
    expect(await startOf({ ...options, ...everywhere })).toEqual({ error: undefined, logged: [] });
  });

  it('without protection is allowed on the loopback whatever address it tells, and says so', async () => {
    for (const host of ['127.0.0.1', '127.9.9.9', 'localhost']) {
      const options = { address: '192.0.2.1:7000', listen: { host, port: 0 } };
      const { error, logged } = await startOf(options);
      expect(error).toBeUndefined();
      expect(logged).toEqual(['info: any program on this machine can speak as a member']);
    }
  });

  it('says what to do', async () => {
    const { error } = await startOf(everywhere);
    expect(String(error)).toMatch(
      /0\.0\.0\.0, port 0.*give the option tls.*secret.*insecure: true/,
    );
    for (const transition of [{ tls: 'accept' }, { tls: 'connect' }] as const) {
      const { error: meanwhile } = await startOf({ ...everywhere, tls, transition });
      expect(String(meanwhile)).toMatch(
        /option transition allows.*give insecure: true until the change-over has ended/,
      );
      expect(String(meanwhile)).not.toContain('give the option tls');
    }
  });
});

describe('a connection that goes out', () => {
  it('without protection does not leave the machine', async () => {
    const one = await net.add(1n, {
      ...here,
      names: { lookUp: async () => [{ address: '192.0.2.1', family: 4 as const }] },
    });
    one.transport.setPeer({ id: 2n, address: 'two.example:7000' });
    one.transport.send([messageOf(1n, 2n, 'hello')]);
    await until(() => one.logged.length > 0);
    expect(one.logged[0]).toContain('TransportError: member 2 at two.example:7000 (192.0.2.1)');
    expect(one.logged[0]).toContain('insecure: true');
    expect(one.unreachable).toContain(2n);
  });
});

describe.each([true, false])('members with a secret (streams: %s)', (streams) => {
  it('speak with each other', async () => {
    const [one, two] = await net.pair({ secret, streams });
    one.transport.send([messageOf(1n, 2n, 'to two')]);
    two.transport.send([messageOf(2n, 1n, 'to one')]);
    await until(() => one.texts.length > 0 && two.texts.length > 0);
    expect([one.texts, two.texts]).toEqual([['to one'], ['to two']]);
  });

  it('speak with each other within TLS', async () => {
    const tls = { ...certificate, ca: authority.cert, mutual: false };
    const [one, two] = await net.pair({ secret, tls, streams });
    one.transport.send([messageOf(1n, 2n, 'to two')]);
    await until(() => two.texts.length > 0);
    expect(two.texts).toEqual(['to two']);
  });

  it.each<[string, Partial<HttpTransportOptions>]>([
    ['none', {}],
    ['another one', { secret: `another ${secret}` }],
  ])('take nothing from a member with %s, and give it nothing', async (_, others) => {
    const one = await net.add(1n, { ...others, streams });
    const two = await net.add(2n, { secret, streams });
    one.transport.setPeer({ id: 2n, address: two.address });
    two.transport.setPeer({ id: 1n, address: one.address });
    one.transport.send([messageOf(1n, 2n, 'to two')]);
    two.transport.send([messageOf(2n, 1n, 'to one')]);
    await until(() => one.unreachable.length > 0 && two.unreachable.length > 0);
    expect([one.texts, two.texts]).toEqual([[], []]);
    expect(two.transport.counts().refusedConnections).toBeGreaterThan(0);
  });

  it('are not reached through the challenge of a member that meant another one', async () => {
    const [one, three] = [
      await net.add(1n, { secret, streams }),
      await net.add(3n, { secret, streams }),
    ];
    three.transport.setPeer({ id: 1n, address: one.address });
    const forged = [
      Buffer.from(streamHeadOf(handshakeOf(three, { address: one.address }))),
      rawMessages([messageOf(1n, 3n, 'forged')]),
    ];
    const port = three.transport.listeningPort ?? 0;
    const relay = await ChallengeRelay.open(port, Buffer.concat(forged));
    try {
      one.transport.setPeer({ id: 2n, address: relay.address });
      one.transport.send([messageOf(1n, 2n, 'to two')]);
      const isRefused = () => three.transport.counts().refusedConnections > 0;
      await until(() => three.texts.length > 0 || (isRefused() && one.unreachable.length > 0));
      expect(three.texts).toEqual([]);
      expect(relay.answeredBytes).toBeGreaterThan(0);
      expect(relay.passedBytes).toBe(openingBytes);
      expect(one.logged[0]).toContain('is member 3; expected member 2');
    } finally {
      await relay.close();
    }
  });

  it('tell a member of another cluster from one that does not know it', async () => {
    const one = await net.add(1n, { secret, streams });
    const two = await net.add(2n, { secret, streams, clusterId: 9n });
    one.transport.setPeer({ id: 2n, address: two.address });
    one.transport.send([messageOf(1n, 2n, 'to two')]);
    await until(() => one.unreachable.length > 0);
    expect(two.texts).toEqual([]);
    expect(one.refusedBy).toContain(2n);
  });

  it('change it one after the other without a break', async () => {
    const old = secret;
    const young = `a newer one: ${secret}`;
    const rounds = [[old], [old, young], [young, old], [young]];
    for (let round = 0; round + 1 < rounds.length; round += 1) {
      const [one, two] = await net.pair(
        { secret: rounds[round] ?? [], streams },
        { secret: rounds[round + 1] ?? [], streams },
      );
      one.transport.send([messageOf(1n, 2n, 'to two')]);
      two.transport.send([messageOf(2n, 1n, 'to one')]);
      await until(() => one.texts.length > 0 && two.texts.length > 0);
      await net.close();
      net = new Net();
    }
  });

  it.each<['secret' | 'tls', Partial<HttpTransportOptions>]>([
    ['secret', { secret }],
    ['tls', { tls: { ...certificate, ca: authority.cert } }],
  ])('and all others come to a %s one after the other without a break', async (what, goal) => {
    const rounds: Partial<HttpTransportOptions>[] = [
      {},
      { ...goal, transition: { [what]: 'accept' } },
      { ...goal, transition: { [what]: 'connect' } },
      goal,
    ];
    for (let round = 0; round + 1 < rounds.length; round += 1) {
      const [one, two] = await net.pair(
        { ...rounds[round], streams },
        { ...rounds[round + 1], streams },
      );
      one.transport.send([messageOf(1n, 2n, 'to two')]);
      two.transport.send([messageOf(2n, 1n, 'to one')]);
      await until(() => one.texts.length > 0 && two.texts.length > 0);
      await net.close();
      net = new Net();
    }
  });

  it('move from it to mutual TLS in the rounds of docs/running-a-cluster.md', async () => {
    const tls = { ...certificate, ca: authority.cert };
    const rounds: Partial<HttpTransportOptions>[] = [
      { secret },
      { secret, tls, transition: { tls: 'accept' } },
      { secret, tls, transition: { tls: 'connect' } },
      { secret, tls, transition: { secret: 'connect' } },
      { secret, tls, transition: { secret: 'accept' } },
      { tls },
    ];
    for (let round = 0; round + 1 < rounds.length; round += 1) {
      const [one, two] = await net.pair(
        { ...rounds[round], streams },
        { ...rounds[round + 1], streams },
      );
      one.transport.send([messageOf(1n, 2n, 'to two')]);
      two.transport.send([messageOf(2n, 1n, 'to one')]);
      await until(() => one.texts.length > 0 && two.texts.length > 0);
      await net.close();
      net = new Net();
    }
  });
});

describe('a stranger at a member with a secret', () => {
  it.each([
    ['a request of HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a handshake of TLS', Buffer.of(22, 3, 1, 0, 200, 1)],
    ['another magic', Buffer.alloc(72, 0xba)],
    [
      'an opening by another secret',
      Buffer.concat([openingMagic, Buffer.alloc(openingBytes - openingMagic.length)]),
    ],
    [
      'an opening of another version, which is shorter',
      Buffer.concat([Buffer.from('bab25ec000000001', 'hex'), Buffer.alloc(64)]),
    ],
  ])('hears nothing after %s', async (_, bytes) => {
    const two = await net.add(2n, { secret, stallTimeoutMs: 60_000 });
    const client = new RawClient(two.transport.listeningPort ?? 0);
    client.write(bytes);
    await until(() => client.hasEnded || client.isClosed);
    expect(client.text).toBe('');
    await until(() => two.transport.counts().refusedConnections === 1);
    expect(two.logged.filter((line) => line.startsWith('a connection was refused'))).toHaveLength(
      1,
    );
  });

  it('has no more time than twice the stall timeout, also within the challenge', async () => {
    const two = await net.add(2n, { secret, stallTimeoutMs: 100 });
    for (const bytes of ['', 'bab2', openingMagic.toString('hex')]) {
      const client = new RawClient(two.transport.listeningPort ?? 0);
      client.write(Buffer.from(bytes, 'hex'));
      await until(() => client.hasEnded || client.isClosed);
      expect(client.text).toBe('');
      client.socket.destroy();
    }
  });

  it('is answered by HTTP only where the secret is still on its way', async () => {
    const transition = { secret: 'accept' as const };
    const two = await net.add(2n, { secret, transition });
    const client = new RawClient(two.transport.listeningPort ?? 0);
    client.write(headOf('POST /', handshakeOf(two)));
    await until(() => client.text.includes('404'));
  });
});

describe('the option secret', () => {
  it.each([
    ['', 'string'],
    ['x'.repeat(31), 'one of 31 bytes'],
    [new Uint8Array(31), 'one of 31 bytes'],
    [[], '0'],
    [[secret, secret, secret], '3'],
    [17, 'number'],
  ])('refuses %o, and repeats nothing of it', (given, got) => {
    const make = () => {
      // @ts-expect-error Some of them are not of the right type.
      const options: HttpTransportOptions = { address: '127.0.0.1:1', secret: given };
      return new HttpTransport({ clusterId: 1n, nodeId: 1n, clock, random }, options);
    };
    expect(make).toThrow(TransportError);
    expect(make).toThrow(`got ${got}`);
  });

  it.each([{ tls: 'accept' }, { secret: 'connect' }, { secret: 'often' }])(
    'and the option transition belong together: %o is refused',
    (transition) => {
      const make = () =>
        new HttpTransport(
          { clusterId: 1n, nodeId: 1n, clock, random },
          // @ts-expect-error One of them is not of the right type.
          { address: '127.0.0.1:1', transition },
        );
      expect(make).toThrow(/transition\.(tls|secret)/);
    },
  );
});
