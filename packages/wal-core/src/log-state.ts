/**
 * What a log contains, payloads aside: which entries with which terms, the hard state, the snapshot
 * markers. The steps by which it changes are here once, for a log that checks a batch, for one that
 * publishes it and for one that replays what it finds on disk, so that the three cannot disagree.
 */
import { emptyHardState, type HardState, type SnapshotMetadata } from '@babuza/raftpb';
import type { EntryIndex } from './entry-index.ts';

export class LogState<Index extends EntryIndex = EntryIndex> {
  readonly index: Index;
  hardState: HardState;
  /** Ascending by index. */
  #markers: readonly SnapshotMetadata[];

  constructor(
    index: Index,
    hardState: HardState = emptyHardState,
    markers: readonly SnapshotMetadata[] = [],
  ) {
    this.index = index;
    this.hardState = hardState;
    this.#markers = markers;
  }

  /** The last index that is not an entry of the log: of a snapshot or a purge, or 0. */
  get baseIndex(): number {
    return this.index.firstIndex - 1;
  }

  get markers(): readonly SnapshotMetadata[] {
    return this.#markers;
  }

  /** The markers that a start is possible from. */
  validMarkers(): SnapshotMetadata[] {
    return this.#markers.filter(
      ({ index }) => index >= this.baseIndex && index <= this.hardState.commit,
    );
  }

  /**
   * A snapshot exists. Where the log has its index with its term, the log keeps its entries; where
   * not, the snapshot came from elsewhere and the log starts anew behind it, or stale entries above
   * it would come back. Returns whether it was reset.
   */
  applyMarker(marker: SnapshotMetadata): boolean {
    const reset = this.index.term(marker.index) !== marker.term;
    if (reset) this.index.resetTo(marker.index, marker.term);
    const older = this.#markers.filter(({ index }) => index < marker.index);
    this.#markers = [...older, marker];
    this.#dropMarkersBelow(this.baseIndex);
    return reset;
  }

  /** A marker that was recorded and checked before: it changes nothing else. Ascending. */
  restoreMarker(marker: SnapshotMetadata): void {
    this.#markers = [...this.#markers, marker];
  }

  /** All entries up to `index` are gone, and the markers that would need one of them. */
  applyPurge(index: number): void {
    this.index.compactTo(index);
    this.#dropMarkersBelow(this.baseIndex);
  }

  #dropMarkersBelow(index: number): void {
    this.#markers = this.#markers.filter((marker) => marker.index >= index);
  }
}
