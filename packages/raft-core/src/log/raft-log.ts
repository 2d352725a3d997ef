/**
 * The log of a node: it appends, commits, and hands out committed entries to be applied. Invariant:
 * `applied <= applying <= committed <= lastIndex()`. `applying` is the last index that was handed
 * out; the next committed entries follow it.
 *
 * Source: etcd-io/raft `log.go`; docs/raft-behaviour.md, sections 5 and 7.3.
 */

import { EntryType, type Entry, type Snapshot } from '@babuza/raftpb';
import type { Storage } from '@babuza/wal-core/storage';
import { panic, type RaftLogger } from '../logger.ts';
import { encodedBytes } from './entry-size.ts';
import { ReadableLog, type Unavailable } from './readable-log.ts';

export class RaftLog extends ReadableLog {
  committed: number;
  applying: number;
  applied: number;
  /** The limit on the encoded size of entries that are handed out and not applied. */
  readonly #applyingBytesMax: number;
  /** The encoded size of the entries that are handed out and not applied. */
  #applyingBytes = 0;
  /** No entries are handed out until some were applied. */
  #applyingPaused = false;
  /** The storage could not read committed entries since the last tick. */
  #readFailed = false;

  constructor(storage: Storage, applyingBytesMax: number, logger: RaftLogger | undefined) {
    super(storage, logger);
    this.#applyingBytesMax = applyingBytesMax;
    const firstIndex = storage.firstIndex();
    this.committed = firstIndex - 1;
    this.applying = firstIndex - 1;
    this.applied = firstIndex - 1;
  }

  /** Whether a JavaScript number holds the indexes of `count` more entries exactly. */
  hasRoomFor(count: number): boolean {
    return this.lastIndex() <= Number.MAX_SAFE_INTEGER - count;
  }

