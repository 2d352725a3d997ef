/** Random saves of a node: entries, conflicts, votes, commit indexes, purges, syncs. */
import type { OpenedWal } from '@babuza/wal-core';
import type { LedgerBatch } from '@babuza/wal-core/conformance';
import { entries } from './samples.ts';

export class RandomBatches {
  readonly #random: (below: number) => number;
  /** The state of the log when all pending saves are done. */
  #start: number;
  #last: number;
  #commit: number;
  #term: number;

  /** Starts from the log as it was opened. */
  constructor({ storage, hardState }: OpenedWal, random: (below: number) => number) {
    this.#random = random;
    this.#start = storage.firstIndex() - 1;
    this.#last = storage.lastIndex();
    this.#commit = hardState.commit;
    this.#term = Math.max(hardState.term, storage.term(this.#last)) + 1;
  }

  next(): LedgerBatch {
    const uncommitted = this.#last - this.#commit;
    const step = this.#random(10);
    if (step < 2 && uncommitted > 0) {
      this.#term += 1;
      return { ...this.#append(this.#commit + 1 + this.#random(uncommitted)), ...this.#vote() };
    }
    if (step < 4 && uncommitted > 0) {
      this.#commit += 1 + this.#random(uncommitted);
      return this.#vote();
    }
    if (step === 4) {
      this.#term += 1;
      return this.#vote();
    }
    if (step === 5 && this.#commit > this.#start) {
      this.#start += 1 + this.#random(this.#commit - this.#start);
      return { purgeTo: this.#start };
    }
    // A commit index alone is not durable.
    if (step === 6) return { sync: true };
    return this.#append(this.#last + 1);
  }

  #append(from: number): LedgerBatch {
    this.#last = from + this.#random(4);
    return { entries: entries(from, this.#last, this.#term) };
  }

  #vote(): LedgerBatch {
    return { hardState: { term: this.#term, vote: 1n, commit: this.#commit } };
  }
}
