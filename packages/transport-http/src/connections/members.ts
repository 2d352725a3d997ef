/** The other members as this one knows them, and who is let in. */
import type { TransportPeer } from '@babuza/raft';
import { disagreement, type Handshake, type Refusal } from './handshake.ts';

/** Members whose address the membership does not tell yet; of more than these the latest count. */
export const learnedMax = 64;

/** An address that only its owner has told, and the IP address that it spoke from. */
interface Claimed {
  readonly address: string;
  readonly speaksFrom: string;
}

export class Members {
  /** As the membership says. */
  readonly #addresses = new Map<bigint, string>();
  /** As they said themselves. */
  readonly #learned = new Map<bigint, Claimed>();
  readonly #removed = new Set<bigint>();

  /** Those of the membership. */
  get ids(): Iterable<bigint> {
    return this.#addresses.keys();
  }

  /** The addresses that the membership tells, without those that members have told themselves. */
  get membership(): ReadonlyMap<bigint, string> {
    return this.#addresses;
  }

  /** Whether the membership has told of nobody yet, as at a joiner. */
  get knowsNobody(): boolean {
    return this.#addresses.size === 0;
  }

  /** Whether its address is another one than before. */
  set({ id, address }: TransportPeer): boolean {
    const before = this.#addresses.get(id) ?? this.#learned.get(id)?.address;
    this.#removed.delete(id);
    this.#learned.delete(id);
    this.#addresses.set(id, address);
    return before !== address;
  }

  remove(id: bigint): void {
    this.#addresses.delete(id);
    this.#learned.delete(id);
    this.#removed.add(id);
  }

  isRemoved(id: bigint): boolean {
    return this.#removed.has(id);
  }

  /**
   * Where connections to it go: to the address that the membership has, and to no other. What a
   * handshake claims is connected to by a joiner only, which has no membership yet, and only where
   * it leads to the IP address that the claim came from.
   */
  routeOf(id: bigint): { readonly address: string; readonly onlyIp?: string } | undefined {
    const address = this.#addresses.get(id);
    if (address !== undefined) return { address };
    const claimed = this.knowsNobody ? this.#learned.get(id) : undefined;
    return claimed && { address: claimed.address, onlyIp: claimed.speaksFrom };
  }

  /**
   * Why a member is not let in, or nothing: then where it is reached is known from now on. A joiner
   * learns the others so, until the membership tells more. `judge` is asked for what only the node
   * can tell. `speaksFrom` is the IP address of the other side.
   */
  admit(
    theirs: Handshake,
    ours: Handshake,
    judge: (id: bigint, introduction: string | undefined) => 'other-cluster' | undefined,
    speaksFrom: string,
  ): Refusal | undefined {
    const problem = disagreement(theirs, ours);
    if (problem !== undefined) return problem;
    const { from, address } = theirs;
    if (from === ours.from) {
      const message = `this is member ${from} itself: another process has its id`;
      return { reason: 'other-address', message };
    }
    if (this.#removed.has(from)) {
      return { reason: 'removed', message: `member ${from} was removed from the cluster` };
    }
    const known = this.#addresses.get(from);
    if (known !== undefined && known !== address) {
      const message = `the membership knows member ${from} at ${known}, and it says that it is at ${address}: another process with its id, or an address to be updated first`;
      return { reason: 'other-address', message };
    }
    // Last: the node remembers whom it has admitted.
    const word = judge(from, theirs.introduction);
    if (word !== undefined) return { reason: word, message: word };
    if (known === undefined) this.#learn(from, { address, speaksFrom });
    return undefined;
  }

  /**
   * Whoever makes up ids takes the place of those that came before, and never that of the next one.
   */
  #learn(id: bigint, claimed: Claimed): void {
    this.#learned.delete(id);
    this.#learned.set(id, claimed);
    for (const oldest of this.#learned.keys()) {
      if (this.#learned.size <= learnedMax) return;
      this.#learned.delete(oldest);
    }
  }
}
