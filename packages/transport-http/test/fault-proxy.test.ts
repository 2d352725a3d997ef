/**
 * The fault proxy: bytes keep their order, a cut holds them back, a break closes the connection.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultProxy } from '../src/testing/index.ts';
import { clock, until } from './support.ts';

let server: Server;
let proxy: FaultProxy;
let client: Socket;
let received = '';
let answer: Socket | undefined;

beforeEach(async () => {
  received = '';
  server = createServer((socket) => {
    answer = socket;
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await FaultProxy.open(clock);
  const { port } = server.address() as AddressInfo;
  proxy.setTarget(port);
  client = connect(Number(proxy.address.split(':')[1]), '127.0.0.1');
  client.on('error', () => undefined);
  await once(client, 'connect');
});

afterEach(async () => {
  client.destroy();
  await proxy.close();
  await new Promise((resolve) => server.close(resolve));
});

describe('a fault proxy', () => {
  it('keeps the order of bytes when the delay becomes shorter', async () => {
    proxy.setFaults({ delayMs: 60 });
    client.write('first ');
    await clock.sleep(20);
    proxy.setFaults({ delayMs: 0 });
    client.write('second ');
    await clock.sleep(5);
    client.write('third');
    await until(() => received.length === 18);
    expect(received).toBe('first second third');
  });

  it('holds back what meets a cut, and lets it pass when that is healed', async () => {
    client.write('before ');
    await until(() => received === 'before ');
    proxy.cut();
    client.write('during ');
    await clock.sleep(50);
    expect(received).toBe('before ');
    proxy.heal();
    await until(() => received === 'before during ');
  });

  it('is as slow as it was told to be, also where something goes the other way', async () => {
    const bytesPerSecond = 400_000;
    proxy.setFaults({ bytesPerSecond });
    const telling = setInterval(() => answer?.write('x'), 5);
    client.resume();
    const beganMs = clock.monotonicMs();
    client.write('y'.repeat(200_000));
    await until(() => received.length === 200_000);
    clearInterval(telling);
    // The last chunk is forwarded when its delay is over: not within half a second.
    expect(clock.monotonicMs() - beganMs).toBeGreaterThan(450);
  });

  it('breaks connections, and refuses them where nobody listens', async () => {
    proxy.breakAll();
    await once(client, 'close');
    proxy.setTarget(undefined);
    const refused = connect(Number(proxy.address.split(':')[1]), '127.0.0.1');
    refused.on('error', () => undefined);
    await once(refused, 'close');
    expect(proxy.connections).toBe(0);
  });
});
