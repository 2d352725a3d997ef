/**
 * A storage in memory for tests, examples and simulations. It is also the reference for what the
 * core expects of a storage. Its data is lost when the process ends. It returns copies of its
 * arrays; the entries and payloads themselves are shared and immutable.
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
import { RaftPanicError } from '../errors.ts';

const noSnapshot: Snapshot = Object.freeze({
  metadata: Object.freeze({ confState: emptyConfState, index: 0, term: 0 }),
});

export class MemoryStorage implements Storage {
  #hardState: HardState = emptyHardState;
  #snapshot: Snapshot = noSnapshot;
  /** The entries that follow the base; the first one has the index `#baseIndex + 1`. */
  #entries: Entry[] = [];
  /** The index of the last compacted entry, or of the snapshot that the log follows. */
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

  /** See `Storage`. The term of the last compacted entry is known as well. */
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

  /** Returns the newest snapshot. Without a snapshot it throws, and the core tries again later. */
  snapshot(): Snapshot {
    if (this.#snapshot.metadata.index === 0) throw new SnapshotTemporarilyUnavailableError();
    return this.#snapshot;
  }

  /** Stores the hard state of a Ready. */
  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /**
   * Stores entries. They replace all stored ones from the first given index on. Entries that were
   * compacted are skipped.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) when the entries would leave a gap.
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
   * Replaces the whole log by a snapshot. A storage without snapshot accepts any, even one of index
   * 0 that has only a membership.
   *
   * @throws SnapshotOutOfDateError (`WAL_SNAPSHOT_OUT_OF_DATE`) when the present snapshot is at
   * least as new.
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
   * Stores a snapshot of the application at `index`, with the membership at that index. Default for
   * `confState`: the membership of the previous snapshot. The entries stay until `compact`.
   *
   * @throws SnapshotOutOfDateError (`WAL_SNAPSHOT_OUT_OF_DATE`) when the present snapshot is at
   * least as new, RaftPanicError (`RAFT_CORE_PANIC`) when `index` lies behind the end of the log.
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
   * Drops the entries up to and including `index`. They must be applied. A follower that lacks some
   * of them needs a snapshot that includes them.
   *
   * @throws CompactedError (`WAL_COMPACTED`) when they are compacted already, RaftPanicError
   * (`RAFT_CORE_PANIC`) when `index` lies behind the end of the log.
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
