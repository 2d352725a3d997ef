/**
 * A certificate of a trusted authority speaks only for the member that it names: in both
 * directions, over streams and over requests.
 */
import { connect as connectTls } from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpTransportTls } from '../src/index.ts';
import { Authority, type Certificate, type CertificateRequest } from './certificates.ts';
import { handshakeOf, headOf } from './raw-client.ts';
import { clock, messageOf, Net, until, type Member } from './support.ts';

const authority = new Authority();
afterAll(() => authority.remove());

let net: Net;
beforeEach(() => {
  net = new Net();
});
afterEach(() => net.close());

type More = Omit<HttpTransportTls, 'cert' | 'key' | 'ca'>;

/** Certificates, cached by their request. */
const issued = new Map<string, Certificate>();

function tlsOf(request: CertificateRequest, more: More = {}): HttpTransportTls {
  const key = inspect(request);
  const certificate = issued.get(key) ?? authority.issue(request);
  issued.set(key, certificate);
  return { ...certificate, ca: authority.cert, ...more };
}

const byHost = (...hosts: string[]): CertificateRequest => ({ uris: [], hosts });
const uriOf = (cluster: bigint | number, node: bigint | number): string =>
  `URI:babuza://cluster/${cluster}/node/${node}`;

interface Case {
  /** The certificate of the side that claims to be member 2. */
  readonly request: CertificateRequest;
  /** Options of the member that verifies it. */
  readonly more?: More;
  /** The host of member 2 in the membership. */
  readonly host?: string;
  /** Another member in the membership, by its host. */
  readonly third?: string;
  readonly why: RegExp;
}

const refused: readonly (readonly [string, Case])[] = [
  ['without a name', { request: byHost(), why: /is not valid for 127\.0\.0\.1/ }],
  ['of another member', { request: { member: 3n }, why: /found babuza:.*node\/3$/ }],
  [
    'of the same member of another cluster',
    { request: { member: 2n, clusterId: 7n }, why: /cluster\/7/ },
  ],
  [
    'with a URI for another member and the right host',
    { request: { uris: [uriOf(1, 3)], hosts: ['IP:127.0.0.1'] }, why: /node\/3/ },
  ],
  [
    'with two URIs, of which the node of one and the cluster of the other are right',
    { request: { uris: [uriOf(1, 3), uriOf(3, 2)] }, why: /node\/3 and babuza:/ },
  ],
  ['with a URI that has more behind it', { request: { uris: [`${uriOf(1, 2)}/x`] }, why: /\/x/ }],
  [
    'with a URI whose id has a zero in front',
    { request: { uris: [uriOf(1, 2).replace(/2$/, '02')] }, why: /02/ },
  ],
  [
    'with a URI that holds a whole list of names',
    { request: { uris: [`URI:babuza:x, ${uriOf(1, 2)}`] }, why: /found babuza:x, URI/ },
  ],
  [
    'with the right URI in upper case',
    { request: { uris: [uriOf(1, 2).replace('babuza', 'BABUZA')] }, why: /BABUZA/ },
  ],
  [
    'with the right text as a name of DNS',
    { request: byHost('DNS:babuza://cluster/1/node/2'), why: /is not valid for 127/ },
  ],
  [
    'with the host in its common name only',
    { request: { ...byHost(), commonName: '127.0.0.1' }, why: /is not valid for 127/ },
  ],
  [
    'with the name in its common name only',
    {
      request: { uris: [], hosts: ['email:a@two.example'], commonName: 'two.example' },
      host: 'two.example',
      why: /is not valid for two/,
    },
  ],
  [
    'with the IP address as a name of DNS',
    { request: byHost('DNS:127.0.0.1'), why: /is not valid for 127/ },
  ],
  [
    'for a wildcard that is for the host',
    { request: byHost('DNS:*.example'), host: 'two.example', why: /wildcard/ },
  ],
  [
    'for the host and a wildcard beside it',
    { request: byHost('DNS:two.example', 'DNS:*.example'), host: 'two.example', why: /wildcard/ },
  ],
  [
    'for the host of two members',
    { request: byHost('IP:127.0.0.1'), third: '127.0.0.1', why: /the host of member 3/ },
  ],
  [
    'for the host of two members, one of which is written in another way',
    { request: byHost('IP:127.0.0.1'), third: '[::ffff:7f00:1]', why: /the host of member 3/ },
  ],
  [
    'for its own host and that of the member here',
    {
      request: byHost('DNS:two.example', 'DNS:one.example'),
      host: 'two.example',
      why: /the host of member 1/,
    },
  ],
  [
    'that identify knows as another member',
    { request: { member: 2n }, more: { identify: () => 3n }, why: /of member 3, and not/ },
  ],
  [
    'that identify does not know',
    { request: { member: 2n }, more: { identify: () => undefined }, why: /of no member/ },
  ],
  [
    'at which identify throws',
    {
      request: { member: 2n },
      more: {
        identify: () => {
          throw new Error('no such machine');
        },
      },
      why: /cannot be evaluated: Error: no such machine/,
    },
  ],
  [
    'for which identify returns a text',
    {
      request: { member: 2n },
      // @ts-expect-error A program without types may return it.
      more: { identify: () => '2' },
      why: /cannot be evaluated.*identify has to return/,
    },
  ],
];

