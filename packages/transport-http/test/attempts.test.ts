/** The attempts to reach a peer that cannot be reached. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { HostNames } from '@babuza/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clock, messageOf, Net, until, type Member } from './support.ts';

let net: Net;
const servers: Server[] = [];
beforeEach(() => {
  net = new Net();
});
afterEach(async () => {
  await net.close();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

const failures = ({ transport }: Member): number => transport.counts().failedConnections;

describe('a member that was removed', () => {
  it('is not looked for, although something was to be said to it', async () => {
    const [one, two] = await net.pair();
    await until(() => one.transport.counts().connectedPeers === 1);
    one.transport.removePeer(2n);
    one.transport.send([messageOf(1n, 2n, 'the last words')]);
    await clock.sleep(300);
    expect([one.transport.stats(), one.unreachable, two.received]).toEqual([[], [], []]);
    expect(one.transport.counts()).toMatchObject({ failedConnections: 0, droppedMessages: 1 });
  });
});

describe('a member whose address nobody knows', () => {
  it('is reported as often as something is to be said to it, and not looked for', async () => {
    const one = await net.add(1n);
    one.transport.send([messageOf(1n, 9n, 'who are you?')]);
    await until(() => one.unreachable.includes(9n));
    const before = failures(one);
    await clock.sleep(1500);
    expect(failures(one)).toBe(before);
  });
});

describe('a member that sends request after request, and lets nobody in', () => {
  it('is not tried at each of them', async () => {
    const one = await net.add(1n);
    const two = await net.add(2n, { streams: false });
    one.transport.setPeer({ id: 2n, address: two.address });
    // The same address under another name: a sender that claims the first one is refused.
    const address = one.address.replace('127.0.0.1', 'localhost');
    two.transport.setPeer({ id: 1n, address });
    while (one.received.length < 200) {
      two.transport.send([messageOf(2n, 1n, 'hello')]);
      await clock.sleep(5);
    }
    expect(one.logged.join('\n')).toContain('other-address');
    expect(failures(one)).toBeLessThan(100);
  });
});

/** A proxy that breaks each connection to a member right after its first answer. */
async function breakerOf(port: number): Promise<number> {
  const server = createServer((incoming: Socket) => {
    const outgoing = connect(port, '127.0.0.1');
    const end = (): void => {
      incoming.destroy();
      outgoing.destroy();
    };
    incoming.pipe(outgoing).pipe(incoming);
    outgoing.once('data', () => setTimeout(end, 20));
    for (const socket of [incoming, outgoing]) socket.on('error', end).on('close', end);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('connections that break as soon as they are open, both ways', () => {
  it('are made at longer and longer intervals, and told of once', async () => {
    const one = await net.add(1n);
    const two = await net.add(2n);
    for (const { proxy, transport } of [one, two]) {
      proxy.setTarget(await breakerOf(transport.listeningPort ?? 0));
    }
    one.transport.setPeer({ id: 2n, address: two.address });
    two.transport.setPeer({ id: 1n, address: one.address });
    for (let turn = 0; turn < 200; turn += 1) {
      one.transport.send([messageOf(1n, 2n, 'hello')]);
      two.transport.send([messageOf(2n, 1n, 'hello')]);
      await clock.sleep(20);
    }
    expect(one.logged.filter((line) => line.includes('reached again'))).toEqual([]);
    // Almost one attempt for each turn of the loop, if all were made at once.
    expect(failures(one)).toBeLessThan(100);
  });
});

describe('a name of two addresses at which nobody listens', () => {
  it('is told with the reason of each', async () => {
    const names: HostNames = {
      lookUp: async () => [
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ],
    };
    const one = await net.add(1n, { names });
    one.transport.setPeer({ id: 2n, address: 'two.example:1' });
    await until(() => one.logged.length > 0);
    expect(one.logged[0]).toMatch(/::1.*127\.0\.0\.1/);
  });
});
