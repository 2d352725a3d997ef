/** Other servers at the address of a member, and proxies between two members. */
import { createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { EntryType, MessageType, newMessage } from '@babuza/raftpb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeHandshake, handshakeHeader } from '../src/connections/handshake.ts';
import { handshakeOf } from './raw-client.ts';
import { never, snapshotMessage, Source } from './snapshot-support.ts';
import { clock, mebibyte, messageOf, Net, until, type Member } from './support.ts';

let net: Net;
const servers: Server[] = [];
beforeEach(() => {
  net = new Net();
});
afterEach(async () => {
  await net.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function sendUntil(from: Member, to: bigint, holds: () => boolean): Promise<void> {
  while (!holds()) {
    from.transport.send([messageOf(from.id, to, 'hello')]);
    await clock.sleep(20);
  }
}

describe('a proxy that lets no stream through', () => {
  /** Most proxies behave like this by default: they do not forward the upgrade. */
  const withoutUpgrades = (port: number | undefined): Server =>
    createServer((incoming, outgoing) => {
      const { connection: _, upgrade: __, ...headers } = incoming.headers;
      const { method, url: path } = incoming;
      const forwarded = request({ port, host: '127.0.0.1', method, path, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      forwarded.on('error', () => outgoing.destroy());
      incoming.pipe(forwarded);
    });

  /** Two members of which the second is behind such a proxy from the start. */
  const pairBehindProxy = async (): Promise<[Member, Member]> => {
    const one = await net.add(1n);
    const two = await net.add(2n);
    two.proxy.setTarget(await listen(withoutUpgrades(two.transport.listeningPort)));
    one.transport.setPeer({ id: 2n, address: two.address });
    return [one, two];
  };

  it('is met with requests', async () => {
    const [one, two] = await pairBehindProxy();
    await sendUntil(one, 2n, () => two.received.length > 0);
    expect(one.logged.join('\n')).toContain('requests are used instead');
    expect(one.transport.stats()[0]?.isConnected).toBe(true);
  });

  it.each([
    ['says something', true],
    ['is silent', false],
  ])('is asked for a stream again after a minute, where the member %s', async (_, isLoud) => {
    const [one, two] = await pairBehindProxy();
    await sendUntil(one, 2n, () => two.received.length > 0);
    two.proxy.setTarget(two.transport.listeningPort);
    expect(one.transport.counts().connections).toBe(1);
    net.laterMs = 61_000;
    const isOpen = (): boolean => one.transport.counts().connections === 2;
    if (isLoud) await sendUntil(one, 2n, isOpen);
    else await until(isOpen);
    const { sentMessages } = one.transport.counts();
    await until(() => two.received.length >= sentMessages);
    expect(one.unreachable).toEqual([]);
  });
});

describe('a plain HTTP server at the address of a member', () => {
  it.each([200, 404, 500])('is told from one, whatever it answers: %s', async (status) => {
    const [one, two] = await net.pair();
    two.proxy.setTarget(
      await listen(createServer((_, response) => response.writeHead(status).end('hello'))),
    );
    await sendUntil(one, 2n, () => one.unreachable.length > 2);
    expect(one.logged.join('\n')).toContain(
      `a server that is not a member answers at ${two.address}`,
    );
    const sending = one.transport.sendSnapshot(snapshotMessage(1n, 2n), new Source(10).open, never);
    await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_PROTOCOL' });
  });
});

describe('an answer that begins and does not go on', () => {
  const answers: [string, boolean, (response: ServerResponse, said: string) => void][] = [
    [
      'a refusal of a stream',
      true,
      (response) => void response.writeHead(409, { 'babuza-refusal': 'other-cluster' }).write('be'),
    ],
    [
      'the answer to a request',
      false,
      (response, said) => void response.writeHead(200, { [handshakeHeader]: said }).write('be'),
    ],
  ];
  it.each(answers)('is given up: %s', async (_, streams, answer) => {
    const [one, two] = await net.pair({ streams });
    const said = encodeHandshake(handshakeOf(one, { from: 2n }));
    let asked = 0;
    const server = createServer((incoming, response) => {
      incoming.resume();
      asked += 1;
      answer(response, said);
    });
    const open = new Set<Duplex>();
    if (streams) {
      server.on('upgrade', (__, socket) => {
        asked += 1;
        open.add(socket.on('error', () => undefined));
        socket.write(
          'HTTP/1.1 409 No\r\nbabuza-refusal: other-cluster\r\nContent-Length: 9\r\n\r\nbe',
        );
      });
    }
    two.proxy.setTarget(await listen(server));
    await sendUntil(one, 2n, () => asked > 1 && one.unreachable.length > 1);
    for (const socket of open) socket.destroy();
  });

  it('is asked again: how much of a snapshot is there', async () => {
    const [one, two] = await net.pair();
    const said = encodeHandshake(handshakeOf(one, { from: 2n }));
    let asked = 0;
    const server = createServer((incoming, response) => {
      incoming.resume();
      asked += 1;
      response.writeHead(200, { [handshakeHeader]: said }).write('1');
    });
    two.proxy.setTarget(await listen(server));
    const giveUp = new AbortController();
    const source = new Source(10);
    const sending = one.transport.sendSnapshot(snapshotMessage(1n, 2n), source.open, giveUp.signal);
    sending.catch(() => undefined);
    await until(() => asked > 1);
    giveUp.abort(new Error('enough'));
    await expect(sending).rejects.toThrow('enough');
  });
});

describe('members that differ', () => {
  const append = (bytes: number) =>
    newMessage({
      type: MessageType.App,
      from: 1n,
      to: 2n,
      term: 1,
      entries: Array.from({ length: 8 }, (_, at) => ({
        term: 1,
        index: at + 1,
        type: EntryType.Normal,
        data: Buffer.alloc(bytes / 8),
      })),
    });
  it.each([true, false])(
    'in the size of messages reach each other all the same (streams: %s)',
    async (streams) => {
      const [one, two] = await net.pair({ streams, messageBytesMax: 8 * mebibyte }, { streams });
      one.transport.send([append(6 * mebibyte)]);
      await until(() => two.received.length === 1);
    },
  );

  it.each([true, false])(
    'in the cluster hear why, also behind a large message (streams: %s)',
    async (streams) => {
      const [one] = await net.pair({ streams }, { streams, groupId: 5n });
      for (let count = 0; count < 5; count += 1) {
        one.transport.send([append(mebibyte)]);
        await clock.sleep(100);
      }
      await until(() => one.logged.length > 0);
      expect(one.logged[0]).toContain('other-group');
    },
  );

  it.each([
    ['a quick one', 100, 5000],
    ['a patient one', 5000, 100],
  ])('in their patience keep their stream: %s sends', async (_, ours, theirs) => {
    const [one, two] = await net.pair({ stallTimeoutMs: ours }, { stallTimeoutMs: theirs });
    await sendUntil(one, 2n, () => two.received.length > 0);
    for (let count = 0; count < 30; count += 1) {
      one.transport.send([messageOf(1n, 2n, 'hello')]);
      await clock.sleep(20);
    }
    expect(one.transport.stats()[0]).toMatchObject({ connections: 1, failedConnections: 0 });
  });
});
