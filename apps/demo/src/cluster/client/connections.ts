/**
 * Requests over connections that are kept alive, one pool for each node. It knows HTTP and its
 * bounds, and nothing of keys, leaders or sessions.
 */
import { Agent, request, type IncomingMessage } from 'node:http';
import { ConnectionError, KeyValueError } from './errors.ts';
import { lookUp } from './look-up.ts';
import type { Waits } from './waits.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** As it goes out. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Several parts go out behind each other, without a copy. */
  readonly body: readonly Uint8Array[];
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** Answers are a value, at most, or JSON of a few kilobytes. */
const answerBytesMax: number = 4 * 1024 * 1024;

export class Connections {
  readonly #agent: Agent;
  readonly #always: Readonly<Record<string, string>>;
  readonly #waits: Waits;

  /**
   * `connectionsMax` counts the connections to one node; further requests wait for one of them. The
   * token is that of the options.
   */
  constructor(connectionsMax: number, waits: Waits, token: string | undefined) {
    this.#waits = waits;
    this.#always = token === undefined ? {} : { authorization: `Bearer ${token}` };
    // Last in, first out: connections that are not needed become idle, and the node ends them.
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: connectionsMax,
      maxFreeSockets: connectionsMax,
      scheduling: 'lifo',
      noDelay: true,
      lookup: lookUp,
    });
  }

  /**
   * Resolves with any answer, whatever its status. Rejects with a `ConnectionError`, the reason of
   * the signal, or `KEY_VALUE_UNREADABLE` for an answer above 4 MiB.
   */
  send(
    node: string,
    { method, path, headers, body }: HttpRequest,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<HttpAnswer> {
    const { hostname, port } = new URL(node);
    const length = body.reduce((sum, part) => sum + part.length, 0);
    return this.#waits.wait<HttpAnswer>(signal, (resolve, reject) => {
      let sent = false;
      let whole = false;
      const fail = (message: string, cause?: unknown): void =>
        reject(new ConnectionError(`${node}: ${message}`, sent, cause));
      const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
      const going = request({
        host: hostname.replace(/^\[|\]$/g, ''),
        port,
        method,
        path,
        agent: this.#agent,
        headers: {
          ...headers,
          ...this.#always,
          ...(method === 'GET' ? {} : { 'content-length': length, 'babuza-request': '1' }),
        },
      });
      going.on('error', (error) => fail(error.message, error));
      going.on('response', (response) => {
        takeAnswer(response).then(
          (answer) => {
            whole = true;
            resolve(answer);
          },
          (error: unknown) =>
            error instanceof KeyValueError ? reject(error) : fail('the answer broke off', error),
        );
      });
      // Bytes that may have left count as sent: only a connection that never came about has
      // certainly sent nothing.
      going.on('socket', (socket) => {
        if (socket.connecting) socket.once('connect', () => (sent = true));
        else sent = true;
      });
      for (const part of body.slice(0, -1)) going.write(part);
      going.end(body.at(-1));
      return () => {
        clearTimeout(timer);
        // One that has its answer gives its connection back; any other would leave it in the midst
        // of something.
        if (!whole) going.destroy();
      };
    });
  }

  /** Ends all connections. */
  close(): void {
    this.#agent.destroy();
  }
}

function takeAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    response.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes <= answerBytesMax) return;
      response.destroy();
      const message = `an answer of more than ${answerBytesMax} bytes`;
      reject(new KeyValueError('KEY_VALUE_UNREADABLE', message, { outcome: 'unknown' }));
    });
    response.on('end', () => {
      const [only] = chunks;
      const body = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, bytes);
      resolve({ status: response.statusCode ?? 0, body });
    });
    response.on('error', reject);
  });
}