const taken: readonly (readonly [string, Omit<Case, 'why'>])[] = [
  ['of its URI', { request: { uris: [uriOf(1, 2)], hosts: [] }, third: '127.0.0.1' }],
  ['of one of two URIs', { request: { uris: [uriOf(1, 3), uriOf(1, 2)] } }],
  ['of its URI, whatever its host is', { request: { member: 2n, hosts: ['DNS:*.elsewhere'] } }],
  [
    'of a URI that is not of Babuza, and its host',
    { request: { uris: ['URI:spiffe://a/b'] }, host: 'localhost' },
  ],
  ['of its name in upper case', { request: byHost('DNS:TWO.example'), host: 'two.EXAMPLE' }],
  [
    'of its name, with a dot at the end',
    { request: byHost('DNS:two.example'), host: 'two.example.' },
  ],
  ['of its IP address', { request: byHost('IP:127.0.0.1') }],
  ['of what identify says', { request: byHost(), more: { identify: () => 2 } }],
  [
    'of the authority, where any of them is any member',
    {
      request: byHost('IP:127.0.0.1', 'DNS:two.example'),
      more: { anyCertificateIsAnyMember: true },
    },
  ],
];

/** Every name resolves to this machine. */
const names = { lookUp: async () => [{ address: '127.0.0.1', family: 4 as const }] };

/** Member 1, which verifies, and a node that claims to be member 2. Only one of them connects. */
async function meeting(
  { request, more, host = '127.0.0.1', third }: Omit<Case, 'why'>,
  connects: 'claimant' | 'verifier',
  streams: boolean,
): Promise<{ verifier: Member; claimant: Member }> {
  const own = tlsOf({ member: 1n }, more);
  const verifier = await net.add(1n, { tls: own, host: 'one.example', names, streams });
  // It admits everyone.
  const loose = tlsOf(request, { identify: () => 1n });
  const claimant = await net.add(2n, { tls: loose, host, names, streams });
  if (third !== undefined) verifier.transport.setPeer({ id: 3n, address: `${third}:1` });
  if (connects === 'verifier')
    verifier.transport.setPeer({ id: 2n, address: claimant.address.replace('127.0.0.1', host) });
  else {
    verifier.transport.setPeer({ id: 2n, address: claimant.address.replace('127.0.0.1', host) });
    claimant.transport.setPeer({ id: 1n, address: verifier.addressBy('one.example') });
  }
  return { verifier, claimant };
}

