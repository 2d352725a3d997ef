/**
 * Serves the requests of other members over HTTP. A request is processed only after its handshake
 * was accepted.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Message } from '@babuza/raftpb';
import { describeCause } from '@babuza/vfs';
import { demandForListening } from '../access/demand.ts';
import { Entrance } from '../access/entrance.ts';
import { remoteAddressOf } from '../access/member-addresses.ts';
import { Admission, type Admitted, type Refused } from './admission.ts';
import { closeAfter, isEnding } from '../messages/body.ts';
import { PeerConnections } from '../budget/connections.ts';
import { statusOf, TransportError, type RefusalReason } from '../errors.ts';
import { handshakeHeader } from '../connections/handshake.ts';
import { endWith, isOfHttp, newServer, refuse } from './http-server.ts';
import { IncomingStream } from '../messages/incoming-stream.ts';
import type { Members } from '../connections/members.ts';
import { lookUpMsMax } from '../connections/name-book.ts';
import { RequestOrder } from './request-order.ts';
import type { SnapshotReceiver } from '../snapshots/snapshot-receiver.ts';
import { takeMessages } from '../messages/take-messages.ts';
import { paths, refusalHeader, streamProtocol, type Wire } from '../wire.ts';

export interface ServerParts {
  readonly wire: Wire;
  readonly members: Members;
  readonly snapshots: SnapshotReceiver;
  /** Called when a member is admitted on a new connection. */
  readonly onMember: (id: bigint) => void;
}

export class MessageServer {
  readonly #parts: ServerParts;
  readonly #server: Server;
  readonly #streams = new Map<bigint, IncomingStream>();
  /**
   * All open sockets. The HTTP server does not track sockets that were upgraded or are in a TLS
   * handshake.
   */
  readonly #sockets = new Set<Socket>();
  readonly #order: RequestOrder;
  /** The peer that each connection belongs to. */
  readonly #speakers: PeerConnections;
  readonly #admission: Admission;
  readonly #entrance: Entrance;
  #refusedConnections = 0;
  /**
   * The last error of accepting a connection that was logged; cleared when a connection is
   * accepted.
   */
  #toldNotAccepted: string | undefined;