  /**
   * Whether a log that ends with this index and term is at least as up-to-date as this one: Raft
   * paper, section 5.4.1.
   */
  isUpToDate(index: number, term: number): boolean {
    const lastTerm = this.lastTerm();
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex());
  }

  /**
   * Appends the entries of a leader's append, which follow the entry at `previousIndex`. Entries
   * that the log already has are skipped, and only a conflicting entry removes those behind it.
   * Returns the index up to which the log now matches the leader's, or nothing when the entry at
   * `previousIndex` does not have `previousTerm`.
   */
  maybeAppend(
    previousIndex: number,
    previousTerm: number,
    entries: readonly Entry[],
    leaderCommit: number,
  ): number | undefined {
    if (!this.matchTerm(previousIndex, previousTerm)) return undefined;
    const matched = previousIndex + entries.length;
    const newAt = this.#firstNewEntry(entries);
    if (newAt < entries.length) {
      const index = previousIndex + 1 + newAt;
      if (index <= this.committed) {
        panic(
          this.logger,
          `entry ${index} conflict with committed entry [committed(${this.committed})]`,
        );
      }
      this.append(newAt === 0 ? entries : entries.slice(newAt));
    }
    // Entries of this log behind those of the append may differ from the leader's.
    this.commitTo(Math.min(leaderCommit, matched));
    return matched;
  }

  /** Replaces all entries from the first given index on. Returns the new last index. */
  append(entries: readonly Entry[]): number {
    const first = entries[0];
    if (first !== undefined) {
      if (first.index - 1 < this.committed) {
        panic(
          this.logger,
          `after(${first.index - 1}) is out of range [committed(${this.committed})]`,
        );
      }
      this.unstable.truncateAndAppend(entries);
    }
    return this.lastIndex();
  }

  /**
   * Returns the position of the first given entry that the log does not have with the same term, or
   * the number of entries when it has them all.
   */
  #firstNewEntry(entries: readonly Entry[]): number {
    for (let at = 0; at < entries.length; at += 1) {
      const entry = entries[at];
      if (entry === undefined || this.matchTerm(entry.index, entry.term)) continue;
      if (entry.index <= this.lastIndex()) {
        this.logger?.log(
          'info',
          () =>
            `found conflict at index ${entry.index} [existing term: ` +
            `${this.termOrZero(entry.index)}, conflicting term: ${entry.term}]`,
        );
      }
      return at;
    }
    return entries.length;
  }

  /** Raises the commit index, which never decreases. */
  commitTo(index: number): void {
    if (index <= this.committed) return;
    if (index > this.lastIndex()) {
      panic(
        this.logger,
        `tocommit(${index}) is out of range [lastIndex(${this.lastIndex()})]. ` +
          'Was the raft log corrupted, truncated, or lost?',
      );
    }
    this.committed = index;
  }

  /**
   * Commits up to `index` if the entry there has `term`, which is the term of the leader: Raft
   * paper, section 5.4.2. Returns whether the commit index has advanced.
   */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.committed || term === 0 || !this.matchTerm(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  /**
   * Returns the next committed entries to apply. With `allowUnstable`, they may include entries
   * that are not durable on this node yet.
   */
  nextCommittedEntries(allowUnstable: boolean): Entry[] {
    if (!this.hasNextCommittedEntries(allowUnstable)) return [];
    const bytesMax = this.#applyingBytesMax - this.#applyingBytes;
    if (bytesMax <= 0) {
      panic(
        this.logger,
        `applying entry size (${this.#applyingBytesMax}-${this.#applyingBytes})=${bytesMax} ` +
          'not positive',
      );
    }
    const entries = this.sliceIfReadable(
      this.applying + 1,
      this.#maxAppliableIndex(allowUnstable) + 1,
      bytesMax,
    );
    // The next try follows the next tick. Otherwise a caller that loops while there is work would
    // never stop.
    this.#readFailed = entries?.length === 0;
    return (
      entries ??
      panic(this.logger, 'unexpected error when getting unapplied entries (they were compacted)')
    );
  }

  hasNextCommittedEntries(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.unstable.snapshot !== undefined) return false;
    if (this.#readFailed) return false;
    return this.applying < this.#maxAppliableIndex(allowUnstable);
  }

  /** Records that `entries` were handed out to be applied. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const index = entries.at(-1)?.index;
    if (index === undefined) return;
    if (index > this.committed) {
      panic(
        this.logger,
        `applying(${index}) is out of range [prevApplying(${this.applying}), ` +
          `committed(${this.committed})]`,
      );
    }
    this.applying = index;
    this.#applyingBytes += this.#countedBytes(entries);
    // The second condition pauses as well when the size limit has cut off entries, so that the rest
    // is handed out only after these were applied.
    this.#applyingPaused =
      this.#applyingBytes >= this.#applyingBytesMax ||
      index < this.#maxAppliableIndex(allowUnstable);
  }

  /** Records that everything up to `index` was applied; `entries` were handed out for that. */
  appliedTo(index: number, entries: readonly Entry[]): void {
    if (index > this.committed || index < this.applied) {
      panic(
        this.logger,
        `applied(${index}) is out of range [prevApplied(${this.applied}), ` +
          `committed(${this.committed})]`,
      );
    }
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - this.#countedBytes(entries));
    this.#applyingPaused = this.#applyingBytes >= this.#applyingBytesMax;
  }

  /**
   * Whether a membership change is committed and not applied; `undefined` while the storage cannot
   * read those entries.
   */
  hasUnappliedConfChange(): boolean | Unavailable {
    let lo = this.applied + 1;
    const hi = this.committed + 1;
    while (lo < hi) {
      const page = this.sliceIfReadable(lo, hi, this.#applyingBytesMax);
      if (page === undefined) {
        return panic(
          this.logger,
          `error scanning unapplied entries [${lo}, ${hi}): the log does not have them`,
        );
      }
      if (page.length === 0) return undefined;
      if (page.some((entry) => entry.type !== EntryType.Normal)) return true;
      lo += page.length;
    }
    return false;
  }

  /** Replaces the whole log by a received snapshot. */
  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    this.logger?.log(
      'info',
      () => `log [${this.describe()}] starts to restore snapshot [index: ${index}, term: ${term}]`,
    );
    this.committed = index;
    this.unstable.restore(snapshot);
  }

  /** Allows another try to read committed entries that the storage could not read. */
  tick(): void {
    this.#readFailed = false;
  }

  /** The state in one line, for log lines. */
  describe(): string {
    const { committed, applied, applying, unstable } = this;
    return (
      `committed=${committed}, applied=${applied}, applying=${applying}, ` +
      `unstable.offset=${unstable.offset}, unstable.offsetInProgress=${unstable.offsetInProgress}, ` +
      `len(unstable.Entries)=${unstable.length}`
    );
  }

  #maxAppliableIndex(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  /** Returns 0 without computing sizes when there is no limit. */
  #countedBytes(entries: readonly Entry[]): number {
    return this.#applyingBytesMax === Infinity ? 0 : encodedBytes(entries);
  }
}
