/**
 * What other members ask of this one, over HTTP. Nobody is heard before the handshake has told who
 * it is.
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
  /** A member that was let in on a connection that is new. */
  readonly onMember: (id: bigint) => void;
}

export class MessageServer {
  readonly #parts: ServerParts;
  readonly #server: Server;
  readonly #streams = new Map<bigint, IncomingStream>();
  /**
   * All of them: the HTTP server forgets those that were upgraded, and never knew those in a TLS
   * handshake.
   */
  readonly #sockets = new Set<Socket>();
  readonly #order: RequestOrder;
  /** Who has spoken last on each connection. */
  readonly #speakers: PeerConnections;
  readonly #admission: Admission;
  readonly #entrance: Entrance;
  #refusedConnections = 0;
  /** Why no connection could be accepted, as it was logged; until one was accepted again. */
  #toldNotAccepted: string | undefined;

  constructor(parts: ServerParts, server: Server = newServer(parts.wire)) {
    this.#parts = parts;
    this.#order = new RequestOrder(parts.wire.settings.incomingBytesMax);
    this.#speakers = new PeerConnections((id) => parts.members.membership.has(id));
    this.#admission = new Admission(parts.wire, parts.members);
    this.#server = server;
    // An expectation that nobody here knows of is passed over: Node.js would answer, and hear on
    // for ever.
    for (const event of ['request', 'checkExpectation'] as const) {
      this.#server.on(event, (request: IncomingMessage, response: ServerResponse) => {
        // A connection that breaks is found where it is read or written.
        request.on('error', () => undefined);
        response.on('error', () => undefined);
        this.#order.add(request, response, () => this.#serve(request, response));
      });
    }
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.on('clientError', (error, socket) => {
      // What speaks no TLS understands no answer.
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

  /** Who was not let in, or spoke nothing that is understood here. */
  get refusedConnections(): number {
    return this.#refusedConnections;
  }

  /**
   * The port that it listens on. Rejects with `TRANSPORT_LISTEN`, or with the reason of the signal.
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
    const place = this.#server.address();
    return typeof place === 'object' && place !== null ? place.port : port;
  }

  /**
   * A process without a descriptor cannot accept connections. The server still listens, and the
   * other side connects again. Without a listener such an error would end the process.
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
      const hint = 'give listen.host an IP address of this machine, or a name that is resolved';
      const problem = `cannot listen on ${host}: ${describeCause(cause)}; ${hint}`;
      throw new TransportError('TRANSPORT_LISTEN', problem, { cause });
    }
  }

  /** To be called several times within the stall timeout. */
  pulse(nowMs: number): void {
    for (const stream of this.#streams.values()) stream.pulse(nowMs);
  }

  forgive(nowMs: number): void {
    for (const stream of this.#streams.values()) stream.forgive(nowMs);
  }

  /**
   * Sends a message back on the stream that its receiver has opened. Whether there is one that
   * takes it.
   */
  reply(message: Message): boolean {
    return this.#streams.get(message.to)?.reply(message) ?? false;
  }

  /** What comes from a member that was removed. */
  endStreamOf(id: bigint): void {
    this.#streams.get(id)?.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // An earlier request has ended the connection. What comes behind that one does not count.
    if (isEnding(request.socket)) return;
    // Otherwise Node.js closes the connection behind the answer, whatever of the request was not
    // read yet: the other side may never see the answer then.
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
      // Something in between took the wish to upgrade away. No refusal: there are requests for
      // this.
      response.writeHead(426, { Connection: 'close' }).end('a stream needs an upgrade');
    } else refuse(response, 'not-found');
  }

  /**
   * Whether an answer beside those to requests may be sent. Before or within the answer to an
   * earlier request it would be taken for that one, and behind a refusal nothing counts.
   */
  #mayAnswer(connection: Duplex): boolean {
    return !isEnding(connection) && !this.#order.hasUnanswered(connection);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Node.js listens no more. A connection that breaks is closed, which its owner notices.
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

  /** One stream from each member: a new one means that the other side has given up the old one. */
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