async function sendUntil(from: Member, to: bigint, holds: () => boolean): Promise<void> {
  while (!holds()) {
    from.transport.send([messageOf(from.id, to, 'hello')]);
    await clock.sleep(10);
  }
}

/** Requests take the same steps as streams, so a few cases are enough. */
const few = <Row>(rows: readonly Row[], streams: boolean): readonly Row[] =>
  streams ? rows : rows.slice(0, 2);

describe.each([true, false])('with streams: %s, a certificate', (streams) => {
  it.each(few(refused, streams))('%s does not let its holder in', async (_, given) => {
    const { verifier, claimant } = await meeting(given, 'claimant', streams);
    const isToldSo = () => claimant.logged.join('\n').includes('(other-certificate)');
    await sendUntil(claimant, 1n, () => verifier.received.length > 0 || isToldSo());
    expect(verifier.received).toEqual([]);
    await until(() => verifier.logged.some((line) => line.startsWith('a member was refused 2')));
    const told = verifier.logged.filter((line) => line.startsWith('a member was refused'));
    expect(told).toEqual([expect.stringMatching(given.why)]);
    expect(verifier.transport.counts().refusedConnections).toBeGreaterThan(0);
    expect(verifier.received).toEqual([]);
  });

  it.each(few(refused, streams))('%s gets nothing that is for a member', async (_, given) => {
    const { verifier, claimant } = await meeting(given, 'verifier', streams);
    const isKnown = () => verifier.logged.join('\n').includes('is not proven to be this member');
    await sendUntil(verifier, 2n, () => claimant.received.length > 0 || isKnown());
    expect(claimant.received).toEqual([]);
    expect(verifier.logged.join('\n')).toMatch(new RegExp(given.why.source, 'm'));
    expect(claimant.transport.counts().refusedConnections).toBe(0);
  });

  it.each(few(taken, streams))('is good because %s', async (_, given) => {
    const { verifier, claimant } = await meeting(given, 'claimant', streams);
    await sendUntil(claimant, 1n, () => verifier.received.length > 0);
    await sendUntil(verifier, 2n, () => claimant.received.length > 0);
  });
});

describe('the key usage of a certificate', () => {
  it.each([
    ['the other one', 'serverAuth'],
    ['a strange one', 'codeSigning'],
    ['no usage', ''],
  ])('is not good for who connects with: %s', async (_, usage) => {
    const { verifier, claimant } = await meeting(
      { request: { member: 2n, usage } },
      'claimant',
      true,
    );
    await sendUntil(
      claimant,
      1n,
      () => verifier.received.length > 0 || verifier.transport.counts().refusedConnections > 1,
    );
    expect(verifier.received).toEqual([]);
    expect(verifier.logged.join('\n')).toMatch(/INVALID_PURPOSE|clientAuth is missing/);
  });

  it.each([
    ['the other one', 'clientAuth'],
    ['a strange one', 'codeSigning'],
    ['no usage', ''],
  ])('is not good for who is connected to with: %s', async (_, usage) => {
    const { verifier, claimant } = await meeting(
      { request: { member: 2n, usage } },
      'verifier',
      true,
    );
    await sendUntil(verifier, 2n, () =>
      /unsuitable|purpose|serverAuth is missing/.test(verifier.logged.join('\n')),
    );
    expect(claimant.received).toEqual([]);
  });
});

