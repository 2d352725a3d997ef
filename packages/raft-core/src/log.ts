/**
 * The log as the state machine sees it: the storage, shadowed from its offset on by what is not
 * durable yet. Invariant: `applied <= applying <= committed <= lastIndex()`. `applying` is what was
 * handed out to be applied, and what pages of committed entries go on from.
 *
 * Source: etcd-io/raft `log.go`; docs/raft-behaviour.md, sections 5 and 7.3.
 */

import { EntryType, type Entry, type Snapshot } from '@babuza/raftpb';
import type { Storage } from '@babuza/wal-core/storage';
import { encodedBytes, fittingCount } from './entry-size.ts';
import { codeOf, messageOf } from './errors.ts';
import { panic, type RaftLogger } from './logger.ts';
import { Unstable } from './unstable.ts';

/** What is answered about an index that the log does not have (any more, or yet). */
export type Unavailable = undefined;

/** Where two logs may still be equal: an index, and the term there, 0 when it is not known. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

export class RaftLog {
  readonly unstable: Unstable;
  committed: number;
  applying: number;
  applied: number;
  readonly #storage: Storage;
  readonly #logger: RaftLogger | undefined;
  /** The limit on what is handed out and not yet applied, and how much that is, encoded. */
  readonly #applyingBytesMax: number;
  #applyingBytes = 0;
  /** Nothing is handed out until something was applied. */
  #applyingPaused = false;
  /** The storage could not read committed entries at the moment. */
  #readFailed = false;

  constructor(storage: Storage, applyingBytesMax: number, logger: RaftLogger | undefined) {
    this.#storage = storage;
    this.#applyingBytesMax = applyingBytesMax;
    this.#logger = logger;
    const firstIndex = storage.firstIndex();
    this.unstable = new Unstable(storage.lastIndex() + 1, logger);
    this.committed = firstIndex - 1;
    this.applying = firstIndex - 1;
    this.applied = firstIndex - 1;
  }

  firstIndex(): number {
    const index = this.unstable.firstIndex();
    if (index !== undefined) return index;
    try {
      return this.#storage.firstIndex();
    } catch (error) {
      return panic(this.#logger, messageOf(error), error);
    }
  }

  lastIndex(): number {
    const index = this.unstable.lastIndex();
    if (index !== undefined) return index;
    try {
      return this.#storage.lastIndex();
    } catch (error) {
      return panic(this.#logger, messageOf(error), error);
    }
  }

  /** The term at `index`, from `firstIndex() - 1` to `lastIndex()`. */
  term(index: number): number | Unavailable {
    const term = this.unstable.term(index);
    if (term !== undefined) return term;
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined;
    return this.#readTerm(index);
  }

  /** The term at `index`, 0 when it is not known. */
  termOrZero(index: number): number {
    return this.term(index) ?? 0;
  }

  matchTerm(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  lastTerm(): number {
    const index = this.lastIndex();
    const term = this.term(index);
    if (term !== undefined) return term;
    return panic(
      this.#logger,
      `unexpected error when getting the last term at ${index}: the storage does not have it`,
    );
  }

  /** Whether this many more entries would have indexes that a number holds exactly. */
  hasRoomFor(count: number): boolean {
    return this.lastIndex() <= Number.MAX_SAFE_INTEGER - count;
  }

  /** Whether a log that ends so has at least what this one has: Raft paper, section 5.4.1. */
  isUpToDate(index: number, term: number): boolean {
    const lastTerm = this.lastTerm();
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex());
  }

  // --- Appending ---

  /**
   * Appends what a leader sent behind (`previousIndex`, `previousTerm`). Entries that are here
   * already are not written again, and only a real conflict removes any. Returns the index up to
   * which the log now equals the leader's, or nothing when it does not match there.
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
          this.#logger,
          `entry ${index} conflict with committed entry [committed(${this.committed})]`,
        );
      }
      this.append(newAt === 0 ? entries : entries.slice(newAt));
    }
    // Not further than this message: what lies behind it here may not be the leader's.
    this.commitTo(Math.min(leaderCommit, matched));
    return matched;
  }

  /** Appends entries, dropping what was at their indexes and behind; returns the new last index. */
  append(entries: readonly Entry[]): number {
    const first = entries[0];
    if (first !== undefined) {
      if (first.index - 1 < this.committed) {
        panic(
          this.#logger,
          `after(${first.index - 1}) is out of range [committed(${this.committed})]`,
        );
      }
      this.unstable.truncateAndAppend(entries);
    }
    return this.lastIndex();
  }

  /**
   * The position of the first entry that the log does not have with this term; their number if
   * none.
   */
  #firstNewEntry(entries: readonly Entry[]): number {
    for (let at = 0; at < entries.length; at += 1) {
      const entry = entries[at];
      if (entry === undefined || this.matchTerm(entry.index, entry.term)) continue;
      if (entry.index <= this.lastIndex()) {
        this.#logger?.log(
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

  /**
   * The greatest index, from `index` down, whose term is at most `term`: further up the two logs
   * cannot be equal. Where the term is not known the search ends.
   */
  findConflictByTerm(index: number, term: number): LogPosition {
    for (let at = index; at > 0; at -= 1) {
      const known = this.term(at);
      if (known === undefined) return { index: at, term: 0 };
      if (known <= term) return { index: at, term: known };
    }
    return { index: 0, term: 0 };
  }

  // --- Committing and applying ---

  /** Raises the commit index; it never falls. */
  commitTo(index: number): void {
    if (index <= this.committed) return;
    if (index > this.lastIndex()) {
      panic(
        this.#logger,
        `tocommit(${index}) is out of range [lastIndex(${this.lastIndex()})]. ` +
          'Was the raft log corrupted, truncated, or lost?',
      );
    }
    this.committed = index;
  }

  /**
   * Commits up to `index` if the entry there is of `term`, the leader's own: Raft paper, section
   * 5.4.2.
   */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.committed || term === 0 || !this.matchTerm(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  /** The next page of committed entries. `allowUnstable`: also such as are not durable here yet. */
  nextCommittedEntries(allowUnstable: boolean): Entry[] {
    if (!this.hasNextCommittedEntries(allowUnstable)) return [];
    const bytesMax = this.#applyingBytesMax - this.#applyingBytes;
    if (bytesMax <= 0) {
      panic(
        this.#logger,
        `applying entry size (${this.#applyingBytesMax}-${this.#applyingBytes})=${bytesMax} ` +
          'not positive',
      );
    }
    const entries = this.#sliceIfReadable(
      this.applying + 1,
      this.#maxAppliableIndex(allowUnstable) + 1,
      bytesMax,
    );
    // Not before the next tick: whoever asks for work in a loop would ask for ever.
    this.#readFailed = entries?.length === 0;
    return (
      entries ??
      panic(this.#logger, 'unexpected error when getting unapplied entries (they were compacted)')
    );
  }

  hasNextCommittedEntries(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.unstable.snapshot !== undefined) return false;
    if (this.#readFailed) return false;
    return this.applying < this.#maxAppliableIndex(allowUnstable);
  }

  /** `entries` were handed out to be applied. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const index = entries.at(-1)?.index;
    if (index === undefined) return;
    if (index > this.committed) {
      panic(
        this.#logger,
        `applying(${index}) is out of range [prevApplying(${this.applying}), ` +
          `committed(${this.committed})]`,
      );
    }
    this.applying = index;
    this.#applyingBytes += this.#countedBytes(entries);
    // The second condition keeps what a storage returned beyond the limit from being skipped.
    this.#applyingPaused =
      this.#applyingBytes >= this.#applyingBytesMax ||
      index < this.#maxAppliableIndex(allowUnstable);
  }

  /** Everything up to `index` was applied; `entries` are what was handed out for it. */
  appliedTo(index: number, entries: readonly Entry[]): void {
    if (index > this.committed || index < this.applied) {
      panic(
        this.#logger,
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
   * Whether there is a change of the membership that was committed and not applied yet; `undefined`
   * where the storage cannot read those entries at the moment.
   */
  hasUnappliedConfChange(): boolean | Unavailable {
    let lo = this.applied + 1;
    const hi = this.committed + 1;
    while (lo < hi) {
      const page = this.#sliceIfReadable(lo, hi, this.#applyingBytesMax);
      if (page === undefined) {
        return panic(
          this.#logger,
          `error scanning unapplied entries [${lo}, ${hi}): the log does not have them`,
        );
      }
      if (page.length === 0) return undefined;
      if (page.some((entry) => entry.type !== EntryType.Normal)) return true;
      lo += page.length;
    }
    return false;
  }

  // --- Starting anew ---

  /** The log starts anew behind a snapshot that was received. */
  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    this.#logger?.log(
      'info',
      () => `log [${this.describe()}] starts to restore snapshot [index: ${index}, term: ${term}]`,
    );
    this.committed = index;
    this.unstable.restore(snapshot);
  }

  // --- Reading ---

  /** Time has passed: what could not be read is tried again. */
  tick(): void {
    this.#readFailed = false;
  }

  /**
   * The entries from `index` on, as many as fit into `bytesMax` encoded but at least one, and
   * `entriesMax` at most; none
   * where the storage could not read at the moment. The next heartbeat response of the member asks
   * again.
   */
  entriesFrom(
    index: number,
    bytesMax: number,
    entriesMax: number = Infinity,
  ): Entry[] | Unavailable {
    const lastIndex = this.lastIndex();
    const end = Math.min(lastIndex + 1, index + entriesMax);
    return index > lastIndex ? [] : this.#sliceIfReadable(index, end, bytesMax);
  }

  /**
   * The same as `slice`, or no entries where the storage says that the same call may succeed later.
   */
  #sliceIfReadable(lo: number, hi: number, bytesMax: number): Entry[] | Unavailable {
    try {
      return this.slice(lo, hi, bytesMax);
    } catch (error) {
      if (codeOf(error) !== 'WAL_TRY_AGAIN') throw error;
      this.#logger?.log(
        'warn',
        () => `entries[${lo}:${hi}) cannot be read yet: ${messageOf(error)}`,
      );
      return [];
    }
  }

  /**
   * The entries from `lo` up to, not including, `hi`, as many as fit into `bytesMax` encoded but at
   * least one; nothing when `lo` was compacted. The array is the caller's.
   */
  slice(lo: number, hi: number, bytesMax: number): Entry[] | Unavailable {
    if (!this.#checkBounds(lo, hi)) return undefined;
    if (lo === hi) return [];
    const { offset } = this.unstable;
    if (lo >= offset) return limited(this.unstable.slice(lo, hi), bytesMax);
    const cut = Math.min(hi, offset);
    const stable = this.#readEntries(lo, cut, bytesMax);
    if (stable === undefined || hi <= offset || stable.length < cut - lo) return stable;
    const unstable = this.unstable.slice(offset, hi);
    if (bytesMax === Infinity) return stable.concat(unstable);
    // The storage may have returned more than was asked for; it is then taken as it is.
    const left = bytesMax - encodedBytes(stable);
    if (left <= 0) return stable;
    const fitting = limited(unstable, left);
    if (fitting.length === 1 && encodedBytes(fitting) > left) return stable;
    return stable.concat(fitting);
  }

  /** The snapshot to send to a peer, or nothing while there is none at the moment. */
  snapshot(): Snapshot | Unavailable {
    if (this.unstable.snapshot !== undefined) return this.unstable.snapshot;
    try {
      return this.#storage.snapshot();
    } catch (error) {
      if (codeOf(error) === 'WAL_SNAPSHOT_UNAVAILABLE') return undefined;
      return panic(this.#logger, messageOf(error), error);
    }
  }

  /** The state in one line, for the log. */
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

  /**
   * Without a limit nothing is counted: sizes are only worth computing when something depends on
   * them.
   */
  #countedBytes(entries: readonly Entry[]): number {
    return this.#applyingBytesMax === Infinity ? 0 : encodedBytes(entries);
  }

  /** False when `lo` was compacted. */
  #checkBounds(lo: number, hi: number): boolean {
    if (lo > hi) panic(this.#logger, `invalid slice ${lo} > ${hi}`);
    const firstIndex = this.firstIndex();
    if (lo < firstIndex) return false;
    const lastIndex = this.lastIndex();
    if (hi > lastIndex + 1) {
      panic(this.#logger, `slice[${lo},${hi}) out of bound [${firstIndex},${lastIndex}]`);
    }
    return true;
  }

  #readEntries(lo: number, hi: number, bytesMax: number): Entry[] | Unavailable {
    try {
      return this.#storage.entries(lo, hi, bytesMax);
    } catch (error) {
      if (codeOf(error) === 'WAL_COMPACTED') return undefined;
      // Nothing is wrong with the log: it is asked again later.
      if (codeOf(error) === 'WAL_TRY_AGAIN') throw error;
      if (codeOf(error) === 'WAL_UNAVAILABLE') {
        return panic(this.#logger, `entries[${lo}:${hi}) is unavailable from storage`, error);
      }
      return panic(this.#logger, messageOf(error), error);
    }
  }

  #readTerm(index: number): number | Unavailable {
    try {
      return this.#storage.term(index);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'WAL_COMPACTED' || code === 'WAL_UNAVAILABLE') return undefined;
      return panic(this.#logger, messageOf(error), error);
    }
  }
}

/** The entries that fit, at least one; the array itself when all do. */
function limited(entries: Entry[], bytesMax: number): Entry[] {
  const count = fittingCount(entries, 0, entries.length, bytesMax);
  return count === entries.length ? entries : entries.slice(0, count);
}
