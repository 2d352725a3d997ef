/**
 * A model of a log: the required content after a list of calls, kept in plain arrays without index
 * and cache, and without code that the implementation uses. The ledger and the model test compare
 * with it. It is only given calls that a log must accept.
 */
import type { Entry, HardState, SnapshotMetadata } from '@babuza/raftpb';
import type { SaveBatch } from '../wal.ts';

export class ModelLog {
  /** The index before the first entry. */
  baseIndex = 0;
  baseTerm = 0;
  /** The entries from `baseIndex + 1` on. */
  entries: Entry[] = [];
  /** Purged entries, which a back end without exact purge may show again. */
  purged: Entry[] = [];
  hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  markers: SnapshotMetadata[] = [];
  /** The lowest commit index that is allowed after a crash. */
  durableCommit = 0;

  clone(): ModelLog {
    const copy = new ModelLog();
    copy.baseIndex = this.baseIndex;
    copy.baseTerm = this.baseTerm;
    copy.entries = [...this.entries];
    copy.purged = [...this.purged];
    copy.hardState = this.hardState;
    copy.markers = [...this.markers];
    copy.durableCommit = this.durableCommit;
    return copy;
  }

  get lastIndex(): number {
    return this.baseIndex + this.entries.length;
  }

  /** Returns the term at `index`, or `undefined` when the log does not know it. */
  termAt(index: number): number | undefined {
    return index === this.baseIndex
      ? this.baseTerm
      : this.entries[index - this.baseIndex - 1]?.term;
  }

  save({ hardState, entries, snapshot }: SaveBatch): void {
    const before = this.hardState;
    if (snapshot !== undefined) this.#mark(snapshot);
    const first = entries?.[0];
    if (entries !== undefined && first !== undefined) {
      this.entries = [...this.entries.slice(0, first.index - this.baseIndex - 1), ...entries];
    }
    if (hardState !== undefined) {
      const commit = Math.max(hardState.commit, this.hardState.commit);
      this.hardState = { term: hardState.term, vote: hardState.vote, commit };
    }
    const { term, vote, commit } = this.hardState;
    const voted = term !== before.term || vote !== before.vote;
    if (snapshot !== undefined || first !== undefined || voted) this.durableCommit = commit;
  }

  sync(): void {
    this.durableCommit = this.hardState.commit;
  }

  purge(toIndex: number): void {
    this.durableCommit = this.hardState.commit;
    if (toIndex <= this.baseIndex) return;
    this.baseTerm = this.termAt(toIndex) ?? 0;
    this.purged.push(...this.entries.splice(0, toIndex - this.baseIndex));
    this.baseIndex = toIndex;
    this.markers = this.markers.filter(({ index }) => index >= toIndex);
  }

  discardUncommitted(snapshotIndex: number): void {
    const kept = Math.max(this.hardState.commit, snapshotIndex, this.baseIndex);
    this.entries.length = Math.min(this.entries.length, kept - this.baseIndex);
    this.durableCommit = this.hardState.commit;
  }

  #mark(snapshot: SnapshotMetadata): void {
    if (this.termAt(snapshot.index) !== snapshot.term) {
      this.baseIndex = snapshot.index;
      this.baseTerm = snapshot.term;
      this.entries = [];
      this.purged = [];
      this.markers = [];
    }
    this.markers = [...this.markers.filter(({ index }) => index !== snapshot.index), snapshot];
    const commit = Math.max(this.hardState.commit, snapshot.index);
    this.hardState = { ...this.hardState, commit };
  }
}
