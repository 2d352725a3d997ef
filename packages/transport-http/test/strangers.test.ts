/**
 * Clients that are not members or do not follow the protocol are told so, cost little, and are
 * disconnected soon.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { handshakeOf, headOf, RawClient, streamHeadOf } from './raw-client.ts';
import { clock, messageOf, Net, until, type Member } from './support.ts';

let net: Net;
let one: Member;
let two: Member;
const clients: RawClient[] = [];
beforeEach(async () => {
  net = new Net();
  [one, two] = await net.pair();
});
afterEach(async () => {
  // Close the member first: it must end whatever the clients do.
  await net.close();
  for (const { socket } of clients.splice(0)) socket.destroy();
});

function client(): RawClient {
  const made = new RawClient(two.transport.listeningPort ?? 0);
  clients.push(made);
  return made;
}

/** The members still receive each other's messages. */
async function expectService(): Promise<void> {
  const text = `still here ${two.received.length}`;
  while (!two.texts.includes(text)) {
    one.transport.send([messageOf(1n, 2n, text)]);
    await clock.sleep(5);
  }
}

const chunkedBody = ['Transfer-Encoding: chunked'];

describe('a stranger who never closes its own half', () => {
  const cases: [string, string, (member: Member) => string][] = [
    ['garbage', '400', () => 'GARBAGE\u0000\u0001\r\n\r\n'],
    ['no handshake', '400', () => streamHeadOf(undefined)],
    ['a handshake that is no JSON', '400', () => streamHeadOf('{')],
    ['another cluster', '409', (to) => streamHeadOf(handshakeOf(to, { clusterId: 9n }))],
    [
      'an unknown stream',
      '404',
      (to) => streamHeadOf(handshakeOf(to, unknown())).replace('v1', 'v9'),
    ],
    ['a request without a handshake', '400', () => headOf('GET /', undefined)],
    ['an unknown path', '404', (to) => headOf('GET /raft/v1/other', handshakeOf(to, unknown()))],
    ['a head that is too long', '4', () => headOf('GET /', 'x'.repeat(40_000))],
    ['half a head', '4', () => 'GET /raft/v1/stream HTTP/1.1\r\nHost: a'],
    ['nothing at all', '4', () => ''],
    [
      'a body that does not go on',
      '400',
      () => `${headOf('POST /', undefined, chunkedBody)}4\r\nab`,
    ],
    [
      // The answer begins with progress lines and never ends.
      'half a frame and then nothing',
      '200',
      (to) =>
        `${headOf('POST /raft/v1/messages', handshakeOf(to, unknown()), chunkedBody)}4\r\nabcd\r\n`,
    ],
  ];
  it.each(cases)('is given up: %s', async (_, status, bytes) => {
    const stranger = client();
    stranger.write(bytes(two));
    await until(() => stranger.hasEnded || stranger.isClosed);
    expect(stranger.text.slice(0, 9 + status.length)).toBe(`HTTP/1.1 ${status}`);
    await stranger.untilGone();
    await expectService();
  });

  it('uses up no connection of a member, however often it comes', async () => {
    for (let count = 0; count < 300; count += 1) {
      client().write(streamHeadOf(handshakeOf(two, { clusterId: 9n })));
    }
    await until(() => clients.every((each) => each.hasEnded || each.isClosed));
    two.proxy.breakAll();
    await expectService();
  });
});

/** A member that nobody knows yet. */
const unknown = () => ({ from: 77n });

describe('texts of strangers', () => {
  const nasty = 'x\r\nERROR forged line\u001b[31m\u202e';
  it('reach the logger escaped, and few of them, however many come', async () => {
    client().write(streamHeadOf(handshakeOf(two, { address: nasty })));
    await until(() => two.logged.some((line) => line.includes('address is not a text')));
    // An error of the JSON parser quotes its input.
    client().write(streamHeadOf('\u009bERROR forged line'));
    client().write(streamHeadOf(handshakeOf(two, { address: 'another.example:1' })));
    await until(() => two.logged.some((line) => line.includes('another.example')));
    for (let from = 100n; from < 300n; from += 1n) {
      const address = from % 2n === 0n ? nasty : 'a.example:1';
      client().write(streamHeadOf(handshakeOf(two, { clusterId: from, from, address })));
    }
    client().write(
      headOf(`GET /${encodeURI(nasty)}`, `{"address": "${nasty}"}`.replace(/\s/g, '')),
    );
    await until(() => two.transport.counts().refusedConnections >= 200);
    const lines = two.logged.join('\n').split('\n');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(21);
    expect(lines.filter((line) => /[^ -~]/.test(line))).toEqual([]);
    expect(lines.filter((line) => line.startsWith('ERROR'))).toEqual([]);
    await expectService();
  });

  it('reach the logger of a joiner escaped, too, and few of them', async () => {
    const joiner = await net.add(9n);
    for (let from = 100n; from < 160n; from += 1n) {
      const stranger = new RawClient(joiner.transport.listeningPort ?? 0);
      clients.push(stranger);
      // The host has no address, so connecting back fails.
      const address = from % 2n === 0n ? `none-${from}` : nasty;
      stranger.write(streamHeadOf(handshakeOf(joiner, { from, address })));
    }
    const { transport, logged } = joiner;
    await until(() => transport.counts().failedConnections >= 30);
    await until(() => transport.counts().refusedConnections >= 30);
    expect(logged.filter((line) => line.includes('cannot be reached')).length).toBeGreaterThan(0);
    expect(logged.length).toBeLessThanOrEqual(20);
    expect(logged.filter((line) => /[^ -~]/.test(line))).toEqual([]);
  });
});

describe('300 connections at once that say nothing', () => {
  it('cost at most the time to a stall', async () => {
    for (let count = 0; count < 300; count += 1) client();
    await expectService();
    await until(() => clients.every((each) => each.hasEnded || each.isClosed));
  });
});

describe('a process that says it is this member itself', () => {
  it('is refused', async () => {
    const impostor = client();
    impostor.write(streamHeadOf(handshakeOf(two, { from: 2n })));
    await until(() => impostor.text.includes('\r\n\r\n'));
    expect(impostor.text).toContain('babuza-refusal: other-address');
  });

  it('or nobody at all, is refused', async () => {
    const nobody = client();
    nobody.write(streamHeadOf(handshakeOf(two, { from: 0n })));
    await until(() => nobody.text.includes('\r\n\r\n'));
    expect(nobody.text).toContain('babuza-refusal: bad-handshake');
  });
});
