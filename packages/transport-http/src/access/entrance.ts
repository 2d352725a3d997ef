/**
 * Authenticates incoming connections before HTTP sees them: HTTP reads only connections that are
 * encrypted as the options demand and have proven the secret.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import type { Wire } from '../wire.ts';
import { answerChallenge } from './challenge.ts';
import { HandshakeTurns } from './handshake-turns.ts';
import { peekByte } from './read-exactly.ts';
import { openingMagic } from './secret.ts';
import { Strangers } from './strangers.ts';
import { newTlsServer } from './tls-server.ts';

/** The first byte of a TLS handshake record. */
const tlsHandshakeByte = 22;

export class Entrance {
  readonly #wire: Wire;
  readonly #strangers: Strangers;
  readonly #turns: HandshakeTurns;
  /** Passes a connection on to the HTTP server. */
  readonly #serve: (connection: Duplex) => void;
  readonly #tls: TlsServer | undefined;
  readonly #onRefused: () => void;

  /**
   * Takes over the `connection` event of the server, so that the server gets authenticated
   * connections only.
   *
   * @throws TransportError (`TRANSPORT_INVALID`) if the certificates cannot be used.
   */
  constructor(wire: Wire, server: Server, onRefused: () => void) {
    this.#wire = wire;
    this.#onRefused = onRefused;
    // Longer than the time that HTTP allows for the head of a request, so that a client that sends
    // half a head gets an answer.
    const isOfMember = (address: string): boolean => wire.memberAddresses.has(address);
    const timeMs = 2 * wire.settings.stallTimeoutMs;
    this.#strangers = new Strangers(wire.clock, timeMs, isOfMember);
    this.#turns = new HandshakeTurns(wire.clock, isOfMember);
    const listeners = server.listeners('connection');
    this.#serve = (connection) => {
      for (const listener of listeners) Reflect.apply(listener, server, [connection]);
    };
    server.removeAllListeners('connection');
    server.on('connection', (socket) => this.#connected(socket));
    this.#tls = this.#newTlsServer();
  }

  /** The handshake of a member was accepted on this connection: its time limit ends. */
  admitted(connection: Duplex): void {
    this.#strangers.remove(connection);
  }

  #connected(socket: Socket): void {
    const { transition } = this.#wire.settings;
    // Nothing else listens while the connection waits, and an error without a listener would end
    // the process.
    socket.on('error', () => undefined);
    this.#strangers.add(socket);
    this.#wire.credentials?.track(socket);
    if (this.#tls === undefined) this.#challenged(socket);
    else if (transition.tls === undefined) this.#encrypted(this.#tls, socket);
    else void this.#encryptedOrNot(this.#tls, socket);
  }

  #encrypted(tls: TlsServer, socket: Socket): void {
    this.#turns.wait(socket, () => void tls.emit('connection', socket));
  }

  async #encryptedOrNot(tls: TlsServer, socket: Socket): Promise<void> {
    const first = await this.#orRefused(socket, peekByte(socket));
    if (first === tlsHandshakeByte) this.#encrypted(tls, socket);
    else if (first !== undefined) this.#challenged(socket);
  }

  #challenged(connection: Duplex): void {
    if (this.#wire.settings.secrets.length === 0) this.#serve(connection);
    else void this.#knowsSecret(connection);
  }

  async #knowsSecret(connection: Duplex): Promise<void> {
    const { settings, random, clusterId, groupId, nodeId, openers } = this.#wire;
    const first = await this.#orRefused(connection, peekByte(connection));
    if (first === undefined) return;
    if (first !== openingMagic[0]) {
      if (settings.transition.secret !== undefined) this.#serve(connection);
      else this.#refuse(connection, new Error('the connection does not begin with a challenge'));
      return;
    }
    const answered = answerChallenge(connection, settings.secrets, random, {
      clusterId,
      groupId,
      nodeId,
    });
    const proven = await this.#orRefused(
      connection,
      answered.then((id) => ({ id })),
    );
    if (proven === undefined) return;
    if (proven.id === undefined) {
      const problem =
        'the other side does not know the secret, wants to reach another member, or has another version of the challenge';
      this.#refuse(connection, new Error(problem));
      return;
    }
    openers.set(connection, proven.id);
    this.#serve(connection);
  }

  /**
   * Resolves to the awaited value, or refuses the connection and resolves to `undefined` on an
   * error.
   */
  async #orRefused<T>(connection: Duplex, awaited: Promise<T>): Promise<T | undefined> {
    try {
      return await awaited;
    } catch (error) {
      this.#refuse(connection, error);
      return undefined;
    }
  }

  #refuse(connection: Duplex, error: unknown): void {
    this.#onRefused();
    // Any program that can reach the port can cause this, so it is not worth a warning.
    const key = `connection ${String(error)}`;
    this.#wire.strangersLog.tell('debug', key, 'a connection was refused', { error });
    connection.destroy();
  }

  #newTlsServer(): TlsServer | undefined {
    const { credentials } = this.#wire;
    if (credentials === undefined) return undefined;
    const server = newTlsServer(credentials.tls, credentials.loaded);
    credentials.onReload(({ options }) => server.setSecureContext(options));
    server.on('secureConnection', (socket: TLSSocket) => {
      if (socket.isSessionReused())
        this.#refuse(socket, new Error('the connection resumes a TLS session'));
      else this.#challenged(socket);
    });
    // A TLS handshake has failed.
    server.on('tlsClientError', (error, socket) => {
      // If the certificate was rejected, Node.js reports only that the connection was closed.
      const code: unknown = socket.authorizationError;
      const problem =
        typeof code === 'string' ? `its certificate is not valid: ${code}` : undefined;
      this.#refuse(socket, problem === undefined ? error : new Error(problem, { cause: error }));
    });
    return server;
  }
}
