/**
 * The index of a log: which entries there are and which term each has; here without positions, for
 * stores that find an entry by its key. Terms are kept as runs, one per change of term, not per
 * entry.
 *
 * Invariant: the log holds exactly the entries from `firstIndex` to `lastIndex`, without gaps, and
 * the term at `firstIndex - 1` is known too (etcd raft's dummy entry).
 */
import { invariant } from './invariant.ts';

/** What a log and its storage need of an index. */
export interface EntryIndex {
  /** The first entry; `lastIndex + 1` when there is none. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Memory that grows with the number of entries, in bytes. */
  readonly memoryBytes: number;
  /** The term at `index`, or `undefined` outside `firstIndex - 1` to `lastIndex`. */
  term(index: number): number | undefined;
  /** Drops all entries at and above `index`, which is above `firstIndex - 1`. */
  truncateFrom(index: number): void;
  /** Drops all entries up to `index`, which is at most `lastIndex`; below the first: nothing. */
  compactTo(index: number): void;
  /** Drops all entries: the log starts anew behind `index`, which has `term`. */
  resetTo(index: number, term: number): void;
}

/** Terms by index, as runs. */
export class TermIndex implements EntryIndex {
  /** Run `k` covers the indexes from `#starts[k]` to just before `#starts[k + 1]`. */
  #starts: number[];
  #terms: number[];
  #lastIndex: number;

  constructor(index = 0, term = 0) {
    this.#starts = [index];
    this.#terms = [term];
    this.#lastIndex = index;
  }

  /** Another index of the same content, for what may be taken back. */
  clone(): TermIndex {
    const copy = new TermIndex();
    copy.#starts = [...this.#starts];
    copy.#terms = [...this.#terms];
    copy.#lastIndex = this.#lastIndex;
    return copy;
  }

  get firstIndex(): number {
    return (this.#starts[0] ?? 0) + 1;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get memoryBytes(): number {
    return this.#starts.length * 16;
  }

  term(index: number): number | undefined {
    if (index > this.#lastIndex || index < this.firstIndex - 1) return undefined;
    return this.#terms[this.#runOf(index)];
  }

  /** Adds the entry behind the last one. */
  append(index: number, term: number): void {
    invariant(index === this.#lastIndex + 1, 'an index has no gaps', index, this.#lastIndex);
    this.#lastIndex = index;
    if (term === this.#terms.at(-1)) return;
    this.#starts.push(index);
    this.#terms.push(term);
  }

  truncateFrom(index: number): void {
    invariant(index >= this.firstIndex, 'the start of the log cannot be truncated', index);
    if (index > this.#lastIndex) return;
    const runs = this.#runOf(index - 1) + 1;
    this.#starts.length = runs;
    this.#terms.length = runs;
    this.#lastIndex = index - 1;
  }

  compactTo(index: number): void {
    if (index < this.firstIndex) return;
    invariant(index <= this.#lastIndex, 'what is compacted is in the log', index, this.#lastIndex);
    const run = this.#runOf(index);
    this.#starts.splice(0, run);
    this.#terms.splice(0, run);
    this.#starts[0] = index;
  }

  resetTo(index: number, term: number): void {
    this.#starts = [index];
    this.#terms = [term];
    this.#lastIndex = index;
  }

  /** The last run that starts at or below `index`. */
  #runOf(index: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#starts[middle] ?? Infinity) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
