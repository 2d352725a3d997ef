/**
 * All entries that the group has ever written, committed and applied. Crashes do not affect it.
 * Each fact is recorded when it first appears, and every later one is compared with it.
 */

import type { Entry } from '@babuza/raftpb';
import { demand } from './violation.ts';

interface Committed {
  readonly term: number;
  /** The term of the leader that has committed the entry. */
  readonly byTerm: number;
}

interface Written {
  readonly entry: Entry;
  /** The term of the entry before it. */
  readonly previousTerm: number;
}

const termsMax = 2 ** 20;
const noBytes = new Uint8Array(0);

export class Ledger {
  readonly #written: Map<number, Written> = new Map();
  /** The committed entries; the first one has index 1. */
  readonly #committed: (Committed | undefined)[] = [undefined];
  /** The digest of the application after each index, which is the same on all nodes. */
  readonly #digests: Map<number, number> = new Map();

  /** The highest commit index of any node. */
  get commit(): number {
    return this.#committed.length - 1;
  }

  committed(index: number): Committed | undefined {
    return this.#committed[index];
  }

  /**
   * The entry that is committed at an index; nothing when it was never seen, like the entries that
   * the group starts with.
   */
  committedEntry(index: number): Entry | undefined {
    const term = this.#committed[index]?.term;
    return term === undefined ? undefined : this.#written.get(index * termsMax + term)?.entry;
  }

  /**
   * Checks entries of a log or a message that follow an entry of `previousTerm`. This proves log
   * matching by induction: an index and term have the same payload and the same previous term
   * everywhere.
   */
  noteWritten(entries: readonly Entry[], previousTerm: number): void {
    let previous = previousTerm;
    for (const entry of entries) {
      const { index, term } = entry;
      const key = index * termsMax + term;
      const known = this.#written.get(key);
      if (known === undefined) this.#written.set(key, { entry, previousTerm: previous });
      else {
        demand(
          known.previousTerm === previous && sameEntry(known.entry, entry),
          'log matching',
          () => `entry ${index} of term ${term} is not the same everywhere`,
        );
      }
      previous = term;
    }
  }

  /** Records that the next index is committed. */
  noteCommitted(term: number, byTerm: number): void {
    this.#committed.push({ term, byTerm });
  }

  /** Records the digest of a node's application after `index`. */
  noteDigest(node: bigint, index: number, digest: number): void {
    const known = this.#digests.get(index);
    if (known === undefined) this.#digests.set(index, digest);
    demand(
      known === undefined || known === digest,
      'same entry per index',
      () => `the application of node ${node} differs from another one after ${index}`,
    );
  }
}

export function sameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  const aData = a.data ?? noBytes;
  const bData = b.data ?? noBytes;
  return (
    a.type === b.type &&
    (aData === bData ||
      (aData.length === bData.length && aData.every((byte, at) => byte === bData[at])))
  );
}
