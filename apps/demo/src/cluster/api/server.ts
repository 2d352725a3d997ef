/**
 * The REST API of one node, on `node:http` alone: few paths, fixed ones, and every bound of memory
 * and time is ours to set.
 *
 * | path | |
 * | --- | --- |
 * | `GET`, `PUT`, `DELETE /v1/keys/{key}`, `POST …/compare-and-set` | `keys.ts` |
 * | `POST /v1/sessions`, `DELETE /v1/sessions/{id}` | `sessions.ts` |
 * | `GET`, `POST /v1/members` | `membership.ts` |
 * | `PUT`, `DELETE /v1/members/{id}`, `POST …/promote` | `membership.ts` |
 * | `GET /v1/status`, `/v1/digest`, `/health`, `/ready`, `/metrics` | `node.ts` |
 * | `POST /v1/snapshots`, `/v1/leadership` | `node.ts` |
 *
 * `HEAD` is answered wherever `GET` is. Web pages of other origins are refused (`web-pages.ts`),
 * and so are callers without a token where the API has tokens (`tokens.ts`).
 *
 * It takes the node as it is and ends without it: `close` leaves no connection, no timer, no call.
 */
import { createServer, STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Admission, type AdmissionOptions } from './admission.ts';
import { ByteBudget } from './body.ts';
import { jsonType } from './call.ts';
import { ApiError, type ApiErrorCode } from './errors.ts';
import { startExchange, type Exchange, type ExchangeParts } from './exchange.ts';
import { toJson } from './json.ts';
import { keyRoutes, type KeyValueRaft } from './keys.ts';
import { defaultApiLimits, type ApiLimits } from './limits.ts';
import { membershipRoutes } from './membership.ts';
import { nodeRoutes, type NodeFigures } from './node.ts';
import { Router } from './router.ts';
import { sessionRoutes } from './sessions.ts';
import type { KeyValueAnswer, KeyValueQuery } from '../key-value-machine.ts';

export interface KeyValueApiOptions extends NodeFigures, AdmissionOptions {
  readonly raft: KeyValueRaft;
  /**
   * Default: `127.0.0.1`. Others need `tokens`, and a proxy with TLS in front: the API has none.
   */
  readonly host?: string | undefined;
  /** The port to listen on. Default: 0, which lets the system choose a free one. */
  readonly port?: number | undefined;
  readonly limits?: Partial<ApiLimits> | undefined;
  /**
   * Called with each unexpected error; clients only see `API_INTERNAL`. Default: errors are not
   * reported.
   */
  readonly report?: ((error: unknown) => void) | undefined;
}

/** Serves the API. Rejects with the error of the system where it cannot listen. */
export async function serveKeyValueApi(options: KeyValueApiOptions): Promise<KeyValueApi> {
  const api = new KeyValueApi(options);
  await api.listen();
  return api;
}

export class KeyValueApi implements AsyncDisposable {
  readonly #options: KeyValueApiOptions;
  readonly #limits: ApiLimits;
  readonly #parts: ExchangeParts<KeyValueQuery, KeyValueAnswer>;
  readonly #server: Server;
  readonly #exchanges = new Set<Exchange>();
  #url = '';
  #closing: Promise<void> | undefined;

  /**
   * Makes a server that does not listen yet; see `serveKeyValueApi`. Throws a `TypeError` for
   * invalid hosts or tokens.
   */
  constructor(options: KeyValueApiOptions) {
    const { raft, report = () => undefined } = options;
    const limits = { ...defaultApiLimits, ...options.limits };
    this.#options = options;
    this.#limits = limits;
    const router = new Router([
      ...keyRoutes(raft),
      ...sessionRoutes(raft),
      ...membershipRoutes(raft),
      ...nodeRoutes(raft, options),
    ]);
    const budget = new ByteBudget(limits.heldBytesMax);
    this.#parts = { raft, router, limits, budget, admission: new Admission(options), report };
    this.#server = createServer({
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(5000, limits.headersTimeoutMs),
      // Node would answer a missing `Host` without a JSON body. No rule here needs the header.
      requireHostHeader: false,
      noDelay: true,
    });
    this.#server.maxConnections = limits.connectionsMax;
    this.#server
      .on('request', (request, response) => this.#take(request, response, false))
      .on('checkContinue', (request, response) => this.#take(request, response, true))
      .on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) =>
        refuseExpectation(response),
      )
      .on('clientError', (error: Error, socket: Duplex) => refuseGarbage(error, socket));
  }

  /** The URL of the API, `http://host:port`. */
  get url(): string {
    return this.#url;
  }

  /** Bytes that bodies and large answers hold at the moment. */
  get heldBytes(): number {
    return this.#parts.budget.held;
  }

  /** Starts listening. It may be called once. */
  async listen(): Promise<void> {
    const { host = '127.0.0.1', port = 0 } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject).on('error', this.#parts.report);
        resolve();
      });
    });
    const { address, family, port: bound } = addressOf(this.#server);
    this.#url = `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`;
  }

  /**
   * Stops accepting calls, ends waiting calls with `API_CLOSING` (their writes may still take
   * effect), and closes all connections within `closeGraceMs`. A second call returns the same
   * promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const reason = new ApiError('API_CLOSING', 'the node is closing its API', {
      headers: { connection: 'close' },
    });
    const waiting = [...this.#exchanges].map(({ answered, abort }) => {
      abort(reason);
      return answered;
    });
    await Promise.all(waiting);
    // Answers that were written are on their way: their connections end by themselves when they
    // have gone out.
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), this.#limits.closeGraceMs);
    await closed;
    clearTimeout(timer);
  }

  #take(request: IncomingMessage, response: ServerResponse, waitsForGo: boolean): void {
    // Errors of a socket that goes away are seen as the end of the request; unheard they would end
    // the process.
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    if (this.#closing !== undefined || this.#exchanges.size >= this.#limits.callsMax) {
      const code = this.#closing === undefined ? 'API_BUSY' : 'API_CLOSING';
      refuse(response, code, 'the node takes no more calls at the moment');
      return;
    }
    const exchange = startExchange(this.#parts, request, response, waitsForGo);
    this.#exchanges.add(exchange);
    void exchange.answered.then(() => this.#exchanges.delete(exchange));
  }
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no TCP address');
  return address;
}

function refuseExpectation(response: ServerResponse): void {
  refuse(response, 'API_EXPECTATION_FAILED', "the only expectation that is met is '100-continue'");
}

function refuse(response: ServerResponse, code: ApiErrorCode, message: string): void {
  const { status } = new ApiError(code, message);
  const body = toJson({ code, message });
  response.writeHead(status, {
    'content-type': jsonType,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}

/**
 * Answers bytes that are not an HTTP request. There is no response object, so it writes to the
 * socket.
 */
function refuseGarbage(error: Error, socket: Duplex): void {
  const cause: unknown = Reflect.get(error, 'code');
  if (cause === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [code, message] = garbage(cause);
  const { status } = new ApiError(code, message);
  const body = toJson({ code, message });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `content-type: ${jsonType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ].join('\r\n');
  socket.end(`${head}\r\n\r\n${body}`, () => socket.destroy());
}

function garbage(cause: unknown): [code: ApiErrorCode, message: string] {
  switch (cause) {
    case 'HPE_HEADER_OVERFLOW':
      return ['API_HEADERS_TOO_LARGE', 'the headers are too large'];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return ['API_REQUEST_TIMEOUT', 'the request took too long to arrive'];
    default:
      return ['API_BAD_REQUEST', 'this is no HTTP request'];
  }
}
