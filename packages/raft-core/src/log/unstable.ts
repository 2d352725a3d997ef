/**
 * The end of the log that is not known to be durable: the entries from `offset` on, which hide
 * those of the storage, and perhaps a received snapshot. Entries below `offsetInProgress` are
 * handed out to be written. Invariant: `offset <= offsetInProgress`.
 *
 * Callers get copies of the array of entries, so that it can be changed in place.
 *
 * Source: etcd-io/raft `log_unstable.go`; docs/raft-behaviour.md, section 5.5.
 */

import type { Entry, Snapshot } from '@babuza/raftpb';
import { panic, type RaftLogger } from '../logger.ts';

export class Unstable {
  #entries: Entry[] = [];
  #offset: number;
  #offsetInProgress: number;
  #snapshot: Snapshot | undefined;
  #snapshotInProgress = false;
  readonly #logger: RaftLogger | undefined;

  constructor(offset: number, logger: RaftLogger | undefined) {
    this.#offset = offset;
    this.#offsetInProgress = offset;
    this.#logger = logger;
  }

  /** The index of the first unstable entry, or of the next entry when there is none. */
  get offset(): number {
    return this.#offset;
  }

  get offsetInProgress(): number {
    return this.#offsetInProgress;
  }

  /** The number of unstable entries, including those in progress. */
  get length(): number {
    return this.#entries.length;
  }

  /** The unstable snapshot, even when it is in progress. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** The index that follows the snapshot, if there is a snapshot. */
  firstIndex(): number | undefined {
    return this.#snapshot === undefined ? undefined : this.#snapshot.metadata.index + 1;
  }

  /** The index of the last unstable entry, or else of the snapshot, or nothing. */
  lastIndex(): number | undefined {
    if (this.#entries.length > 0) return this.#offset + this.#entries.length - 1;
    return this.#snapshot?.metadata.index;
  }

  /** The term of the entry at `index`, if the unstable part knows it. */
  term(index: number): number | undefined {
    if (index >= this.#offset) return this.#entries[index - this.#offset]?.term;
    const metadata = this.#snapshot?.metadata;
    return metadata !== undefined && metadata.index === index ? metadata.term : undefined;
  }

  /** The entries that are not handed out yet. */
  nextEntries(): Entry[] {
    return this.#entries.slice(this.#offsetInProgress - this.#offset);
  }

  hasNextEntries(): boolean {
    return this.#offset + this.#entries.length > this.#offsetInProgress;
  }

  /** The snapshot, if it is not handed out yet. */
  nextSnapshot(): Snapshot | undefined {
    return this.#snapshotInProgress ? undefined : this.#snapshot;
  }

  /** Records that all entries and the snapshot are handed out to be written. */
  acceptInProgress(): void {
    if (this.#entries.length > 0) this.#offsetInProgress = this.#offset + this.#entries.length;
    if (this.#snapshot !== undefined) this.#snapshotInProgress = true;
  }

  /**
   * Drops the entries up to `index`, which are durable, if the entry there still has this term.
   * Otherwise an append has replaced it after it was handed out, and nothing is dropped.
   */
  stableTo(term: number, index: number): void {
    if (index < this.#offset) {
      const matched = this.#snapshot?.metadata.index === index;
      this.#logger?.log('info', () =>
        matched
          ? `entry at index ${index} matched unstable snapshot; ignoring`
          : `entry at index ${index} missing from unstable log; ignoring`,
      );
      return;
    }
    const known = this.term(index);
    if (known === undefined) {
      this.#logger?.log(
        'info',
        () => `entry at index ${index} missing from unstable log; ignoring`,
      );
      return;
    }
    if (known !== term) {
      this.#logger?.log(
        'info',
        () =>
          `entry at (index,term)=(${index},${term}) mismatched with entry at ` +
          `(${index},${known}) in unstable log; ignoring`,
      );
      return;
    }
    const stableCount = index + 1 - this.#offset;
    if (stableCount === this.#entries.length) this.#entries = [];
    else this.#entries.splice(0, stableCount);
    this.#offset = index + 1;
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset);
  }

  /** Drops the snapshot of this index, which is durable. */
  stableSnapshotTo(index: number): void {
    if (this.#snapshot?.metadata.index !== index) return;
    this.#snapshot = undefined;
    this.#snapshotInProgress = false;
  }

  /** Replaces all unstable entries by a received snapshot. */
  restore(snapshot: Snapshot): void {
    this.#entries = [];
    this.#offset = snapshot.metadata.index + 1;
    this.#offsetInProgress = this.#offset;
    this.#snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Replaces all entries from the first given index on. The entries must leave no gap. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = entries[0]?.index;
    if (first === undefined) return;
    if (first <= this.#offset) {
      if (first < this.#offset || this.#entries.length > 0) {
        this.#logger?.log('info', () => `replace the unstable entries from index ${first}`);
      }
      this.#entries = [];
      this.#offset = first;
      this.#offsetInProgress = first;
    } else if (first !== this.#offset + this.#entries.length) {
      this.#checkRange(this.#offset, first);
      this.#logger?.log('info', () => `truncate the unstable entries before index ${first}`);
      this.#entries.length = first - this.#offset;
      this.#offsetInProgress = Math.min(this.#offsetInProgress, first);
    }
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Returns the entries of [lo, hi), all of which must be unstable. */
  slice(lo: number, hi: number): Entry[] {
    this.#checkRange(lo, hi);
    return this.#entries.slice(lo - this.#offset, hi - this.#offset);
  }

  #checkRange(lo: number, hi: number): void {
    if (lo > hi) panic(this.#logger, `invalid unstable.slice ${lo} > ${hi}`);
    const end = this.#offset + this.#entries.length;
    if (lo < this.#offset || hi > end) {
      panic(this.#logger, `unstable.slice[${lo},${hi}) out of bound [${this.#offset},${end}]`);
    }
  }
}
