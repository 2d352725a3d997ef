/**
 * What the state record testifies about the other records. It is written with every batch, so it
 * says what must be there as of the newest batch that survived. A batch in the middle that the
 * database lost without a word (LevelDB does, after a flipped bit in its own log) then shows: as a
 * hole, as another last index, or as terms or markers that are not those of the newest batch. A
 * lost batch that only replaced entries would leave no hole, but Raft never replaces an entry
 * without another term.
 */
import { crc32 } from 'node:zlib';
import { invariant, type TermIndex } from '@babuza/wal-core/backend';
import { integerBytes, viewOf, writeInteger } from './numbers.ts';

export interface Testimony {
  /** Over the term runs behind the start of the log. */
  readonly termsDigest: number;
  /** By index, in ascending order: the checksums of the marker records. */
  readonly markerChecksums: ReadonlyMap<number, number>;
  /**
   * The number of the newest batch; absent where the log does not number them (format version 1).
   */
  readonly batch: number | undefined;
}

/** Of a log that was just created: that was its first batch. */
export const emptyTestimony: Testimony & { readonly batch: number } = {
  termsDigest: 0,
  markerChecksums: new Map(),
  batch: 1,
};

/** Entries from `index` on have `term`; those before it another. */
export interface TermRun {
  readonly index: number;
  readonly term: number;
}

/**
 * The runs that begin at `from` or above, in order; the run that the log starts in is none of them.
 */
export function* termRuns(index: TermIndex, from: number): Generator<TermRun, void, void> {
  let at = Math.max(from, index.firstIndex);
  while (at <= index.lastIndex) {
    const term = termAt(index, at);
    if (termAt(index, at - 1) !== term) yield { index: at, term };
    at = endOfRun(index, at, term);
  }
}

/** The digest with one more run behind the others. */
export function withTermRun(digest: number, run: TermRun): number {
  const bytes = new Uint8Array(2 * integerBytes);
  const view = viewOf(bytes);
  writeInteger(view, 0, run.index);
  writeInteger(view, integerBytes, run.term);
  return crc32(bytes, digest);
}

export function termsDigestOf(index: TermIndex): number {
  let digest = emptyTestimony.termsDigest;
  for (const run of termRuns(index, index.firstIndex)) digest = withTermRun(digest, run);
  return digest;
}

export function markersDigestOf(checksums: ReadonlyMap<number, number>): number {
  const bytes = new Uint8Array(4 * checksums.size);
  const view = viewOf(bytes);
  let offset = 0;
  for (const checksum of checksums.values()) {
    view.setUint32(offset, checksum);
    offset += 4;
  }
  return crc32(bytes);
}

/**
 * The first index above `at` that has not `term`. Terms never go down, so it can be searched for.
 */
function endOfRun(index: TermIndex, at: number, term: number): number {
  let low = at;
  let high = index.lastIndex + 1;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (termAt(index, middle) === term) low = middle;
    else high = middle;
  }
  return high;
}

function termAt(index: TermIndex, at: number): number {
  const term = index.term(at);
  invariant(term !== undefined, 'an index knows the terms of its own entries', at);
  return term;
}
