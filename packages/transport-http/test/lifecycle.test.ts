/** Start and close in every order. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HttpTransport } from '../src/index.ts';
import { clock, mebibyte, messageOf, Net, random, silentHandler, until } from './support.ts';

let net: Net;
beforeEach(() => {
  net = new Net();
});
afterEach(() => net.close());

const group = { groupId: 0n, entryBytesMax: mebibyte, messageBytesMax: mebibyte };
const made: HttpTransport[] = [];
afterEach(async () => {
  for (const transport of made.splice(0)) await transport.close();
});

function transportAt(port: number, host = '127.0.0.1'): HttpTransport {
  const identity = { clusterId: 1n, nodeId: 1n, clock, random };
  const transport = new HttpTransport(identity, { address: `${host}:1`, listen: { host, port } });
  made.push(transport);
  return transport;
}

/** Whether the port accepts connections. */
const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket: Socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
    socket.once('connect', () => socket.destroy());
  });

const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};

describe('start', () => {
  it('is for once', async () => {
    const transport = transportAt(0);
    await transport.start(silentHandler, group);
    await expect(transport.start(silentHandler, group)).rejects.toMatchObject({
      code: 'TRANSPORT_INVALID',
    });
  });

  it('says which port is taken', async () => {
    const first = transportAt(0);
    await first.start(silentHandler, group);
    const second = transportAt(first.listeningPort ?? 0);
    await expect(second.start(silentHandler, group)).rejects.toMatchObject({
      code: 'TRANSPORT_LISTEN',
      message: expect.stringContaining(String(first.listeningPort)),
    });
    second.send([messageOf(1n, 2n, 'nowhere')]);
    await second.close();
  });

  it('does nothing after close', async () => {
    const transport = transportAt(0);
    await transport.close();
    await expect(transport.start(silentHandler, group)).rejects.toMatchObject({
      code: 'TRANSPORT_CLOSED',
    });
  });

  it.each(['127.0.0.1', 'localhost'])(
    'that is overtaken by close leaves nothing open: %s',
    async (host) => {
      const port = await freePort();
      const transport = transportAt(port, host);
      const starting = transport.start(silentHandler, group);
      starting.catch(() => undefined);
      await transport.close();
      await expect(starting).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
      expect(await isOpen(port)).toBe(false);
    },
  );
});

describe('close', () => {
  it('is the same however often it is called', async () => {
    const transport = transportAt(0);
    await transport.start(silentHandler, group);
    const first = transport.close();
    expect(transport.close()).toBe(first);
    await first;
    await transport[Symbol.asyncDispose]();
  });

  it('sends and takes nothing any more', async () => {
    const [one, two] = await net.pair();
    one.transport.send([messageOf(1n, 2n, 'a')]);
    await until(() => two.received.length === 1);
    await one.transport.close();
    one.transport.send([messageOf(1n, 2n, 'b')]);
    one.transport.setPeer({ id: 2n, address: two.address });
    one.transport.removePeer(2n);
    two.transport.send([messageOf(2n, 1n, 'c')]);
    await until(() => two.unreachable.includes(1n));
    expect([two.texts, one.texts, one.unreachable]).toEqual([['a'], [], []]);
  });

  it.each([true, false])('comes in the middle of anything (streams: %s)', async (streams) => {
    const [one, two] = await net.pair({ streams });
    for (let turn = 0; turn < 4; turn += 1) {
      one.transport.send([messageOf(1n, 2n, `${turn}`)]);
      two.transport.send([messageOf(2n, 1n, `${turn}`)]);
      if (turn > 0) await clock.sleep(turn);
    }
    await Promise.all([one.transport.close(), two.transport.close()]);
    expect(one.unreachable).toEqual([]);
  });

  it('does not wait for who was let in and says nothing', async () => {
    const [, two] = await net.pair({ stallTimeoutMs: 600_000 });
    const socket = connect({ port: two.transport.listeningPort ?? 0, host: '127.0.0.1' });
    await new Promise((resolve) => socket.once('connect', resolve));
    await two.transport.close();
    socket.destroy();
  });
});

describe('before start', () => {
  it('peers may be told, nothing is sent, and no snapshot goes', async () => {
    const [, two] = await net.pair();
    const transport = transportAt(0);
    transport.setPeer({ id: 2n, address: two.address });
    transport.removePeer(3n);
    transport.send([messageOf(1n, 2n, 'too early')]);
    const never = new AbortController().signal;
    const sending = transport.sendSnapshot(messageOf(1n, 2n, ''), emptySource, never);
    await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_CLOSED' });
    expect(transport.stats()).toEqual([]);
  });
});

async function* emptySource(): AsyncGenerator<Uint8Array, void, void> {}
