/** The HTTP server of a member: its time limits, and how it closes a connection. */
import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { endWith, isOfHttp, newServer } from '../../src/server/http-server.ts';
import type { HttpTransportOptions } from '../../src/index.ts';
import { RawClient } from '../raw-client.ts';
import { until } from '../support.ts';
import { FakeMember, stallTimeoutMs } from './fakes.ts';

let server: Server | undefined;
const clients: RawClient[] = [];
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  const closing = server;
  server = undefined;
  if (closing?.listening === true) await new Promise((resolve) => closing.close(resolve));
});

/** A client of a server that answers each request without a body. */
async function clientOf(options: Partial<HttpTransportOptions>): Promise<RawClient> {
  const made = newServer(new FakeMember({}, options).wire);
  server = made;
  made.on('request', (_, response: ServerResponse) => response.end());
  await new Promise<void>((resolve) => void made.listen(0, '127.0.0.1', resolve));
  const bound = made.address();
  const client = new RawClient(typeof bound === 'object' && bound !== null ? bound.port : 0);
  clients.push(client);
  return client;
}

describe('the server', () => {
  it('gives a request any time, its head the stall timeout, and an idle connection a minute', () => {
    const { requestTimeout, headersTimeout, keepAliveTimeout } = newServer(new FakeMember().wire);
    // A snapshot may take longer than the five minutes that Node.js allows for a request.
    expect(requestTimeout).toBe(0);
    expect(headersTimeout).toBe(stallTimeoutMs);
    expect(keepAliveTimeout).toBe(60_000);
  });

  it('ends a connection on which half a head stands still', { timeout: 8000 }, async () => {
    const client = await clientOf({ stallTimeoutMs: 100 });
    client.write('GET / HTTP/1.1\r\nHost: a');
    await until(() => client.hasEnded || client.isClosed);
    expect(client.text).toContain('HTTP/1.1 408');
  });

  it.each([
    [15 * 1024, 'HTTP/1.1 200'],
    [16 * 1024, 'HTTP/1.1 431'],
  ])('answers a head with a value of %i bytes: %s', async (bytes, answer) => {
    const client = await clientOf({});
    client.write(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(bytes)}\r\n\r\n`);
    await until(() => client.text.includes('\r\n\r\n') || client.isClosed);
    expect(client.text.slice(0, answer.length)).toBe(answer);
  });
});

/** A connection whose other side keeps its half open. */
class Connection extends Duplex {
  text = '';
  readonly #takes: boolean;

  constructor(takes: boolean) {
    super();
    this.#takes = takes;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    if (this.#takes) done();
  }
}

describe('the final answer on a connection', () => {
  it('is written, and what the other side does with its half is not waited for', async () => {
    const connection = new Connection(true);
    const closed = once(connection, 'close');
    endWith(connection, 'bye');
    await closed;
    expect(connection.text).toBe('bye');
  });

  it('is not said in the middle of an answer', () => {
    const connection = new Connection(false);
    connection.write('half an answer');
    endWith(connection, 'bye');
    expect([connection.destroyed, connection.text]).toEqual([true, 'half an answer']);
  });

  it('is not said on a connection that has ended', () => {
    const connection = new Connection(true);
    connection.end();
    endWith(connection, 'bye');
    expect([connection.destroyed, connection.text]).toEqual([true, '']);
  });
});

it.each([
  ['HPE_INVALID_METHOD', true],
  ['HPE_HEADER_OVERFLOW', true],
  ['ERR_HTTP_REQUEST_TIMEOUT', true],
  ['ERR_SSL_HTTP_REQUEST', false],
  ['ECONNRESET', false],
  [undefined, false],
])('an error with the code %s is one of HTTP: %s', (code, expected) => {
  const error = code === undefined ? new Error('none') : Object.assign(new Error(code), { code });
  expect(isOfHttp(error)).toBe(expected);
});
