/**
 * The authenticated connections of each peer. A peer has a quota, so that it cannot use up the
 * connections of others. When the quota is full, a new connection closes the peer's oldest one. So
 * a member that has restarted can connect at once, even if connections of its earlier process are
 * still open.
 */
import type { Duplex } from 'node:stream';

/**
 * A member uses at most four connections: a stream, a request with messages and two for a snapshot.
 * As many again may be stale.
 */
export const connectionsPerPeerMax = 8;
/** The most connections of all peers outside the membership together. */
export const guestConnectionsMax = 32;

export class PeerConnections {
  readonly #isMember: (id: bigint) => boolean;
  /** The peer of each connection; the oldest connection first. */
  readonly #peers = new Map<Duplex, bigint>();

  constructor(isMember: (id: bigint) => boolean) {
    this.#isMember = isMember;
  }

  get count(): number {
    return this.#peers.size;
  }

  peerOf(connection: Duplex): bigint | undefined {
    return this.#peers.get(connection);
  }

  /** The peer was admitted on this connection for the first time. */
  add(connection: Duplex, id: bigint): void {
    const isNew = !this.#peers.has(connection);
    this.#peers.delete(connection);
    const own = [...this.#peers].filter(([, other]) => other === id);
    if (own.length >= connectionsPerPeerMax) this.#end(own[0]?.[0]);
    else if (!this.#isMember(id)) this.#makeRoomForGuest();
    this.#peers.set(connection, id);
    if (isNew) connection.once('close', () => this.#peers.delete(connection));
  }

  /**
   * Closes the oldest connection of the guest with the most connections if the guests have reached
   * their limit.
   */
  #makeRoomForGuest(): void {
    const byGuest = new Map<bigint, Duplex[]>();
    let count = 0;
    for (const [connection, id] of this.#peers) {
      if (this.#isMember(id)) continue;
      count += 1;
      const own = byGuest.get(id) ?? [];
      byGuest.set(id, own);
      own.push(connection);
    }
    if (count < guestConnectionsMax) return;
    let largest: Duplex[] = [];
    for (const own of byGuest.values()) if (own.length > largest.length) largest = own;
    this.#end(largest[0]);
  }

  #end(connection: Duplex | undefined): void {
    if (connection === undefined) return;
    this.#peers.delete(connection);
    connection.destroy();
  }
}