  constructor(parts: ServerParts, server: Server = newServer(parts.wire)) {
    this.#parts = parts;
    this.#order = new RequestOrder(parts.wire.settings.incomingBytesMax);
    this.#speakers = new PeerConnections((id) => parts.members.membership.has(id));
    this.#admission = new Admission(parts.wire, parts.members);
    this.#server = server;
    // Serve requests with an unknown `Expect` header as usual. Otherwise Node.js would answer them
    // itself and keep the connection open.
    for (const event of ['request', 'checkExpectation'] as const) {
      this.#server.on(event, (request: IncomingMessage, response: ServerResponse) => {
        // Errors of the connection surface where it is read or written.
        request.on('error', () => undefined);
        response.on('error', () => undefined);
        this.#order.add(request, response, () => this.#serve(request, response));
      });
    }
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on('clientError', (error, socket) => {
      // A client that does not speak TLS would not understand an HTTP answer.
      if (!isOfHttp(error)) {
        socket.destroy();
        return;
      }
      this.#refusedConnections += 1;
      if (this.#mayAnswer(socket)) {
        endWith(socket, 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      } else socket.destroy();
    });
    this.#entrance = new Entrance(parts.wire, server, () => void (this.#refusedConnections += 1));
    this.#server.on('connection', (socket) => {
      this.#toldNotAccepted = undefined;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Connections and requests that were refused or could not be understood. */
  get refusedConnections(): number {
    return this.#refusedConnections;
  }

  /**
   * Starts to listen and resolves to the port. Rejects with `TRANSPORT_LISTEN`, with
   * `TRANSPORT_INSECURE`, or with the reason of the signal.
   */
  async listen(signal: AbortSignal): Promise<number> {
    const { host, port } = this.#parts.wire.settings.listen;
    const ip = await this.#ownAddress(host, signal);
    demandForListening(this.#parts.wire, ip);
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error): void => {
        const problem = `cannot listen on ${host}:${port}: ${cause.message}`;
        reject(new TransportError('TRANSPORT_LISTEN', problem, { cause }));
      };
      this.#server.once('error', onError);
      this.#server.listen(port, ip, () => {
        this.#server.off('error', onError).on('error', (error) => this.#notAccepted(error));
        resolve();
      });
    });
    const bound = this.#server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : port;
  }

  /**
   * Logs an error of accepting connections, such as a process that has run out of file descriptors.
   * The server still listens, and clients connect again. Without a listener such an error would end
   * the process.
   */
  #notAccepted(error: Error): void {
    if (error.message === this.#toldNotAccepted) return;
    this.#toldNotAccepted = error.message;
    this.#parts.wire.logger?.warn('a connection could not be accepted', { error });
  }

  async #ownAddress(host: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      const [own] = await this.#parts.wire.names.addressesOf(host, signal, lookUpMsMax);
      return own?.address;
    } catch (cause) {
      signal.throwIfAborted();
      const hint = 'give listen.host an IP address of this machine, or a name that resolves to one';
      const problem = `cannot listen on ${host}: ${describeCause(cause)}; ${hint}`;
      throw new TransportError('TRANSPORT_LISTEN', problem, { cause });
    }
  }

  /** Call it several times per stall timeout. */
  pulse(nowMs: number): void {
    for (const stream of this.#streams.values()) stream.pulse(nowMs);
  }

  forgive(nowMs: number): void {
    for (const stream of this.#streams.values()) stream.forgive(nowMs);
  }

  /**
   * Sends a message on the stream that its receiver has opened. Returns false if there is no such
   * stream or it cannot take the message.
   */
  reply(message: Message): boolean {
    return this.#streams.get(message.to)?.reply(message) ?? false;
  }

  /** Closes the stream from a member that was removed. */
  endStreamOf(id: bigint): void {
    this.#streams.get(id)?.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // An earlier request has ended the connection, so later requests on it are ignored.
    if (isEnding(request.socket)) return;
    // Without this header Node.js closes the connection right after the answer, even if parts of
    // the request are unread. The other side could then lose the answer.
    response.setHeader('Connection', 'keep-alive');
    const admitted = this.#admit(request);
    if (!admitted.isFine) {
      refuse(response, admitted.reason);
      closeAfter(request, this.#parts.wire);
      return;
    }
    response.setHeader(handshakeHeader, admitted.answer);
    try {
      await this.#answer(admitted, request, response);
    } catch (error) {
      const { from } = admitted;
      const { strangersLog } = this.#parts.wire;
      strangersLog.tell('warn', `request ${from}`, 'a request of a member failed', { from, error });
      if (response.headersSent) response.destroy();
      else refuse(response, reasonOf(error));
    }
    const wasRefused = response.statusCode >= 400;
    if (wasRefused || !request.readableEnded) closeAfter(request, this.#parts.wire);
  }

  async #answer(
    admitted: Admitted,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { snapshots } = this.#parts;
    const { from } = admitted;
    const route = `${request.method} ${request.url}`;
    if (route === `POST ${paths.messages}`) {
      await takeMessages(this.#parts, admitted, request, response);
    } else if (route === `POST ${paths.snapshotReceived}`) {
      response.end(await snapshots.tellReceived(from, request));
    } else if (route === `POST ${paths.snapshot}`) {
      await snapshots.take(from, request, response);
    } else if (route === `GET ${paths.stream}`) {
      // A proxy has removed the `Upgrade` header. This is not a refusal: the sender uses requests
      // instead of a stream.
      response.writeHead(426, { Connection: 'close' }).end('a stream needs an upgrade');
    } else refuse(response, 'not-found');
  }

  /**
   * Whether a final answer may be written to the connection now. While an earlier request is
   * unanswered, the client would take it for that request's answer; after a refusal nothing more is
   * sent.
   */
  #mayAnswer(connection: Duplex): boolean {
    return !isEnding(connection) && !this.#order.hasUnanswered(connection);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Node.js has removed its error listener. A broken connection emits `close` as well, which the
    // stream handles.
    socket.on('error', () => undefined);
    if (!this.#mayAnswer(socket)) {
      socket.destroy();
      return;
    }
    const admitted = this.#admit(request);
    const isStream =
      request.method === 'GET' &&
      request.url === paths.stream &&
      request.headers.upgrade?.toLowerCase() === streamProtocol;
    if (!admitted.isFine || !isStream) {
      const reason = admitted.isFine ? 'not-found' : admitted.reason;
      endWith(
        socket,
        `HTTP/1.1 ${statusOf[reason]} Refused\r\n${refusalHeader}: ${reason}\r\nConnection: close\r\n` +
          `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${reason.length}\r\n\r\n${reason}`,
      );
      return;
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${streamProtocol}\r\n` +
        `${handshakeHeader}: ${admitted.answer}\r\n\r\n`,
    );
    this.#openStream(admitted, socket, head);
  }

  /** Each member has one stream: a new one means that the other side has abandoned the old one. */
  #openStream(admitted: Admitted, socket: Duplex, head: Buffer): void {
    const { from } = admitted;
    this.#streams.get(from)?.destroy();
    const stream = new IncomingStream(this.#parts.wire, socket, admitted, head);
    this.#streams.set(from, stream);
    socket.once('close', () => {
      if (this.#streams.get(from) === stream) this.#streams.delete(from);
    });
  }

  #admit(request: IncomingMessage): Admitted | Refused {
    const admitted = this.#admission.of(request);
    if (!admitted.isFine) this.#refusedConnections += 1;
    else if (this.#speakers.peerOf(request.socket) !== admitted.from) {
      this.#entrance.admitted(request.socket);
      const address = remoteAddressOf(request.socket);
      this.#parts.wire.memberAddresses.set(admitted.from, address);
      this.#speakers.add(request.socket, admitted.from);
      this.#parts.onMember(admitted.from);
    }
    return admitted;
  }
}

function reasonOf(error: unknown): RefusalReason {
  if (error instanceof TransportError && error.reason !== undefined) return error.reason;
  const isGarbage = error instanceof TransportError && error.code === 'TRANSPORT_PROTOCOL';
  return isGarbage ? 'bad-body' : 'not-taken';
}
