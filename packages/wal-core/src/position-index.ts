/**
 * An index with a position for each entry: the segment that holds it and the offset in there. It
 * takes 4 bytes an entry: an offset is a multiple of 8 and stored divided by 8, in pages of 1,024
 * offsets, so that nothing is ever copied to grow and at most one page per segment is unused in
 * part. Terms and segments are runs.
 */
import { TermIndex, type EntryIndex } from './entry-index.ts';
import { invariant } from './invariant.ts';

/** Every position is a multiple of this many bytes. */
export const positionAlignmentBytes = 8;

/** Offsets end where a 32-bit number of such steps does: at 32 GiB. */
const offsetEnd = 2 ** 32 * positionAlignmentBytes;

/** Offsets per full page: 4 KiB. */
const pageEntries = 1024;

/**
 * The first page of a run starts smaller and doubles: many small segments must not cost a page
 * each.
 */
const firstPageEntries = 32;

/** Consecutive entries that lie in one segment in ascending order. */
interface Run {
  readonly segmentId: number;
  /** The index whose offset is the first of the first page. */
  origin: number;
  /** The last index of the run. */
  lastIndex: number;
  readonly pages: Uint32Array[];
}

/** Consecutive entries of one segment, for a reader. Valid until the index changes. */
export interface SegmentRun {
  readonly segmentId: number;
  readonly lastIndex: number;
  /** The offset in bytes of the entry at `index`, which must lie in the run. */
  offsetOf(index: number): number;
}

export class PositionIndex implements EntryIndex {
  readonly #terms: TermIndex;
  /** Ascending and adjacent. Two runs may name the same segment after a truncation. */
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

  /** The terms alone, as a copy. */
  cloneTerms(): TermIndex {
    return this.#terms.clone();
  }

  term(index: number): number | undefined {
    return this.#terms.term(index);
  }

  /** Adds the entry behind the last one. `offset` is a multiple of 8 below 32 GiB. */
  append(index: number, term: number, segmentId: number, offset: number): void {
    invariant(
      offset % positionAlignmentBytes === 0 && offset >= 0 && offset < offsetEnd,
      'a position is aligned and fits',
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

  /** Where the entry at `index` lies, and those behind it in the same segment. */
  runOf(index: number): SegmentRun {
    const run = this.#runs[this.#ordinalOf(index)];
    invariant(
      run !== undefined && index >= run.origin && index <= run.lastIndex,
      'an indexed entry has a position',
      index,
    );
    return {
      segmentId: run.segmentId,
      lastIndex: run.lastIndex,
      offsetOf: (wanted) => offsetIn(run, wanted),
    };
  }

  /**
   * The entries that lie in one segment, as runs of offsets in bytes. For the footer of a segment.
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

/** The page with this ordinal, made or enlarged so that it has the slot. */
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
  invariant(scaled !== undefined, 'an index asks a run only for its own entries', index);
  return scaled * positionAlignmentBytes;
}
