/** Certificates, authorities and revocation lists are replaced while messages flow. */
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HttpTransportTls, HttpTransportTlsFiles } from '../src/index.ts';
import { Authority } from './certificates.ts';
import { messageOf, Net, until, type Member } from './support.ts';

const former = new Authority();
const latter = new Authority('another authority');
afterAll(() => {
  former.remove();
  latter.remove();
});

let net: Net;
beforeEach(() => {
  net = new Net();
});
afterEach(() => net.close());

const tlsOf = (member: bigint, authority = former): HttpTransportTls => ({
  ...authority.issue({ member }),
  ca: authority.cert,
});

async function cluster(ids: readonly bigint[], streams = true): Promise<Member[]> {
  const members: Member[] = [];
  for (const id of ids) members.push(await net.add(id, { tls: tlsOf(id), streams }));
  for (const one of members) {
    for (const { id, address } of members)
      if (id !== one.id) one.transport.setPeer({ id, address });
  }
  return members;
}

let round = 0;
/** Every member sends a new message to every other one, and waits until all have arrived. */
async function allHear(members: readonly Member[]): Promise<void> {
  round += 1;
  const textOf = (from: Member, to: Member): string => `${round}: ${from.id} to ${to.id}`;
  const pairs = members.flatMap((from) =>
    members.filter((to) => to !== from).map((to) => ({ from, to })),
  );
  for (let missing = pairs; missing.length > 0;) {
    for (const { from, to } of missing) {
      from.transport.send([messageOf(from.id, to.id, textOf(from, to))]);
    }
    const before = Date.now();
    await until(
      () =>
        Date.now() - before > 50 ||
        missing.every(({ from, to }) => to.texts.includes(textOf(from, to))),
    );
    missing = missing.filter(({ from, to }) => !to.texts.includes(textOf(from, to)));
  }
}

const connectionsOf = (member: Member): number[] =>
  member.transport.stats().map(({ connections }) => connections);

describe.each([true, false])('members with streams: %s', (streams) => {
  it('move to another authority, one after the other, and hear each other after each step', async () => {
    const members = await cluster([1n, 2n, 3n], streams);
    await allHear(members);
    const rounds: readonly ((id: bigint) => HttpTransportTlsFiles)[] = [
      () => ({ ca: former.cert + latter.cert }),
      (id) => latter.issue({ member: id }),
      () => ({ ca: Buffer.from(latter.cert) }),
    ];
    for (const filesOf of rounds) {
      for (const member of members) {
        member.transport.reloadTls(filesOf(member.id));
        await allHear(members);
      }
    }
    // Certificates of the former authority are no longer accepted.
    const old = await net.add(9n, { tls: { ...tlsOf(9n), ca: former.cert + latter.cert } });
    const [first] = members;
    if (first === undefined) throw new Error('there are no members');
    old.transport.setPeer({ id: 1n, address: first.address });
    old.transport.send([messageOf(9n, 1n, 'from yesterday')]);
    await until(() => old.unreachable.includes(1n));
    expect(first.texts).not.toContain('from yesterday');
  });
});

