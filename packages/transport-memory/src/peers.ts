/** The other members, as one member knows them. */
import type { TransportPeer } from '@babuza/raft/ports';

export class Peers {
  /** Addresses in the membership. */
  readonly #addresses = new Map<bigint, string>();
  /** Addresses of senders that the membership does not have yet. */
  readonly #learned = new Map<bigint, string>();
  readonly #removed = new Set<bigint>();

  set({ id, address }: TransportPeer): void {
    this.#removed.delete(id);
    this.#addresses.set(id, address);
  }

  remove(id: bigint): void {
    this.#addresses.delete(id);
    this.#learned.delete(id);
    this.#removed.add(id);
  }

  isRemoved(id: bigint): boolean {
    return this.#removed.has(id);
  }

  addressOf(id: bigint): string | undefined {
    return this.#addresses.get(id) ?? this.#learned.get(id);
  }

  /**
   * Notes the address that a member was last heard from. It counts until the membership has one.
   */
  learn(id: bigint, address: string): void {
    if (!this.#addresses.has(id) && !this.#removed.has(id)) this.#learned.set(id, address);
  }
}
