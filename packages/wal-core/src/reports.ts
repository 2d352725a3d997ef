/** The reports of a log about a purge and about the end that recovery found. */

/** The result of `purge`. */
export interface PurgeReport {
  /** The argument of the call. */
  readonly toIndex: number;
  /** The first index that can be read after the purge. */
  readonly firstIndex: number;
  /** Files, or comparable units, that were removed. */
  readonly segmentsRemoved: number;
  /** Files that were kept for reuse. */
  readonly segmentsRecycled: number;
  /** Bytes on disk of the removed and recycled files. */
  readonly bytesFreed: number;
  /** Segments that remain. */
  readonly segmentsKept: number;
  /** The reason why purged entries are still on disk, if any are. Text for people. */
  readonly heldBy: string | undefined;
}

/**
 * The result of recovery for the bytes after the last complete batch.
 *
 * - `clean`: there were no such bytes.
 * - `torn`: they were a batch that a crash interrupted. It was never acknowledged, and was cut.
 * - `uncertain`: they were a damaged last batch. Either a crash interrupted its write, or it was
 *   acknowledged and damaged later; no later data can tell which. It was cut, and the index range
 *   says which entries it held.
 */
export interface TailReport {
  readonly verdict: 'clean' | 'torn' | 'uncertain';
  /** Bytes that were cut; 0 when `clean`. */
  readonly bytesDropped: number;
  /** The position of the cut. */
  readonly file?: string | undefined;
  readonly offset?: number | undefined;
  /** The entries of the batch that was cut, as far as they are known. */
  readonly firstIndex?: number | undefined;
  readonly lastIndex?: number | undefined;
}
