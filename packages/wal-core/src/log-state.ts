/**
 * The content of a log without the payloads: the indexes and terms of the entries, the hard state,
 * the snapshot markers. The transitions are defined here once, for the code that checks a batch,
 * the code that publishes it and the code that replays it from disk, so that the three cannot
 * disagree.
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

  /** The index before the first entry: the index of a snapshot or a purge, or 0. */
  get baseIndex(): number {
    return this.index.firstIndex - 1;
  }

  get markers(): readonly SnapshotMetadata[] {
    return this.#markers;
  }

  /**
   * The markers that a replay can start from: not before the start of the log, and not above the
   * commit index.
   */
  validMarkers(): SnapshotMetadata[] {
    return this.#markers.filter(
      ({ index }) => index >= this.baseIndex && index <= this.hardState.commit,
    );
  }

  /**
   * Records that a snapshot exists. If the log has an entry with the index and term of the marker,
   * it keeps its entries. Otherwise the snapshot came from another node and the log is reset to
   * start behind it; without the reset, stale entries above the snapshot would come back. Returns
   * whether the log was reset.
   */
  applyMarker(marker: SnapshotMetadata): boolean {
    const reset = this.index.term(marker.index) !== marker.term;
    if (reset) this.index.resetTo(marker.index, marker.term);
    const older = this.#markers.filter(({ index }) => index < marker.index);
    this.#markers = [...older, marker];
    this.#dropMarkersBelow(this.baseIndex);
    return reset;
  }

  /**
   * Adds a marker that an earlier `applyMarker` recorded, and changes nothing else. The calls must
   * be in ascending order.
   */
  restoreMarker(marker: SnapshotMetadata): void {
    this.#markers = [...this.#markers, marker];
  }

  /** Removes the entries up to `index`, and the markers that would need one of them. */
  applyPurge(index: number): void {
    this.index.compactTo(index);
    this.#dropMarkersBelow(this.baseIndex);
  }

  #dropMarkersBelow(index: number): void {
    this.#markers = this.#markers.filter((marker) => marker.index >= index);
  }
}
