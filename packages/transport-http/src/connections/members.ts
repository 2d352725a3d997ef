/** The other members that this one knows, and the decision whether a node is admitted. */
import type { TransportPeer } from '@babuza/raft/ports';
import { disagreement, type Handshake, type Refusal } from './handshake.ts';

/**
 * The most nodes outside the membership whose claimed addresses are kept; the oldest are dropped
 * first.
 */
export const learnedMax = 64;

/**
 * An address that only the node itself has claimed, and the IP address from which it claimed it.
 */
interface Claimed {
  readonly address: string;
  readonly speaksFrom: string;
}

export class Members {
  /** The addresses in the committed membership. */
  readonly #addresses = new Map<bigint, string>();
  /** The addresses that nodes outside the membership have claimed. */
  readonly #learned = new Map<bigint, Claimed>();
  readonly #removed = new Set<bigint>();

  /** The ids in the membership. */
  get ids(): Iterable<bigint> {
    return this.#addresses.keys();
  }

  /** The addresses in the membership, without claimed ones. */
  get membership(): ReadonlyMap<bigint, string> {
    return this.#addresses;
  }

  /** Whether the membership is still empty, as at a node that joins. */
  get knowsNobody(): boolean {
    return this.#addresses.size === 0;
  }

  /** Adds or updates a member. Returns whether its address has changed. */
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
   * The address to connect to. For a member it is the address in the membership, and no other. A
   * joining node has no membership yet, so it uses the address that the other node has claimed, and
   * only if it resolves to the IP address that the claim came from.
   */
  routeOf(id: bigint): { readonly address: string; readonly onlyIp?: string } | undefined {
    const address = this.#addresses.get(id);
    if (address !== undefined) return { address };
    const claimed = this.knowsNobody ? this.#learned.get(id) : undefined;
    return claimed && { address: claimed.address, onlyIp: claimed.speaksFrom };
  }

  /**
   * Returns why a node is refused, or `undefined` if it is admitted. The claimed address of an
   * admitted node outside the membership is remembered, so that a joining node can answer it.
   * `admitByNode` makes the checks that only the Raft node can make. `speaksFrom` is the remote IP
   * address.
   */
  admit(
    theirs: Handshake,
    ours: Handshake,
    admitByNode: (id: bigint, introduction: string | undefined) => 'other-cluster' | undefined,
    speaksFrom: string,
  ): Refusal | undefined {
    const problem = disagreement(theirs, ours);
    if (problem !== undefined) return problem;
    const { from, address } = theirs;
    if (from === ours.from) {
      const message = `this member has the id ${from} itself: another process uses the same id`;
      return { reason: 'other-address', message };
    }
    if (this.#removed.has(from)) {
      return { reason: 'removed', message: `member ${from} was removed from the cluster` };
    }
    const known = this.#addresses.get(from);
    if (known !== undefined && known !== address) {
      const message = `the membership has member ${from} at ${known}, but it claims the address ${address}: another process uses its id, or its new address must be committed first`;
      return { reason: 'other-address', message };
    }
    // Ask the node last, because it remembers the nodes that it has admitted.
    const reason = admitByNode(from, theirs.introduction);
    if (reason !== undefined) return { reason, message: reason };
    if (known === undefined) this.#learn(from, { address, speaksFrom });
    return undefined;
  }

  /**
   * Remembers a claimed address. Strangers can make up any number of ids, so the oldest claims are
   * dropped; the newest is always kept.
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
