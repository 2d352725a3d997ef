/**
 * A log in memory: for tests, examples and simulations, and the reference for what the core expects
 * of a storage. Nothing survives the process. Everything that is handed out is a copy of the array;
 * entries and payloads are shared and immutable.
 *
 * Source: etcd-io/raft `storage.go`; docs/raft-behaviour.md, sections 5.6 and 5.7.
 */

import {
  emptyConfState,
  emptyHardState,
  type ConfState,
  type Entry,
  type HardState,
  type Snapshot,
} from '@babuza/raftpb';
import {
  CompactedError,
  SnapshotOutOfDateError,
  SnapshotTemporarilyUnavailableError,
  UnavailableError,
  type Storage,
} from '@babuza/wal-core/storage';
import { fittingCount } from './entry-size.ts';
import { RaftPanicError } from './errors.ts';

const noSnapshot: Snapshot = Object.freeze({
  metadata: Object.freeze({ confState: emptyConfState, index: 0, term: 0 }),
});

export class MemoryStorage implements Storage {
  #hardState: HardState = emptyHardState;
  #snapshot: Snapshot = noSnapshot;
  /** The entries behind the base: position 0 has index `#baseIndex + 1`. */
  #entries: Entry[] = [];
  /** The last entry that was compacted, or the snapshot that the log starts behind. */
  #baseIndex = 0;
  #baseTerm = 0;

  initialState(): { hardState: HardState; confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState };
  }

  firstIndex(): number {
    return this.#baseIndex + 1;
  }

  lastIndex(): number {
    return this.#baseIndex + this.#entries.length;
  }

  /** See `Storage`: also the term of the last compacted entry is known. */
  term(index: number): number {
    if (index < this.#baseIndex) throw new CompactedError(index, this.firstIndex());
    if (index === this.#baseIndex) return this.#baseTerm;
    const entry = this.#entries[index - this.#baseIndex - 1];
    if (entry === undefined) throw new UnavailableError(index, this.lastIndex());
    return entry.term;
  }

  entries(lo: number, hi: number, maxBytes: number): Entry[] {
    if (lo <= this.#baseIndex) throw new CompactedError(lo, this.firstIndex());
    if (hi > this.lastIndex() + 1) throw new UnavailableError(hi - 1, this.lastIndex());
    const from = lo - this.#baseIndex - 1;
    const to = hi - this.#baseIndex - 1;
    return this.#entries.slice(from, from + fittingCount(this.#entries, from, to, maxBytes));
  }

  /** The newest snapshot; without one the core asks again later. */
  snapshot(): Snapshot {
    if (this.#snapshot.metadata.index === 0) throw new SnapshotTemporarilyUnavailableError();
    return this.#snapshot;
  }

  /** Keeps the hard state of a Ready. */
  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /**
   * Keeps entries, which must join the log: those that it has from the first new index on are
   * dropped, those that were compacted are not taken again.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) when they would leave a gap.
   */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined || first.index + entries.length - 1 < this.firstIndex()) return;
    if (first.index > this.lastIndex() + 1) {
      throw new RaftPanicError(
        `missing log entry [last: ${this.lastIndex()}, append at: ${first.index}]`,
      );
    }
    const skipped = Math.max(0, this.firstIndex() - first.index);
    const at = first.index + skipped - this.#baseIndex - 1;
    if (at < this.#entries.length) this.#entries.length = at;
    for (let next = skipped; next < entries.length; next += 1) {
      const entry = entries[next];
      if (entry !== undefined) this.#entries.push(entry);
    }
  }

  /**
   * Starts the log anew behind a snapshot; its entries are gone. A storage without snapshot takes
   * any, also one of index 0 that only brings a membership.
   *
   * @throws SnapshotOutOfDateError (`WAL_SNAPSHOT_OUT_OF_DATE`) when there is one as new.
   */
  applySnapshot(snapshot: Snapshot): void {
    const current = this.#snapshot.metadata.index;
    const { index, term } = snapshot.metadata;
    if (current !== 0 && current >= index) throw new SnapshotOutOfDateError(index, current);
    this.#snapshot = snapshot;
    this.#baseIndex = index;
    this.#baseTerm = term;
    this.#entries = [];
  }

  /**
   * Notes a snapshot of the application as of `index`, with the membership as of then (default:
   * that of the snapshot before). The entries stay, see `compact`.
   *
   * @throws SnapshotOutOfDateError (`WAL_SNAPSHOT_OUT_OF_DATE`) when there is one as new,
   * RaftPanicError (`RAFT_CORE_PANIC`) when the log does not reach so far.
   */
  createSnapshot(index: number, confState?: ConfState, data?: Uint8Array): Snapshot {
    const current = this.#snapshot.metadata;
    if (index <= current.index) throw new SnapshotOutOfDateError(index, current.index);
    if (index > this.lastIndex()) {
      throw new RaftPanicError(`snapshot ${index} is out of bound lastindex(${this.lastIndex()})`);
    }
    const metadata = {
      confState: confState ?? current.confState,
      index,
      term: this.term(index),
    };
    this.#snapshot = data === undefined ? { metadata } : { data, metadata };
    return this.#snapshot;
  }

  /**
   * Drops the entries up to and including `index`. Only what was applied, and what a snapshot holds
   * or every follower has, may go.
   *
   * @throws CompactedError (`WAL_COMPACTED`) when they are gone already, RaftPanicError
   * (`RAFT_CORE_PANIC`) when the log does not reach so far.
   */
  compact(index: number): void {
    if (index <= this.#baseIndex) throw new CompactedError(index, this.firstIndex());
    if (index > this.lastIndex()) {
      throw new RaftPanicError(`compact ${index} is out of bound lastindex(${this.lastIndex()})`);
    }
    this.#baseTerm = this.term(index);
    this.#entries.splice(0, index - this.#baseIndex);
    this.#baseIndex = index;
  }
}
