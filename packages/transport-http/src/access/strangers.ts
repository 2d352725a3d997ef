/**
 * The connections on which nobody has shown yet that it may speak here. There are few of them and
 * they have little time, so that strangers cost little and members always find a place: for a new
 * connection the oldest one of the address with the most of them ends, and one from the address of
 * a member only where there are no others.
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
  /** By address, and by what tells one connection from another; the oldest first. */
  readonly #byAddress = new Map<string, Map<unknown, Stranger>>();
  #count = 0;

  /** Each has `timeMs` to show that it may speak here. */
  constructor(clock: Clock, timeMs: number, isOfMember: (address: string) => boolean) {
    this.#clock = clock;
    this.#isOfMember = isOfMember;
    this.#timeMs = timeMs;
  }

  get count(): number {
    return this.#count;
  }

  /** A connection that has come in. */
  add(connection: Duplex): void {
    const [address, key] = [remoteAddressOf(connection), keyOf(connection)];
    // Nothing can come any more on one with the same addresses and ports: it has been reset.
    this.#byAddress.get(address)?.get(key)?.connection.destroy();
    this.#forget(address, key);
    const ofAddress = this.#byAddress.get(address) ?? new Map<unknown, Stranger>();
    if (ofAddress.size >= strangersPerAddressMax) this.#endOldest(ofAddress);
    else if (this.#count >= strangersMax) this.#endOldest(this.#largest());
    const watch = startStallWatch(this.#clock, this.#timeMs, () => {
      connection.destroy(new Error(`it did not show within ${this.#timeMs} ms who it is`));
    });
    this.#byAddress.set(address, ofAddress.set(key, { connection, watch }));
    this.#count += 1;
    connection.once('close', () => {
      const isStillThis = this.#byAddress.get(address)?.get(key)?.connection === connection;
      if (isStillThis) this.#forget(address, key);
    });
  }

  /**
   * A connection that has shown that it may speak; an encrypted one counts as what it travels on.
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
      connection.destroy(new Error('too many connections have not shown who they are'));
      return;
    }
  }
}

/**
 * What a connection and the encrypted one on it have in common, beside the address of the other
 * side. Both ends count: two addresses of this machine may be connected to from one port.
 */
function keyOf(connection: Duplex): unknown {
  if (!('remotePort' in connection) || connection.remotePort === undefined) return connection;
  const ends = ['remotePort', 'localAddress', 'localPort'];
  return ends.map((name) => String(Reflect.get(connection, name))).join(' ');
}
