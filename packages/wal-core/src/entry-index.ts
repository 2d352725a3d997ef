/**
 * The index of a log says which entries exist and which term each of them has. The index in this
 * file has no positions: it serves stores that find an entry by its key. It keeps one record per
 * change of term ("run"), not one per entry.
 *
 * Invariant: the log holds exactly the entries from `firstIndex` to `lastIndex`, without gaps, and
 * the term at `firstIndex - 1` is known too (the dummy entry of etcd's `MemoryStorage`).
 */
import { invariant } from './invariant.ts';

/** The operations that a log and its storage need of an index. */
export interface EntryIndex {
  /** The index of the first entry; `lastIndex + 1` when there are no entries. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  /** Bytes of the memory that grows with the number of entries. */
  readonly memoryBytes: number;
  /** The term at `index`, or `undefined` outside `firstIndex - 1` to `lastIndex`. */
  term(index: number): number | undefined;
  /** Drops all entries at and above `index`. `index` must be at least `firstIndex`. */
  truncateFrom(index: number): void;
  /**
   * Drops all entries up to and including `index`, which is at most `lastIndex`. A lower `index`
   * than `firstIndex` changes nothing.
   */
  compactTo(index: number): void;
  /** Drops all entries. The log then starts at `index + 1`, and `term` is the term at `index`. */
  resetTo(index: number, term: number): void;
}

/** An index that keeps the terms alone, as runs. */
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

  /** Returns an independent copy, for changes that may have to be undone. */
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

  /** Adds an entry, whose index must be `lastIndex + 1`. */
  append(index: number, term: number): void {
    invariant(
      index === this.#lastIndex + 1,
      'an entry must follow the last one without a gap',
      index,
      this.#lastIndex,
    );
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
    invariant(
      index <= this.#lastIndex,
      'only entries of the log can be compacted',
      index,
      this.#lastIndex,
    );
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

  /** Returns the last run that starts at or below `index`. */
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
