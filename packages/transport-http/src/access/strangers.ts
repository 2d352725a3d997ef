/**
 * Connections that have not authenticated yet. Their number and their time are limited, so that
 * strangers cost little and members can always connect. When the limit is reached, the oldest
 * connection of the address with the most connections is closed. Addresses of members are spared
 * while there are others.
 */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '@babuza/vfs';
import { startStallWatch } from '../connections/stall-watch.ts';
import { remoteAddressOf } from './member-addresses.ts';

export const strangersMax = 128;
export const strangersPerAddressMax = 32;

interface Stranger {
  readonly connection: Duplex;
  readonly watch: Timer;
}

export class Strangers {
  readonly #clock: Clock;
  readonly #timeMs: number;
  readonly #isOfMember: (address: string) => boolean;
  /** The connections by address and by `keyOf`; the oldest first. */
  readonly #byAddress = new Map<string, Map<unknown, Stranger>>();
  #count = 0;

  /** A connection has `timeMs` to authenticate. */
  constructor(clock: Clock, timeMs: number, isOfMember: (address: string) => boolean) {
    this.#clock = clock;
    this.#isOfMember = isOfMember;
    this.#timeMs = timeMs;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds an incoming connection. */
  add(connection: Duplex): void {
    const [address, key] = [remoteAddressOf(connection), keyOf(connection)];
    // A new connection with the same addresses and ports means that the earlier one was reset.
    this.#byAddress.get(address)?.get(key)?.connection.destroy();
    this.#forget(address, key);
    const ofAddress = this.#byAddress.get(address) ?? new Map<unknown, Stranger>();
    if (ofAddress.size >= strangersPerAddressMax) this.#endOldest(ofAddress);
    else if (this.#count >= strangersMax) this.#endOldest(this.#largest());
    const watch = startStallWatch(this.#clock, this.#timeMs, () => {
      connection.destroy(
        new Error(`the connection did not authenticate within ${this.#timeMs} ms`),
      );
    });
    this.#byAddress.set(address, ofAddress.set(key, { connection, watch }));
    this.#count += 1;
    connection.once('close', () => {
      const isStillThis = this.#byAddress.get(address)?.get(key)?.connection === connection;
      if (isStillThis) this.#forget(address, key);
    });
  }

  /**
   * Removes a connection that has authenticated. A TLS socket counts as the TCP connection beneath
   * it.
   */
  remove(connection: Duplex): void {
    this.#forget(remoteAddressOf(connection), keyOf(connection));
  }

  #forget(address: string, key: unknown): void {
    const ofAddress = this.#byAddress.get(address);
    const stranger = ofAddress?.get(key);
    if (ofAddress === undefined || stranger === undefined) return;
    stranger.watch.cancel();
    ofAddress.delete(key);
    if (ofAddress.size === 0) this.#byAddress.delete(address);
    this.#count -= 1;
  }

  #largest(): Map<unknown, Stranger> {
    const none = new Map<unknown, Stranger>();
    let [ofMember, ofOther] = [none, none];
    for (const [address, ofAddress] of this.#byAddress) {
      if (this.#isOfMember(address)) {
        if (ofAddress.size > ofMember.size) ofMember = ofAddress;
      } else if (ofAddress.size > ofOther.size) ofOther = ofAddress;
    }
    return ofOther === none ? ofMember : ofOther;
  }

  #endOldest(ofAddress: Map<unknown, Stranger>): void {
    for (const [key, { connection }] of ofAddress) {
      this.#forget(remoteAddressOf(connection), key);
      connection.destroy(new Error('too many connections have not authenticated'));
      return;
    }
  }
}

/**
 * A key that a TLS socket and the TCP socket beneath it have in common, besides the remote address.
 * It includes the local address and port, because one remote port can be connected to two local
 * addresses.
 */
function keyOf(connection: Duplex): unknown {
  if (!('remotePort' in connection) || connection.remotePort === undefined) return connection;
  const ends = ['remotePort', 'localAddress', 'localPort'];
  return ends.map((name) => String(Reflect.get(connection, name))).join(' ');
}
