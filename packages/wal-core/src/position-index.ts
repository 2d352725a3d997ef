/**
 * An index that also keeps the position of each entry: the segment that holds it and the offset in
 * that segment. It takes 4 bytes an entry. An offset is a multiple of 8 and is stored divided by 8,
 * in pages of 1,024 offsets. So growing never copies the whole index, and at most one page per
 * segment is partly unused. Terms and segments are kept as runs.
 */
import { TermIndex, type EntryIndex } from './entry-index.ts';
import { invariant } from './invariant.ts';

/** Every position is a multiple of this many bytes. */
export const positionAlignmentBytes = 8;

/**
 * The end of the range of offsets, 32 GiB: a stored offset has 32 bits and counts steps of 8 bytes.
 */
const offsetEnd = 2 ** 32 * positionAlignmentBytes;

/** Offsets in a full page, which takes 4 KiB. */
const pageEntries = 1024;

/**
 * The first page of a run starts with this many offsets and doubles, so that a small segment does
 * not cost a full page.
 */
const firstPageEntries = 32;

/** Consecutive entries of one segment, with ascending offsets. */
interface Run {
  readonly segmentId: number;
  /** The index of the entry whose offset is in the first slot of the first page. */
  origin: number;
  /** The last index of the run. */
  lastIndex: number;
  readonly pages: Uint32Array[];
}

/** Consecutive entries of one segment, for a reader. It is valid until the index changes. */
export interface SegmentRun {
  readonly segmentId: number;
  readonly lastIndex: number;
  /** Returns the offset in bytes of the entry at `index`, which must be in the run. */
  offsetOf(index: number): number;
}

export class PositionIndex implements EntryIndex {
  readonly #terms: TermIndex;
  /** Ascending and without gaps. After a truncation two runs may be in the same segment. */
  readonly #runs: Run[] = [];

  constructor(index = 0, term = 0) {
    this.#terms = new TermIndex(index, term);
  }

  get firstIndex(): number {
    return this.#terms.firstIndex;
  }

  get lastIndex(): number {
    return this.#terms.lastIndex;
  }

  get memoryBytes(): number {
    let bytes = this.#terms.memoryBytes;
    for (const { pages } of this.#runs) {
      for (const page of pages) bytes += page.byteLength;
    }
    return bytes;
  }

  /** Returns a copy of the terms, without the positions. */
  cloneTerms(): TermIndex {
    return this.#terms.clone();
  }

  term(index: number): number | undefined {
    return this.#terms.term(index);
  }

  /**
   * Adds an entry, whose index must be `lastIndex + 1`. `offset` is a multiple of 8 below 32 GiB.
   */
  append(index: number, term: number, segmentId: number, offset: number): void {
    invariant(
      offset % positionAlignmentBytes === 0 && offset >= 0 && offset < offsetEnd,
      'a position must be a multiple of 8 below 32 GiB',
      index,
      offset,
    );
    this.#terms.append(index, term);
    let run = this.#runs.at(-1);
    if (run === undefined || run.segmentId !== segmentId) {
      run = { segmentId, origin: index, lastIndex: index, pages: [] };
      this.#runs.push(run);
    }
    const ordinal = index - run.origin;
    const slot = ordinal % pageEntries;
    pageFor(run, Math.floor(ordinal / pageEntries), slot)[slot] = offset / positionAlignmentBytes;
    run.lastIndex = index;
  }

  /** Returns the run that holds the entry at `index`. */
  runOf(index: number): SegmentRun {
    const run = this.#runs[this.#ordinalOf(index)];
    invariant(
      run !== undefined && index >= run.origin && index <= run.lastIndex,
      'an entry of the index must have a position',
      index,
    );
    return {
      segmentId: run.segmentId,
      lastIndex: run.lastIndex,
      offsetOf: (wanted) => offsetIn(run, wanted),
    };
  }

  /**
   * Returns the entries of one segment as runs of offsets in bytes, for the footer of the segment.
   */
  offsetsIn(segmentId: number): { firstIndex: number; offsets: number[] }[] {
    const { firstIndex: first } = this;
    return this.#runs
      .filter((run) => run.segmentId === segmentId)
      .map((run) => {
        const firstIndex = Math.max(run.origin, first);
        const count = run.lastIndex - firstIndex + 1;
        return {
          firstIndex,
          offsets: Array.from({ length: count }, (_, ordinal) =>
            offsetIn(run, firstIndex + ordinal),
          ),
        };
      });
  }

  truncateFrom(index: number): void {
    this.#terms.truncateFrom(index);
    for (;;) {
      const run = this.#runs.at(-1);
      if (run === undefined || run.lastIndex < index) return;
      if (run.origin >= index) {
        this.#runs.pop();
        continue;
      }
      run.lastIndex = index - 1;
      run.pages.length = Math.floor((run.lastIndex - run.origin) / pageEntries) + 1;
      return;
    }
  }

  compactTo(index: number): void {
    this.#terms.compactTo(index);
    const gone = this.#runs.findIndex((run) => run.lastIndex > index);
    this.#runs.splice(0, gone === -1 ? this.#runs.length : gone);
    const first = this.#runs[0];
    if (first === undefined || first.origin > index) return;
    const pages = Math.floor((index + 1 - first.origin) / pageEntries);
    first.pages.splice(0, pages);
    first.origin += pages * pageEntries;
  }

  resetTo(index: number, term: number): void {
    this.#terms.resetTo(index, term);
    this.#runs.length = 0;
  }

  /** The last run that starts at or below `index`. */
  #ordinalOf(index: number): number {
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#runs[middle]?.origin ?? Infinity) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Returns the page with this ordinal, created or enlarged so that it has the slot. */
function pageFor(run: Run, ordinal: number, slot: number): Uint32Array {
  const page = run.pages[ordinal];
  if (page !== undefined && slot < page.length) return page;
  const grown = new Uint32Array(
    ordinal > 0 ? pageEntries : page === undefined ? firstPageEntries : 2 * page.length,
  );
  if (page !== undefined) grown.set(page);
  run.pages[ordinal] = grown;
  return grown;
}

function offsetIn(run: Run, index: number): number {
  const ordinal = index - run.origin;
  const scaled = run.pages[Math.floor(ordinal / pageEntries)]?.[ordinal % pageEntries];
  invariant(scaled !== undefined, 'a run has offsets of its own entries only', index);
  return scaled * positionAlignmentBytes;
}
