/**
 * A bad network in front of one member, for tests of clusters on real sockets: the address that the
 * member advertises is the proxy's, and what comes there passes, or not. A cut is as bad as a real
 * one: connections stay open, and nothing moves on them.
 *
 * Without TLS the proxy reads from the handshake who connects, so that a cut can be between two
 * members; with TLS only one of all is possible.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Clock } from '@babuza/vfs';
import { ProxiedConnection, type ProxyFaults } from './proxied-connection.ts';

export class FaultProxy {
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #stranded = new WeakSet<ProxiedConnection>();
  readonly #cutFrom = new Set<bigint>();
  #isCut = false;
  /** A piece of so many bytes is to be damaged; 0: none. */
  #damagedBytesMin = 0;
  #target: { readonly host: string; readonly port: number } | undefined;
  #faults: ProxyFaults = { delayMs: 0, bytesPerSecond: Infinity };

  private constructor(clock: Clock) {
    this.#clock = clock;
    // A half that has ended says nothing about the other.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Listens on a free port of the loopback, or the given one. */
  static async open(clock: Clock, port = 0): Promise<FaultProxy> {
    const proxy = new FaultProxy(clock);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(port, '127.0.0.1', resolve);
    });
    return proxy;
  }

  /** What the member behind it advertises: `host:port`. */
  get address(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `127.0.0.1:${port}`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Where the member listens; absent while it is down: connections are refused then. */
  setTarget(port: number | undefined, host = '127.0.0.1'): void {
    this.#target = port === undefined ? undefined : { host, port };
  }

  setFaults(faults: Partial<ProxyFaults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /** Nothing moves any more, of this member or of all; new connections are taken, and hang. */
  cut(from?: bigint): void {
    if (from === undefined) this.#isCut = true;
    else this.#cutFrom.add(from);
    for (const connection of this.#connections) connection.flow();
  }

  heal(): void {
    this.#isCut = false;
    this.#cutFrom.clear();
    for (const connection of this.#connections) connection.flow();
  }

  /**
   * What is open stays so and moves no more, as after a power cut: nobody closes it. New
   * connections pass.
   */
  strand(): void {
    for (const connection of this.#connections) {
      this.#stranded.add(connection);
      connection.flow();
    }
  }

  /**
   * Changes one bit of the next piece of at least so many bytes that comes to the member: of a
   * snapshot, where that is more than its messages have.
   */
  damageOnce(bytesMin: number): void {
    this.#damagedBytesMin = bytesMin;
  }

  /** Breaks all connections that are open. */
  breakAll(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.breakAll();
    await closed;
  }

  #accept(incoming: Socket): void {
    const target = this.#target;
    if (target === undefined) {
      incoming.destroy();
      return;
    }
    const connection: ProxiedConnection = new ProxiedConnection({
      clock: this.#clock,
      incoming,
      outgoing: connect({ ...target, allowHalfOpen: true }),
      faults: () => this.#faults,
      isCut: (from) =>
        this.#isCut ||
        this.#stranded.has(connection) ||
        (from !== undefined && this.#cutFrom.has(from)),
      damaged: (chunk) => this.#damaged(chunk),
      onClose: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
  }

  #damaged(chunk: Buffer): Buffer {
    if (this.#damagedBytesMin === 0 || chunk.length < this.#damagedBytesMin) return chunk;
    this.#damagedBytesMin = 0;
    const damaged = Buffer.from(chunk);
    const at = damaged.length >> 1;
    damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
    return damaged;
  }
}
