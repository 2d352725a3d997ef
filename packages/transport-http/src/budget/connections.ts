/**
 * The connections on which a peer was let in. Each peer has a quota, so that nobody takes the
 * places of others, and for a new connection its oldest one ends: a member that was restarted is
 * let in at once, whatever became of the connections of its earlier process.
 */
import type { Duplex } from 'node:stream';

/**
 * A member has a stream, a request with messages and two with a snapshot at most; as many may be
 * stale.
 */
export const connectionsPerPeerMax = 8;
/** Of all peers together that the membership does not have. */
export const guestConnectionsMax = 32;

export class PeerConnections {
  readonly #isMember: (id: bigint) => boolean;
  /** Who has spoken last on each connection; the oldest first. */
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

  /** The peer has spoken on this connection for the first time. */
  add(connection: Duplex, id: bigint): void {
    const isNew = !this.#peers.has(connection);
    this.#peers.delete(connection);
    const own = [...this.#peers].filter(([, other]) => other === id);
    if (own.length >= connectionsPerPeerMax) this.#end(own[0]?.[0]);
    else if (!this.#isMember(id)) this.#makeRoomForGuest();
    this.#peers.set(connection, id);
    if (isNew) connection.once('close', () => this.#peers.delete(connection));
  }

  /** The guest with the most connections loses its oldest one. */
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
