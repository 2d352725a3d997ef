/**
 * The digest of a log in its state record: a digest of the term runs, a digest of the markers, and
 * the number of the batch.
 *
 * The state record is written with every batch, so it describes the log as of the newest batch that
 * survived. LevelDB can silently lose a batch in the middle when a bit of its own log flips. The
 * loss then shows as a missing entry, as another last index, or as term runs or markers that do not
 * fit the digests. A lost batch that only replaced entries leaves no hole, but Raft never replaces
 * an entry without a change of its term, so the digest of the term runs shows it.
 */
import { crc32 } from 'node:zlib';
import { invariant, type TermIndex } from '@babuza/wal-core/backend';
import { integerBytes, viewOf, writeInteger } from './numbers.ts';

export interface LogDigest {
  /** The digest of the term runs behind the start of the log. */
  readonly termsDigest: number;
  /** The checksums of the marker records, by index in ascending order. */
  readonly markerChecksums: ReadonlyMap<number, number>;
  /**
   * The number of the newest batch; absent where the log does not number them (format version 1).
   */
  readonly batch: number | undefined;
}

/** The digest of a log that was just created. The creation is batch 1. */
export const emptyLogDigest: LogDigest & { readonly batch: number } = {
  termsDigest: 0,
  markerChecksums: new Map(),
  batch: 1,
};

/** The entries from `index` on have `term`, and the entry before them has another term. */
export interface TermRun {
  readonly index: number;
  readonly term: number;
}

/**
 * The runs that begin at `from` or above, in order. The run that the start of the log lies in is
 * left out, because its first entry is not in the log.
 */
export function* termRuns(index: TermIndex, from: number): Generator<TermRun, void, void> {
  let at = Math.max(from, index.firstIndex);
  while (at <= index.lastIndex) {
    const term = termAt(index, at);
    if (termAt(index, at - 1) !== term) yield { index: at, term };
    at = endOfRun(index, at, term);
  }
}

/** Extends the digest by a run behind the others. */
export function withTermRun(digest: number, run: TermRun): number {
  const bytes = new Uint8Array(2 * integerBytes);
  const view = viewOf(bytes);
  writeInteger(view, 0, run.index);
  writeInteger(view, integerBytes, run.term);
  return crc32(bytes, digest);
}

export function termsDigestOf(index: TermIndex): number {
  let digest = emptyLogDigest.termsDigest;
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
 * The first index above `at` with another term than `term`. A binary search finds it, because terms
 * never decrease.
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
