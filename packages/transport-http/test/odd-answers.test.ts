/** Answers that HTTP allows but no member sends. */
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeHandshake, handshakeHeader } from '../src/connections/handshake.ts';
import { handshakeOf } from './raw-client.ts';
import { never, snapshotMessage, Source } from './snapshot-support.ts';
import { clock, messageOf, Net, until, type Member } from './support.ts';

let net: Net;
let one: Member;
let server: Server;
const open = new Set<Socket>();
beforeEach(async () => {
  net = new Net();
  one = await net.add(1n, { streams: false });
  const said = encodeHandshake(handshakeOf(one, { from: 2n }));
  server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    socket.once('data', () => {
      const head =
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: babuza-raft';
      socket.write(`${head}\r\n${handshakeHeader}: ${said}\r\n\r\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  one.transport.setPeer({ id: 2n, address: `127.0.0.1:${port}` });
});
afterEach(async () => {
  await net.close();
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

describe('an upgrade that nobody asked for', () => {
  it('is no answer to messages: they are reported, and no connection stays open', async () => {
    while (one.unreachable.length < 3) {
      one.transport.send([messageOf(1n, 2n, 'hello')]);
      await clock.sleep(20);
    }
    expect(one.logged.join('\n')).toContain('upgraded a connection');
    await one.transport.close();
    await until(() => open.size === 0);
  });

  it('is no answer about a snapshot, and no connection stays open', async () => {
    const sending = one.transport.sendSnapshot(snapshotMessage(1n, 2n), new Source(10).open, never);
    await expect(sending).rejects.toMatchObject({ code: 'TRANSPORT_PROTOCOL' });
    await until(() => open.size === 0);
  });
});
