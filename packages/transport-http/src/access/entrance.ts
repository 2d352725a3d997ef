/**
 * Stands between the connections that come in and HTTP. Only what is encrypted as the options demand,
 * and has shown that it knows the secret, is read by HTTP at all.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  type TLSSocket,
} from 'node:tls';
import { pem } from '../client.ts';
import { TransportError } from '../errors.ts';
import type { HttpTransportTls } from '../options.ts';
import { startStallWatch } from '../stall-watch.ts';
import type { Wire } from '../wire.ts';
import { peekByte } from './read-exactly.ts';
import { answerChallenge } from './challenge.ts';
import { openingMagic } from './secret.ts';

/** The first byte of every connection that begins with a handshake of TLS. */
const tlsHandshakeByte = 22;

export class Entrance {
  readonly #wire: Wire;
  /** What HTTP does with a connection. */
  readonly #serve: (connection: Duplex) => void;
  readonly #tls: TlsServer | undefined;
  readonly #onRefused: () => void;

  /**
   * From now on the server serves what is let through only.
   *
   * @throws TransportError (`TRANSPORT_INVALID`) for certificates that cannot be used.
   */
  constructor(wire: Wire, server: Server, onRefused: () => void) {
    this.#wire = wire;
    this.#onRefused = onRefused;
    const listeners = server.listeners('connection');
    this.#serve = (connection) => {
      for (const listener of listeners) Reflect.apply(listener, server, [connection]);
    };
    server.removeAllListeners('connection');
    server.on('connection', (socket) => this.#encrypted(socket));
    const { tls } = wire.settings;
    this.#tls = tls === undefined ? undefined : this.#newTlsServer(tls);
  }

  #encrypted(socket: Socket): void {
    const { transition } = this.#wire.settings;
    if (this.#tls === undefined) this.#challenged(socket);
    else if (transition.tls === undefined) this.#tls.emit('connection', socket);
    else void this.#encryptedOrNot(this.#tls, socket);
  }

  async #encryptedOrNot(tls: TlsServer, socket: Socket): Promise<void> {
    const first = await this.#within(socket, peekByte(socket));
    if (first === tlsHandshakeByte) tls.emit('connection', socket);
    else if (first !== undefined) this.#challenged(socket);
  }

  #challenged(connection: Duplex): void {
    if (this.#wire.settings.secrets.length === 0) this.#serve(connection);
    else void this.#knowsSecret(connection);
  }

  async #knowsSecret(connection: Duplex): Promise<void> {
    const { settings, random } = this.#wire;
    const first = await this.#within(connection, peekByte(connection));
    if (first === undefined) return;
    if (first !== openingMagic[0]) {
      if (settings.transition.secret !== undefined) this.#serve(connection);
      else this.#refuse(connection, new Error('it does not begin with a challenge'));
      return;
    }
    const answered = answerChallenge(connection, settings.secrets, random);
    const isFine = await this.#within(connection, answered);
    if (isFine === true) this.#serve(connection);
    else if (isFine === false) this.#refuse(connection, new Error('it does not know the secret'));
  }

  /** What was awaited, or `undefined` where the connection ended or nothing came in time. */
  async #within<T>(connection: Duplex, awaited: Promise<T>): Promise<T | undefined> {
    const { clock, settings } = this.#wire;
    const watch = startStallWatch(clock, settings.stallTimeoutMs, () => {
      connection.destroy(new Error(`it said nothing for ${settings.stallTimeoutMs} ms`));
    });
    try {
      return await awaited;
    } catch (error) {
      this.#refuse(connection, error);
      return undefined;
    } finally {
      watch.cancel();
    }
  }

  #refuse(connection: Duplex, error: unknown): void {
    this.#onRefused();
    // Anybody who finds the port can cause it: no reason for a warning.
    this.#wire.logger?.debug('a connection was refused', { error });
    connection.destroy();
  }

  #newTlsServer(tls: HttpTransportTls): TlsServer {
    const { mutual = true } = tls;
    const { stallTimeoutMs } = this.#wire.settings;
    try {
      const server = createTlsServer({
        cert: pem(tls.cert),
        key: pem(tls.key),
        ...(tls.ca === undefined ? {} : { ca: pem(tls.ca) }),
        ALPNProtocols: ['http/1.1'],
        minVersion: 'TLSv1.2',
        handshakeTimeout: stallTimeoutMs,
        requestCert: mutual,
        rejectUnauthorized: mutual,
      });
      server.on('secureConnection', (socket: TLSSocket) => this.#challenged(socket));
      // Before a handshake of TLS has ended well.
      server.on('tlsClientError', (error, socket) => {
        const { authorizationError } = socket;
        this.#onRefused();
        this.#wire.logger?.debug('a connection was refused', { error, authorizationError });
        socket.destroy();
      });
      return server;
    } catch (cause) {
      const problem = `the option tls cannot be used: ${String(cause)}`;
      throw new TransportError('TRANSPORT_INVALID', problem, { cause });
    }
  }
}
