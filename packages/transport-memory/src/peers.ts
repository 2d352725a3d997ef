/** The other members, as one member knows them. */
import type { TransportPeer } from '@babuza/raft';

export class Peers {
  /** As the membership says. */
  readonly #addresses = new Map<bigint, string>();
  /** Where messages came from whose sender the membership does not tell yet. */
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

  /** Where a member was heard from last; it counts until the membership knows better. */
  learn(id: bigint, address: string): void {
    if (!this.#addresses.has(id) && !this.#removed.has(id)) this.#learned.set(id, address);
  }
}
