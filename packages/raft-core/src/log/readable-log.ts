/**
 * The log for reading: the entries of the storage up to the offset of the unstable part, and the
 * unstable entries from there on, which hide those of the storage. It turns the errors of the
 * storage into answers or into a panic.
 *
 * Source: etcd-io/raft `log.go`, `firstIndex`, `lastIndex`, `term`, `slice` and `snapshot`.
 */

import type { Entry, Snapshot } from '@babuza/raftpb';
import type { Storage } from '@babuza/wal-core/storage';
import { codeOf, messageOf } from '../errors.ts';
import { panic, type RaftLogger } from '../logger.ts';
import { encodedBytes, fittingCount } from './entry-size.ts';
import { Unstable } from './unstable.ts';

/** The answer about an index that was compacted, or that lies behind the end of the log. */
export type Unavailable = undefined;

/** An index and the term of its entry; the term is 0 when it is not known. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

export class ReadableLog {
  readonly unstable: Unstable;
  protected readonly logger: RaftLogger | undefined;
  readonly #storage: Storage;

  constructor(storage: Storage, logger: RaftLogger | undefined) {
    this.#storage = storage;
    this.logger = logger;
    this.unstable = new Unstable(storage.lastIndex() + 1, logger);
  }

  firstIndex(): number {
    const index = this.unstable.firstIndex();
    if (index !== undefined) return index;
    try {
      return this.#storage.firstIndex();
    } catch (error) {
      return panic(this.logger, messageOf(error), error);
    }
  }

  lastIndex(): number {
    const index = this.unstable.lastIndex();
    if (index !== undefined) return index;
    try {
      return this.#storage.lastIndex();
    } catch (error) {
      return panic(this.logger, messageOf(error), error);
    }
  }

  /** The term of the entry at `index`, from `firstIndex() - 1` to `lastIndex()`. */
  term(index: number): number | Unavailable {
    const term = this.unstable.term(index);
    if (term !== undefined) return term;
    if (index + 1 < this.firstIndex() || index > this.lastIndex()) return undefined;
    return this.#readTerm(index);
  }

  /** The term of the entry at `index`, or 0 when it is not known. */
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
      this.logger,
      `unexpected error when getting the last term at ${index}: the storage does not have it`,
    );
  }

  /**
   * Returns the highest position at or below `index` whose term is at most `term`. Behind it, this
   * log cannot match another whose entry at `index` has that term, because terms never decrease.
   * The search ends at an entry whose term is not known.
   */
  findConflictByTerm(index: number, term: number): LogPosition {
    for (let at = index; at > 0; at -= 1) {
      const known = this.term(at);
      if (known === undefined) return { index: at, term: 0 };
      if (known <= term) return { index: at, term: known };
    }
    return { index: 0, term: 0 };
  }

  /**
   * Returns the entries from `index` on that fit into `bytesMax` encoded, at least one and at most
   * `entriesMax`. Returns no entries while the storage cannot read them; the next heartbeat
   * response of the member makes the leader try again.
   */
  entriesFrom(
    index: number,
    bytesMax: number,
    entriesMax: number = Infinity,
  ): Entry[] | Unavailable {
    const lastIndex = this.lastIndex();
    const end = Math.min(lastIndex + 1, index + entriesMax);
    return index > lastIndex ? [] : this.sliceIfReadable(index, end, bytesMax);
  }

  /** Like `slice`, but returns no entries while the storage cannot read them (`WAL_TRY_AGAIN`). */
  protected sliceIfReadable(lo: number, hi: number, bytesMax: number): Entry[] | Unavailable {
    try {
      return this.slice(lo, hi, bytesMax);
    } catch (error) {
      if (codeOf(error) !== 'WAL_TRY_AGAIN') throw error;
      this.logger?.log(
        'warn',
        () => `entries[${lo}:${hi}) cannot be read yet: ${messageOf(error)}`,
      );
      return [];
    }
  }

  /**
   * Returns the entries of [lo, hi) that fit into `bytesMax` encoded, at least one; nothing when
   * `lo` was compacted. The caller may change the array.
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
    // A storage may return more than it was asked for. Those entries are used as they are.
    const left = bytesMax - encodedBytes(stable);
    if (left <= 0) return stable;
    const fitting = limited(unstable, left);
    if (fitting.length === 1 && encodedBytes(fitting) > left) return stable;
    return stable.concat(fitting);
  }

  /** Returns the snapshot to send to a member, or nothing while the storage cannot provide one. */
  snapshot(): Snapshot | Unavailable {
    if (this.unstable.snapshot !== undefined) return this.unstable.snapshot;
    try {
      return this.#storage.snapshot();
    } catch (error) {
      if (codeOf(error) === 'WAL_SNAPSHOT_UNAVAILABLE') return undefined;
      return panic(this.logger, messageOf(error), error);
    }
  }

  /** Returns false when `lo` was compacted. */
  #checkBounds(lo: number, hi: number): boolean {
    if (lo > hi) panic(this.logger, `invalid slice ${lo} > ${hi}`);
    const firstIndex = this.firstIndex();
    if (lo < firstIndex) return false;
    const lastIndex = this.lastIndex();
    if (hi > lastIndex + 1) {
      panic(this.logger, `slice[${lo},${hi}) out of bound [${firstIndex},${lastIndex}]`);
    }
    return true;
  }

  #readEntries(lo: number, hi: number, bytesMax: number): Entry[] | Unavailable {
    try {
      return this.#storage.entries(lo, hi, bytesMax);
    } catch (error) {
      if (codeOf(error) === 'WAL_COMPACTED') return undefined;
      // The log is intact; `sliceIfReadable` makes its caller try again later.
      if (codeOf(error) === 'WAL_TRY_AGAIN') throw error;
      if (codeOf(error) === 'WAL_UNAVAILABLE') {
        return panic(this.logger, `entries[${lo}:${hi}) is unavailable from storage`, error);
      }
      return panic(this.logger, messageOf(error), error);
    }
  }

  #readTerm(index: number): number | Unavailable {
    try {
      return this.#storage.term(index);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'WAL_COMPACTED' || code === 'WAL_UNAVAILABLE') return undefined;
      return panic(this.logger, messageOf(error), error);
    }
  }
}

/** Returns the entries that fit, at least one; the given array when all of them do. */
function limited(entries: Entry[], bytesMax: number): Entry[] {
  const count = fittingCount(entries, 0, entries.length, bytesMax);
  return count === entries.length ? entries : entries.slice(0, count);
}
