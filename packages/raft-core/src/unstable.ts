/**
 * The end of the log that is not known to be durable yet: entries from `offset` on, which shadow
 * those of the storage, and perhaps a snapshot that was received. What was handed out to be written
 * is "in progress": entries below `offsetInProgress`. Invariant: `offset <= offsetInProgress`.
 *
 * The array of entries is never handed out itself, so that it can be changed in place.
 *
 * Source: etcd-io/raft `log_unstable.go`; docs/raft-behaviour.md, section 5.5.
 */

import type { Entry, Snapshot } from '@babuza/raftpb';
import { panic, type RaftLogger } from './logger.ts';

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

  /** The index of the first entry here, or of the next one. */
  get offset(): number {
    return this.#offset;
  }

  get offsetInProgress(): number {
    return this.#offsetInProgress;
  }

  /** The number of entries, also those in progress. */
  get length(): number {
    return this.#entries.length;
  }

  /** The snapshot, also when it is in progress. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  /** The index behind the snapshot, when there is one. */
  firstIndex(): number | undefined {
    return this.#snapshot === undefined ? undefined : this.#snapshot.metadata.index + 1;
  }

  /** The index of the last entry, or of the snapshot, when there is one. */
  lastIndex(): number | undefined {
    if (this.#entries.length > 0) return this.#offset + this.#entries.length - 1;
    return this.#snapshot?.metadata.index;
  }

  /** The term at `index`, when it is known here. */
  term(index: number): number | undefined {
    if (index >= this.#offset) return this.#entries[index - this.#offset]?.term;
    const metadata = this.#snapshot?.metadata;
    return metadata !== undefined && metadata.index === index ? metadata.term : undefined;
  }

  /** The entries that were not handed out yet. */
  nextEntries(): Entry[] {
    return this.#entries.slice(this.#offsetInProgress - this.#offset);
  }

  hasNextEntries(): boolean {
    return this.#offset + this.#entries.length > this.#offsetInProgress;
  }

  /** The snapshot, when it was not handed out yet. */
  nextSnapshot(): Snapshot | undefined {
    return this.#snapshotInProgress ? undefined : this.#snapshot;
  }

  /** Everything here was handed out to be written. */
  acceptInProgress(): void {
    if (this.#entries.length > 0) this.#offsetInProgress = this.#offset + this.#entries.length;
    if (this.#snapshot !== undefined) this.#snapshotInProgress = true;
  }

  /**
   * The entries up to `index` are durable, if the one there still has this term. It may not be here
   * any more: appends and writes overtake each other.
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

  /** The snapshot of this index is durable. */
  stableSnapshotTo(index: number): void {
    if (this.#snapshot?.metadata.index !== index) return;
    this.#snapshot = undefined;
    this.#snapshotInProgress = false;
  }

  /** The log starts anew behind this snapshot. */
  restore(snapshot: Snapshot): void {
    this.#entries = [];
    this.#offset = snapshot.metadata.index + 1;
    this.#offsetInProgress = this.#offset;
    this.#snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Puts entries at their indexes, without a gap, and drops what was there and behind. */
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

  /** The entries from `lo` up to, not including, `hi`; all must be here. */
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
