/** Authenticated connections, and a process without the secret that takes them over. */
import { connect } from 'node:net';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { openingMagic } from '../src/access/secret.ts';
import { rawMessages } from '../src/testing/index.ts';
import { Authority } from './certificates.ts';
import { ChallengeRelay } from './challenge-relay.ts';
import { handshakeOf, streamHeadOf } from './raw-client.ts';
import { messageOf, Net, until, type Member } from './support.ts';

const authority = new Authority();
const certificate = authority.issue();
afterAll(() => authority.remove());

let net = new Net();
afterEach(async () => {
  await net.close();
  net = new Net();
});

const secret = 'a secret of the members, 32 bytes long';
const tls = { ...certificate, ca: authority.cert, anyCertificateIsAnyMember: true };

/** The head of a stream of this node, and a message of it. */
function speechOf(from: bigint, to: Member, address: string): Buffer {
  return Buffer.concat([
    Buffer.from(streamHeadOf(handshakeOf(to, { from, address }))),
    rawMessages([messageOf(from, to.id, `forged by ${from}`)]),
  ]);
}

describe('a process at a former address of a member, which it passes connections on to', () => {
  it.each([
    [1n, ['forged by 1']],
    [3n, []],
    [77n, []],
  ])('speaks there as the member that has connected only: as %i', async (from, heard) => {
    const one = await net.add(1n, { secret });
    const two = await net.add(2n, { secret });
    two.transport.setPeer({ id: 1n, address: one.address });
    two.transport.setPeer({ id: 3n, address: '127.0.0.1:3' });
    const address = from === 1n ? one.address : '127.0.0.1:3';
    const port = two.transport.listeningPort ?? 0;
    const relay = await ChallengeRelay.open(port, speechOf(from, two, address));
    try {
      one.transport.setPeer({ id: 2n, address: relay.address });
      one.transport.send([messageOf(1n, 2n, 'to two')]);
      const isRefused = (): boolean => two.transport.counts().refusedConnections > 0;
      await until(() => two.texts.length > 0 || isRefused());
      expect(two.texts).toEqual(heard);
      const told = two.logged.filter((line) => line.includes('a member was refused'));
      expect(told).toHaveLength(heard.length === 0 ? 1 : 0);
    } finally {
      await relay.close();
    }
  });

  it('hears and says nothing where it stands between two connections of TLS', async () => {
    const one = await net.add(1n, { secret, tls });
    const two = await net.add(2n, { secret, tls });
    two.transport.setPeer({ id: 1n, address: one.address });
    const port = two.transport.listeningPort ?? 0;
    const forged = speechOf(1n, two, one.address);
    // Any certificate of the authority is enough for the relay.
    const relay = await ChallengeRelay.open(port, forged, authority.issue());
    try {
      one.transport.setPeer({ id: 2n, address: relay.address });
      one.transport.send([messageOf(1n, 2n, 'to two')]);
      const isRefused = (): boolean => two.transport.counts().refusedConnections > 0;
      await until(() => two.texts.length > 0 || isRefused());
      expect(two.texts).toEqual([]);
      expect(relay.passedBytes).toBeGreaterThan(0);
      expect(relay.answeredBytes).toBe(0);
    } finally {
      await relay.close();
    }
  });
});

describe('members with a secret within TLS', () => {
  it('speak with each other in both directions', async () => {
    const [one, two] = await net.pair({ secret, tls });
    one.transport.send([messageOf(1n, 2n, 'to two')]);
    two.transport.send([messageOf(2n, 1n, 'to one')]);
    await until(() => one.texts.length > 0 && two.texts.length > 0);
    expect([one.texts, two.texts]).toEqual([['to one'], ['to two']]);
  });

  it('of two groups with the same ids are told apart', async () => {
    const one = await net.add(1n, { secret });
    const two = await net.add(2n, { secret, groupId: 7n });
    one.transport.setPeer({ id: 2n, address: two.address });
    one.transport.send([messageOf(1n, 2n, 'to two')]);
    await until(() => one.logged.length > 0);
    expect(one.logged[0]).toContain('belongs to a member of group 7; expected group 0');
    expect(two.texts).toEqual([]);
  });
});

describe('a connection that stops in the middle of a challenge', () => {
  it.each([0, 1, 7, 8, 40, 79, 80])('behind %i bytes leaves the member at work', async (bytes) => {
    const [one, two] = await net.pair({ secret });
    const opening = Buffer.concat([openingMagic, Buffer.alloc(72)]).subarray(0, bytes);
    // One client ends its half at once, one resets the connection, and one waits.
    const sockets = [0, 1, 2].map(() => {
      const socket = connect(two.transport.listeningPort ?? 0, '127.0.0.1');
      socket.on('error', () => undefined);
      return socket;
    });
    const [ends, resets, waits] = sockets;
    ends?.end(opening);
    resets?.write(opening, () => resets.resetAndDestroy());
    waits?.write(opening);
    one.transport.send([messageOf(1n, 2n, 'to two')]);
    await until(() => two.texts.length > 0);
    // The silent connection does not delay the others.
    await net.close();
    for (const socket of sockets) socket.destroy();
  });
});