describe('a member that the membership does not have', () => {
  const host = byHost('DNS:two.example');
  const cases: readonly (readonly [string, CertificateRequest, More, boolean, boolean])[] = [
    ['is known by its URI to a joiner', { member: 2n }, {}, false, true],
    ['is known by its URI to a member', { member: 2n }, {}, true, true],
    ['is known by identify', byHost(), { identify: () => 2n }, true, true],
    ['is not known by the host that it tells itself to a joiner', host, {}, false, false],
    ['is not known by the host that it tells itself to a member', host, {}, true, false],
    [
      'is known by the host of a seed to a joiner',
      host,
      { seeds: ['two.example:7400'] },
      false,
      true,
    ],
    ['is not known by the host of another seed', host, { seeds: ['three.example'] }, false, false],
    [
      'is not known by the host of a seed that is another member',
      byHost('DNS:three.example', 'DNS:two.example'),
      { seeds: ['two.example', 'three.example'] },
      true,
      false,
    ],
  ];
  it.each(cases)('%s', async (_, request, more, knowsThree, isTaken) => {
    const verifier = await net.add(1n, {
      tls: tlsOf({ member: 1n }, more),
      host: 'one.example',
      names,
      peers: knowsThree ? [{ id: 3n, address: 'three.example:1' }] : [],
    });
    const claimant = await net.add(2n, {
      tls: tlsOf(request, { identify: () => 1n }),
      host: 'two.example',
      names,
      peers: [{ id: 1n, address: verifier.addressBy('one.example') }],
    });
    if (!isTaken) {
      await sendUntil(claimant, 1n, () => claimant.logged.join().includes('(other-certificate)'));
      await until(() => verifier.logged.join().includes('a member was refused 2'));
      expect(verifier.received).toEqual([]);
      // The address that it has claimed itself does not help either.
      await sendUntil(verifier, 2n, () => verifier.unreachable.includes(2n));
      expect(claimant.received).toEqual([]);
      return;
    }
    await sendUntil(claimant, 1n, () => verifier.received.length > 0);
    await sendUntil(verifier, 2n, () => claimant.received.length > 0);
  });

  it('does not become known by its host by the address that it told before', async () => {
    const verifier = await net.add(1n, { tls: tlsOf({ member: 1n }), host: 'one.example', names });
    const options = {
      host: 'two.example',
      names,
      peers: [{ id: 1n, address: verifier.addressBy('one.example') }],
    };
    const known = await net.add(2n, {
      tls: tlsOf({ member: 2n }, { identify: () => 1n }),
      ...options,
    });
    await sendUntil(known, 1n, () => verifier.received.length > 0);
    await known.transport.close();
    const other = await net.add(2n, { tls: tlsOf(host, { identify: () => 1n }), ...options });
    while (!other.logged.join().includes('(other-certificate)')) {
      other.transport.send([messageOf(2n, 1n, 'from the other')]);
      await clock.sleep(10);
    }
    expect(verifier.texts).not.toContain('from the other');
  });
});

describe('a session of TLS', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('of %s cannot be gone on with', async (version) => {
    const verifier = await net.add(1n, { tls: tlsOf({ member: 1n }) });
    const port = verifier.transport.listeningPort ?? 0;
    const certificate = authority.issue({ member: 2n });
    const options = {
      ...certificate,
      ca: authority.cert,
      port,
      host: '127.0.0.1',
      checkServerIdentity: () => undefined,
    };
    const versions = { minVersion: version, maxVersion: version };
    const sessions: Buffer[] = [];
    const question = headOf('POST /raft/v1/nothing', handshakeOf(verifier, { from: 2n }));
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const [session] = sessions;
      const socket = connectTls({
        ...options,
        ...versions,
        ...(session === undefined ? {} : { session }),
      });
      let [isReused, heard] = [false, ''];
      socket.on('error', () => undefined);
      socket.on('secureConnect', () => {
        isReused = socket.isSessionReused();
        sessions.unshift(socket.getSession() ?? Buffer.alloc(0));
      });
      socket.on('session', (each: Buffer) => sessions.unshift(each));
      socket.on('data', (chunk: Buffer) => void (heard += chunk.toString()));
      socket.write(question);
      await until(() => heard.includes('404') || socket.destroyed);
      expect([attempt, isReused, heard.includes('404')]).toEqual([attempt, false, true]);
      socket.destroy();
    }
    expect(sessions.length).toBeGreaterThan(2);
  });
});
