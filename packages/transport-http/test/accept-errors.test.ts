/**
 * A member that cannot accept a connection, because its process has no file descriptor left, keeps
 * running.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { messageOf, Net, until } from './support.ts';

let net: Net;
beforeEach(() => {
  net = new Net();
});
afterEach(() => net.close());

/** Node.js emits such an error for each connection that it could not accept. */
const acceptError = (code: string): Error =>
  Object.assign(new Error(`accept ${code}`), { code, syscall: 'accept' });

it('a connection that cannot be accepted is told once, and ends nothing', async () => {
  const servers = new Set<Server>();
  const onRequest = (message: unknown): void => {
    servers.add((message as { readonly server: Server }).server);
  };
  subscribe('http.server.request.start', onRequest);
  const one = await net.add(1n, { streams: false });
  const two = await net.add(2n);
  one.transport.setPeer({ id: 2n, address: two.address });
  const send = async (text: string): Promise<void> => {
    await until(() => {
      one.transport.send([messageOf(1n, 2n, text)]);
      return two.texts.includes(text);
    });
  };
  await send('before');
  unsubscribe('http.server.request.start', onRequest);
  const [server] = servers;
  expect(servers.size).toBe(1);
  const told = (): string[] => two.logged.filter((line) => line.includes('accept EMFILE'));
  for (let time = 0; time < 3; time += 1) server?.emit('error', acceptError('EMFILE'));
  expect(told()).toHaveLength(1);
  expect(told()[0]).toContain('a connection could not be accepted');
  server?.emit('error', acceptError('ENFILE'));
  expect(two.logged.filter((line) => line.includes('accept ENFILE'))).toHaveLength(1);
  await send('afterwards');
});