describe('a reload', () => {
  it('of a certificate, or with one more authority, leaves all connections open', async () => {
    const members = await cluster([1n, 2n]);
    await allHear(members);
    const before = members.map(connectionsOf);
    for (const { id, transport } of members) {
      transport.reloadTls(former.issue({ member: id }));
      transport.reloadTls({ ca: former.cert + latter.cert });
      transport.reloadTls({});
    }
    await allHear(members);
    expect(members.map(connectionsOf)).toEqual(before);
    expect(members.map(({ unreachable }) => unreachable)).toEqual([[], []]);
  });

  it.each(['the one that revokes', 'the one that is revoked'])(
    'with a certificate revoked ends the connections of its holder, where %s has connected',
    async (which) => {
      const members = await cluster([1n, 2n]);
      const third = tlsOf(3n);
      const [one] = members;
      if (one === undefined) throw new Error('there are no members');
      const holder = await net.add(3n, { tls: third });
      if (which === 'the one that revokes')
        one.transport.setPeer({ id: 3n, address: holder.address });
      else {
        one.transport.setPeer({ id: 3n, address: '127.0.0.1:1' });
        one.transport.setPeer({ id: 3n, address: holder.address });
        holder.transport.setPeer({ id: 1n, address: one.address });
      }
      await allHear([one, holder]);
      former.revoke({ cert: String(third.cert), key: '' });
      const crl = former.revocations();
      for (const { transport } of members) transport.reloadTls({ crl });
      await until(() => {
        holder.transport.send([messageOf(3n, 1n, 'after the end')]);
        one.transport.send([messageOf(1n, 3n, 'after the end')]);
        const counts = one.transport.stats().find(({ id }) => id === 3n);
        const isOver = one.unreachable.length > 3 && (counts?.failedConnections ?? 0) > 2;
        return isOver || one.texts.includes('after the end');
      });
      expect([...one.texts, ...holder.texts]).not.toContain('after the end');
      await allHear(members);
    },
  );

  it('that cannot be made is an error, and changes nothing', async () => {
    const broken = (pem: string): string => pem.replace(/\n[^\n]{10}/, '\nAAAAAAAAAA');
    const wrong: readonly HttpTransportTlsFiles[] = [
      { cert: 'nonsense' },
      { key: former.issue().key },
      { cert: latter.issue().cert },
      { ca: 'nonsense' },
      { ca: former.cert.slice(0, -60) },
      { ca: broken(former.cert) },
      { crl: 'nonsense' },
      { crl: broken(former.revocations()) },
      { crl: [former.revocations(), ''] },
      // @ts-expect-error It cannot be changed.
      { mutual: false },
      // @ts-expect-error It is of the wrong type.
      { cert: 7 },
    ];
    const members = await cluster([1n, 2n]);
    await allHear(members);
    const before = members.map(connectionsOf);
    for (const { transport } of members) {
      for (const files of wrong) {
        expect(() => transport.reloadTls(files)).toThrow(
          expect.objectContaining({ code: 'TRANSPORT_INVALID' }),
        );
      }
    }
    await allHear(members);
    expect(members.map(connectionsOf)).toEqual(before);
    // The same holds for new connections.
    const late = await net.add(3n, { tls: tlsOf(3n) });
    for (const { id, address } of members) late.transport.setPeer({ id, address });
    for (const { transport } of members) transport.setPeer({ id: 3n, address: late.address });
    await allHear([...members, late]);
  });

  it('needs a transport that runs, and has TLS', async () => {
    const plain = await net.add(1n);
    expect(() => plain.transport.reloadTls({})).toThrow(/without the option tls/);
    await plain.transport.close();
    expect(() => plain.transport.reloadTls({})).toThrow(
      expect.objectContaining({ code: 'TRANSPORT_CLOSED' }),
    );
  });
});

describe('a revocation list', () => {
  it('of several authorities in one text counts as all of them', async () => {
    const second = latter.issue({ member: 2n });
    latter.revoke(second);
    const ca = former.cert + latter.cert;
    const crl = former.revocations() + latter.revocations();
    const one = await net.add(1n, { tls: { ...tlsOf(1n), ca, crl } });
    const two = await net.add(2n, { tls: { ...second, ca } });
    two.transport.setPeer({ id: 1n, address: one.address });
    one.transport.setPeer({ id: 2n, address: two.address });
    await until(() => {
      two.transport.send([messageOf(2n, 1n, 'hello')]);
      one.transport.send([messageOf(1n, 2n, 'hello')]);
      const told = one.logged.join();
      const isTold = /cannot be reached/.test(told) && /connection was refused/.test(told);
      return isTold || one.received.length + two.received.length > 0;
    });
    expect([one.received, two.received]).toEqual([[], []]);
    expect(one.logged.join()).toMatch(/certificate revoked/);
    expect(one.logged.join()).toContain('CERT_REVOKED');
    const three = await net.add(3n, { tls: { ...latter.issue({ member: 3n }), ca } });
    three.transport.setPeer({ id: 1n, address: one.address });
    one.transport.setPeer({ id: 3n, address: three.address });
    await allHear([one, three]);
  });
});
