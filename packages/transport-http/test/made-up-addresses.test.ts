/**
 * Only a joining member connects to the address that a handshake claims, and only under conditions.
 */
import { createServer, type Server } from 'node:net';
import { MessageType, newMessage } from '@babuza/raftpb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Members } from '../src/connections/members.ts';
import { handshakeOf } from './classes/fakes.ts';
import * as raw from './raw-client.ts';
import { clock, messageOf, Net, until } from './support.ts';

let net: Net;
let victim: Server;
let connections: number;
const clients: raw.RawClient[] = [];
beforeEach(async () => {
  net = new Net();
  connections = 0;
  victim = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => victim.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await net.close();
  for (const { socket } of clients.splice(0)) socket.destroy();
  victim.close();
});

function addressOfVictim(): string {
  const bound = victim.address();
  return typeof bound === 'object' ? `127.0.0.1:${bound?.port}` : '';
}

describe('a made-up address', () => {
  it('is not connected to, whatever is sent to its owner', async () => {
    const [, two] = await net.pair();
    const client = new raw.RawClient(two.transport.listeningPort ?? 0);
    clients.push(client);
    const handshake = raw.handshakeOf(two, { from: 70n, address: addressOfVictim() });
    client.write(raw.streamHeadOf(handshake));
    await until(() => client.text.includes(' 101 '));
    const before = two.transport.counts().droppedMessages;
    for (let count = 0; count < 20; count += 1) {
      two.transport.send([messageOf(2n, 70n, 'an answer')]);
      await clock.sleep(5);
    }
    expect([connections, two.transport.counts().droppedMessages - before]).toEqual([0, 20]);
    // The address is now in the membership, so it is connected to.
    two.transport.setPeer({ id: 70n, address: addressOfVictim() });
    await until(() => connections > 0);
  });

  it('takes no memory for each id that is made up', async () => {
    const [one, two] = await net.pair();
    await until(() => one.transport.counts().connectedPeers === 1);
    for (let id = 100n; id < 400n; id += 1n) two.transport.send([messageOf(2n, id, 'an answer')]);
    expect(two.transport.stats().length).toBeLessThanOrEqual(66);
    expect(two.transport.counts().droppedMessages).toBe(300);
  });
});

describe('a node that the membership does not have', () => {
  it('is answered on the stream that it has opened', async () => {
    const [, two] = await net.pair();
    const added = await net.add(3n, { peers: [{ id: 2n, address: two.address }] });
    added.proxy.setTarget(undefined);
    await until(() => added.transport.counts().connectedPeers === 1);
    const response = newMessage({ type: MessageType.AppResp, from: 2n, to: 3n, term: 1, index: 7 });
    two.transport.send([response, messageOf(2n, 3n, 'behind it')]);
    await until(() => added.texts.includes('behind it'));
    expect(added.received[0]).toMatchObject({ type: MessageType.AppResp, index: 7 });
    expect(two.transport.stats().find(({ id }) => id === 3n)).toMatchObject({
      connections: 0,
      sentMessages: 2,
    });
  });
});

describe('a joiner', () => {
  const ours = handshakeOf({ from: 1n, to: 2n, address: 'one.example:1' });

  it('knows from where an address was claimed, until it has a membership', () => {
    const members = new Members();
    members.admit(handshakeOf(), ours, () => undefined, '10.0.0.2');
    expect(members.routeOf(2n)).toEqual({ address: 'two.example:2', onlyIp: '10.0.0.2' });
    members.set({ id: 3n, address: 'three.example:3' });
    expect(members.routeOf(2n)).toBeUndefined();
    expect(members.routeOf(3n)).toEqual({ address: 'three.example:3' });
  });

  it('does not connect to another machine than the one that spoke', async () => {
    const joiner = await net.add(2n);
    const client = new raw.RawClient(joiner.transport.listeningPort ?? 0);
    clients.push(client);
    client.write(raw.streamHeadOf(raw.handshakeOf(joiner, { from: 70n, address: '127.0.0.2:9' })));
    await until(() => joiner.transport.counts().failedConnections > 0);
    expect(joiner.logged.join('\n')).toContain(
      'the address that it claims is not in the membership',
    );
    expect(joiner.transport.counts().connectedPeers).toBe(0);
  });
});
