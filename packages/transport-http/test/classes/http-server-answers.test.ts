/** The HTTP server with its settings and its final answers, on simulated connections. */
import type { Server } from 'node:http';
import { describe, expect, it } from 'vitest';
import { endWith, isOfHttp, newServer } from '../../src/server/http-server.ts';
import { FakeMember, stallTimeoutMs } from './fakes.ts';
import { FakeSocket } from './requests.ts';

/** The path that a server reads from the head of a request, or the code of the error. */
function heard(server: Server, head: string): Promise<unknown> {
  const socket = new FakeSocket();
  return new Promise((resolve) => {
    server.once('request', ({ url }) => resolve(url));
    server.once('clientError', (error) => resolve('code' in error ? error.code : error));
    server.emit('connection', socket);
    socket.push(Buffer.from(head, 'latin1'));
  });
}

/** The head of a request with a header of so many bytes. */
const headWith = (bytes: number): string =>
  `GET /here HTTP/1.1\r\nHost: one.example\r\nLong: ${'x'.repeat(bytes)}\r\n\r\n`;

describe('a server', () => {
  it('accepts a head of almost 16 KiB, and refuses a longer one', async () => {
    const { wire } = new FakeMember();
    const few = 100;
    expect(await heard(newServer(wire), headWith(16 * 1024 - few))).toBe('/here');
    const longer = headWith(16 * 1024 + few);
    expect(await heard(newServer(wire), longer)).toBe('HPE_HEADER_OVERFLOW');
  });

  it('gives a request as long as it takes, and its head no longer than the stall timeout', () => {
    const server = newServer(new FakeMember().wire);
    expect([server.requestTimeout, server.headersTimeout]).toEqual([0, stallTimeoutMs]);
    expect(server.keepAliveTimeout).toBe(60_000);
    // An incomplete head is detected at the end of the second check interval at the latest.
    expect(Reflect.get(server, 'connectionsCheckingInterval')).toBe(stallTimeoutMs / 2);
  });
});

describe('an error of a connection', () => {
  it.each([
    ['HPE_INVALID_METHOD', true],
    ['ERR_HTTP_REQUEST_TIMEOUT', true],
    ['ECONNRESET', false],
    ['ERR_SSL_HTTP_REQUEST', false],
    [undefined, false],
  ])('with the code %s comes from what was said in HTTP: %s', (code, isSo) => {
    const error = new Error('it broke');
    expect(isOfHttp(code === undefined ? error : Object.assign(error, { code }))).toBe(isSo);
  });
});

describe('the final answer on a connection', () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('is sent before the connection is closed', async () => {
    const socket = new FakeSocket();
    endWith(socket, 'no');
    await turn();
    expect([socket.text, socket.destroyed]).toEqual(['no', true]);
  });

  it('is not said in the middle of what has not left, were it one byte', async () => {
    const socket = new FakeSocket();
    socket.isStuck = true;
    socket.write('a');
    endWith(socket, 'no');
    expect(socket.destroyed).toBe(true);
    socket.unstick();
    await turn();
    expect(socket.text).toBe('a');
  });

  it('is not said where this half was closed', async () => {
    const socket = new FakeSocket();
    socket.end();
    endWith(socket, 'no');
    await turn();
    expect([socket.text, socket.destroyed]).toEqual(['', true]);
  });
});
