/**
 * What the whole group has ever written, committed and applied, from the view of one who sees all
 * nodes at once. Crashes do not reach it. Each fact is noted once, when it first appears, and
 * compared with ever after.
 */

import type { Entry } from '@babuza/raftpb';
import { demand } from './violation.ts';

interface Committed {
  readonly term: number;
  /** The term of the leader that committed it. */
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
  /** Of each index, from 1 on, at its position. */
  readonly #committed: (Committed | undefined)[] = [undefined];
  /** What the application is after each index: the same on all nodes. */
  readonly #digests: Map<number, number> = new Map();

  /** The highest index that any node knew to be committed. */
  get commit(): number {
    return this.#committed.length - 1;
  }

  committed(index: number): Committed | undefined {
    return this.#committed[index];
  }

  /**
   * The entry that is committed at an index; nothing when it was never seen, as those of the
   * founding.
   */
  committedEntry(index: number): Entry | undefined {
    const term = this.#committed[index]?.term;
    return term === undefined ? undefined : this.#written.get(index * termsMax + term)?.entry;
  }

  /**
   * Entries that stand behind one of `previousTerm`, in a log or a message. Log matching by
   * induction: an (index, term) has one payload and one term before it, wherever it appears.
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

  /** The next index is committed. */
  noteCommitted(term: number, byTerm: number): void {
    this.#committed.push({ term, byTerm });
  }

  /** The application of a node has this digest after `index`. */
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
