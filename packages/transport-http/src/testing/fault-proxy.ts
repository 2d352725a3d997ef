/**
 * A faulty network in front of one member, for tests of clusters on real sockets. The member
 * advertises the address of the proxy, which forwards, delays or stops the traffic. During a cut,
 * as in a real network, connections stay open but nothing moves on them.
 *
 * Without TLS the proxy reads the sender from the handshake, so that a cut can affect a single
 * sender. With TLS a cut always affects all senders.
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
  /** The minimum size of the chunk to damage; 0: no chunk. */
  #damagedBytesMin = 0;
  #target: { readonly host: string; readonly port: number } | undefined;
  #faults: ProxyFaults = { delayMs: 0, bytesPerSecond: Infinity };

  private constructor(clock: Clock) {
    this.#clock = clock;
    // The proxy forwards the end of each direction separately.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  /** Listens on the loopback interface, on a free port by default. */
  static async open(clock: Clock, port = 0): Promise<FaultProxy> {
    const proxy = new FaultProxy(clock);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(port, '127.0.0.1', resolve);
    });
    return proxy;
  }

  /** The address that the member behind the proxy advertises: `host:port`. */
  get address(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `127.0.0.1:${port}`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Sets where the member listens. While it is `undefined` the member is down, and connections are
   * closed at once.
   */
  setTarget(port: number | undefined, host = '127.0.0.1'): void {
    this.#target = port === undefined ? undefined : { host, port };
  }

  setFaults(faults: Partial<ProxyFaults>): void {
    this.#faults = { ...this.#faults, ...faults };
  }

  /** Stops the traffic of the given sender, or of all. New connections are accepted and hang. */
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
   * Stops the traffic on all open connections for good without closing them, as after a power cut
   * of the sender. New connections work.
   */
  strand(): void {
    for (const connection of this.#connections) {
      this.#stranded.add(connection);
      connection.flow();
    }
  }

  /**
   * Flips one bit of the next chunk to the member that has at least `bytesMin` bytes. A value
   * larger than any message selects a chunk of a snapshot.
   */
  damageOnce(bytesMin: number): void {
    this.#damagedBytesMin = bytesMin;
  }

  /** Closes all open connections. */
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
