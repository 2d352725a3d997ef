/**
 * With certificates only members can talk to each other, and other clients do not disturb a member.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HttpTransportTls } from '../src/index.ts';
import { Authority, type Certificate } from './certificates.ts';
import { RawClient, streamHeadOf } from './raw-client.ts';
import { never, Sink, snapshotMessage, Source } from './snapshot-support.ts';
import { clock, messageOf, Net, until, type Member } from './support.ts';

let authority: Authority;
let other: Authority;
let right: Certificate;
/** The certificates of members 1, 2 and 9. */
let tlsOf: (id: bigint) => HttpTransportTls;
beforeAll(() => {
  authority = new Authority();
  other = new Authority();
  right = authority.issue({ member: 2n });
  const [one, nine] = [1n, 9n].map((member) => authority.issue({ member }));
  tlsOf = (id) => ({
    ...((id === 1n ? one : id === 2n ? right : nine) ?? right),
    ca: authority.cert,
  });
});
afterAll(() => {
  authority.remove();
  other.remove();
});

let net: Net;
const clients: RawClient[] = [];
beforeEach(() => {
  net = new Net();
});
afterEach(async () => {
  await net.close();
  for (const { socket } of clients.splice(0)) socket.destroy();
});

async function sendUntil(from: Member, to: bigint, holds: () => boolean): Promise<void> {
  while (!holds()) {
    from.transport.send([messageOf(from.id, to, 'hello')]);
    await clock.sleep(20);
  }
}

/** Another member with a valid certificate is still served. */
async function expectService(member: Member): Promise<void> {
  const friend = await net.add(9n, { tls: tlsOf(9n) });
  friend.transport.setPeer({ id: member.id, address: member.address });
  const before = member.received.length;
  await sendUntil(friend, member.id, () => member.received.length > before);
}

describe('members with certificates of one authority', () => {
  it.each([
    ['both ways, over streams', true, true],
    ['both ways, over requests', false, true],
    ['of the server only', true, false],
  ])('talk to each other: %s', async (_, streams, mutual) => {
    const sink = new Sink();
    const optionsOf = (id: bigint) => ({ streams, tls: { ...tlsOf(id), mutual } });
    const [one, two] = await net.pair(optionsOf(1n), { ...optionsOf(2n), handler: sink.handler });
    await sendUntil(one, 2n, () => two.received.length > 2);
    await sendUntil(two, 1n, () => one.received.length > 2);
    const source = new Source(300_000);
    await one.transport.sendSnapshot(snapshotMessage(1n, 2n), source.open, never);
    expect(sink.bytes.equals(source.bytes)).toBe(true);
  });
});

describe('refused is', () => {
  const cases: [string, () => HttpTransportTls | undefined][] = [
    ['a certificate of another authority', () => ({ ...other.issue(), ca: authority.cert })],
    [
      'one that has expired',
      () => ({ ...authority.issue({ isExpired: true }), ca: authority.cert }),
    ],
    ['none at all', () => ({ ...tlsOf(1n), mutual: false })],
    ['who speaks no TLS', () => undefined],
  ];
  it.each(cases)('who connects with %s', async (_, made) => {
    const two = await net.add(2n, { tls: tlsOf(2n) });
    const given = made();
    const one = await net.add(1n, given === undefined ? {} : { tls: given });
    one.transport.setPeer({ id: 2n, address: two.address });
    await sendUntil(one, 2n, () => one.unreachable.length > 2);
    expect(one.logged.join('\n')).toMatch(/cannot be reached/);
    expect(two.received).toEqual([]);
    expect(two.transport.counts().refusedConnections).toBeGreaterThan(0);
    await expectService(two);
  });

  const servers: [string, () => HttpTransportTls | undefined, RegExp][] = [
    [
      'is of another authority',
      () => ({ ...other.issue(), ca: authority.cert }),
      /unable to verify|self-signed|issuer/,
    ],
    [
      'has expired',
      () => ({ ...authority.issue({ member: 2n, isExpired: true }), ca: authority.cert }),
      /expired/,
    ],
    [
      'is for another host',
      () => ({
        ...authority.issue({ uris: [], hosts: ['DNS:elsewhere.example'] }),
        ca: authority.cert,
      }),
      /is not valid for 127\.0\.0\.1/,
    ],
    ['is not there: no TLS', () => undefined, /wrong version number|packet length/],
  ];
  it.each(servers)('who is connected to, where the certificate %s', async (_, made, why) => {
    const given = made();
    const two = await net.add(2n, given === undefined ? {} : { tls: given });
    const one = await net.add(1n, { tls: tlsOf(1n) });
    one.transport.setPeer({ id: 2n, address: two.address });
    await sendUntil(one, 2n, () => one.unreachable.length > 2);
    expect(one.logged.join('\n')).toMatch(why);
    expect(two.received).toEqual([]);
  });
});

it('an authority that is not trusted stays so where the environment switches the checks off', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  try {
    const impostor = { ...other.issue({ member: 2n }), ca: authority.cert, mutual: false };
    const two = await net.add(2n, { tls: impostor });
    const one = await net.add(1n, { tls: { ...tlsOf(1n), mutual: false } });
    one.transport.setPeer({ id: 2n, address: two.address });
    await sendUntil(one, 2n, () => one.unreachable.length > 2);
    expect(two.received).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
  }
});

describe('a port with TLS', () => {
  it.each([
    ['garbage', 'GARBAGE'.repeat(100)],
    ['plain HTTP', streamHeadOf('{}')],
    ['half a greeting', Buffer.of(22, 3, 1, 0, 200, 1)],
    ['nothing', ''],
  ])('is not taken by who sends %s', async (_, bytes) => {
    const two = await net.add(2n, { tls: tlsOf(2n) });
    for (let count = 0; count < 20; count += 1) {
      const client = new RawClient(two.transport.listeningPort ?? 0);
      client.write(bytes);
      clients.push(client);
    }
    for (const client of clients) await client.untilGone();
    await expectService(two);
  });

  it('closes at once, although somebody connects and says nothing', async () => {
    const two = await net.add(2n, { tls: tlsOf(2n), stallTimeoutMs: 600_000 });
    const client = new RawClient(two.transport.listeningPort ?? 0);
    clients.push(client);
    await until(() => client.socket.readyState === 'open');
    await clock.sleep(50);
    await two.transport.close();
  });

  it('reports at the start that a certificate is not valid', async () => {
    const nonsense = { cert: 'nonsense', key: right.key, ca: authority.cert };
    await expect(net.add(2n, { tls: nonsense })).rejects.toMatchObject({
      code: 'TRANSPORT_INVALID',
      message: expect.stringContaining('tls'),
    });
    const foreign = { cert: right.cert, key: other.issue().key, ca: authority.cert };
    await expect(net.add(3n, { tls: foreign })).rejects.toMatchObject({
      code: 'TRANSPORT_INVALID',
    });
  });
});
