/**
 * The acknowledged entries, and those among them that Raft still guarantees. A committed entry is
 * safe while every possible quorum has a voter that stores it. After a disk was damaged, the
 * entries that too few other voters store are recorded as unprotected: no protocol could keep them
 * if the damage went unnoticed.
 */
import type { IdentityKey } from './state-ledger.ts';

export interface Acknowledged {
  readonly text: string;
  readonly identity: IdentityKey;
  readonly index: number;
  readonly atMs: number;
}

export interface Holder {
  /** The voter has applied everything up to here, so its disk holds it. */
  readonly heldIndex: number;
}

export class Promises {
  readonly acknowledged: Acknowledged[] = [];
  readonly #unprotected: { readonly above: number; readonly upTo: number }[] = [];
  /** Acknowledgements of an identity count up to this moment: then an operator has ended it. */
  readonly #ended = new Map<IdentityKey, number>();

  /** One of `voterCount` voters is damaged; these are the others that are not. */
  damaged(voterCount: number, intact: readonly Holder[], highestIndex: number): void {
    // The smallest number of voters that shares a member with every quorum.
    const needed = Math.ceil(voterCount / 2);
    const held = intact.map(({ heldIndex }) => heldIndex).sort((a, b) => b - a);
    this.lost(held[needed - 1] ?? 0, highestIndex);
  }

  /**
   * Voters have lost their disks. The others know their logs, so that only an entry which one of
   * those lacks can be lost.
   */
  wiped(voterCount: number, intact: readonly Holder[], highestIndex: number): void {
    const needed = Math.ceil(voterCount / 2);
    const held = intact.map(({ heldIndex }) => heldIndex).sort((a, b) => b - a);
    this.lost(Math.max(held[needed - 1] ?? 0, held.at(-1) ?? 0), highestIndex);
  }

  /** Entries in this range may be lost. */
  lost(above: number, upTo: number): void {
    if (upTo > above) this.#unprotected.push({ above, upTo });
  }

  isProtected(index: number): boolean {
    return !this.#unprotected.some(({ above, upTo }) => index > above && index <= upTo);
  }

  /** The operator has given up this identity, and goes on with another one. */
  ended(identity: IdentityKey, atMs: number): void {
    this.#ended.set(identity, atMs);
  }

  /**
   * The entries that were acknowledged under these identities, are still guaranteed, and are
   * missing.
   */
  missing(identities: ReadonlySet<IdentityKey>, texts: ReadonlySet<string>): Acknowledged[] {
    return this.acknowledged.filter(
      ({ text, identity, index, atMs }) =>
        identities.has(identity) &&
        atMs <= (this.#ended.get(identity) ?? Infinity) &&
        !texts.has(text) &&
        this.isProtected(index),
    );
  }
}
