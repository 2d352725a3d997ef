/**
 * Which snapshots count: those with files and a marker in the log. A snapshot that was made gets
 * its marker here, and what no start can need any more goes: older snapshots, and the log below
 * them.
 *
 * Decisions: docs/decisions/0024-snapshots-before-their-records.md.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import type { EntryStorage, Wal } from '@babuza/wal-core';
import type { AppendPath } from '../driver/append-path.ts';
import type { BabuzaConfig } from '../config.ts';
import type { SnapshotOwnership } from '../identity/snapshot-owner.ts';
import type { Logger } from '../ports/logger.ts';
import type { SnapshotManager, StoredSnapshot } from '../ports/snapshot-manager.ts';

/** Where a snapshot stands in the log. */
export interface SnapshotPlace {
  readonly index: number;
  readonly term: number;
}

export interface RecordedSnapshotParts {
  readonly config: BabuzaConfig;
  readonly manager: SnapshotManager;
  readonly wal: Pick<Wal, 'purge'>;
  readonly storage: Pick<EntryStorage, 'createSnapshot' | 'firstIndex'>;
  readonly append: Pick<AppendPath, 'save'>;
  /** The markers that the log was opened with. */
  readonly markers: readonly SnapshotPlace[];
  readonly logger: Logger | undefined;
  readonly ownership: Pick<SnapshotOwnership, 'recorded'>;
  /** Aborted when the node stops. */
  readonly signal: AbortSignal;
  /** The log stays from the snapshots on that are being sent. */
  readonly sending: { readonly indexes: Iterable<number> };
}

export class RecordedSnapshots {
  readonly #parts: RecordedSnapshotParts;
  /** Places whose marker is durable in the log. */
  readonly #markers: Set<string>;
  /** Places whose marker is on its way to the log: a crash may take it. */
  readonly #submitted = new Set<string>();
  #newestIndex: number;

  constructor(parts: RecordedSnapshotParts) {
    this.#parts = parts;
    this.#markers = new Set(parts.markers.map(nameOf));
    this.#newestIndex = this.newest()?.index ?? 0;
  }

  /** Of the newest marker, also while that is on its way to the log. */
  get newestIndex(): number {
    return this.#newestIndex;
  }

  /**
   * The marker of a snapshot from elsewhere is submitted to the log: older ones must not be any
   * more.
   */
  installing(metadata: SnapshotMetadata): void {
    this.#submitted.add(nameOf(metadata));
    this.#newestIndex = Math.max(this.#newestIndex, metadata.index);
  }

  /** The marker of a snapshot from elsewhere is durable. */
  installed(metadata: SnapshotMetadata): void {
    const name = nameOf(metadata);
    this.#submitted.delete(name);
    this.#markers.add(name);
  }

  /** Whether this place has a marker in the log, or one on its way there. */
  has(place: SnapshotPlace): boolean {
    const name = nameOf(place);
    return this.#markers.has(name) || this.#submitted.has(name);
  }

  newest(): SnapshotPlace | undefined {
    const metadata = this.#whole().at(-1)?.metadata;
    return metadata === undefined ? undefined : { index: metadata.index, term: metadata.term };
  }

  /** The files are durable; a marker makes a snapshot of them. */
  async record({ metadata, manifest }: StoredSnapshot): Promise<void> {
    const { append, storage } = this.#parts;
    // A newer one was installed meanwhile: the log starts behind this one.
    if (metadata.index < this.#newestIndex) return;
    this.#newestIndex = metadata.index;
    // Durable after it: the marker. A crash just before leaves files without a marker, which the
    // next start ignores. It is there already where these files take the place of damaged ones.
    if (!this.#markers.has(nameOf(metadata))) await append.save({ snapshot: metadata });
    this.#markers.add(nameOf(metadata));
    if (metadata.index === this.#newestIndex) storage.createSnapshot(metadata, manifest);
    await this.tidy();
  }

  /**
   * Snapshots that are too many go, then the log that none of the rest needs. Failing costs only
   * space.
   */
  async tidy(): Promise<void> {
    const { config, manager, storage, wal, logger, sending, signal, ownership } = this.#parts;
    try {
      // Before anything goes: the folder knows which snapshot its log relies on.
      await ownership.recorded(this.newest()?.index ?? 0);
      const newestFiles = manager.list().at(-1);
      for (const stored of manager.list()) {
        const isNeeded = this.has(stored.metadata);
        if (!isNeeded && stored !== newestFiles) await manager.remove(stored.metadata);
      }
      // One that was received and has no durable marker yet takes the place of none that a start
      // can use.
      const unrecorded = manager.list().length - this.#whole().length;
      await manager.retain(config.snapshotsKept + unrecorded);
      const kept = this.#whole();
      this.#forgetMarkers(kept);
      const indexes = kept.map(({ metadata }) => metadata.index);
      // Without a snapshot it is minus infinity: nothing of the log goes.
      const marginIndex = Math.max(...indexes) - config.compactionMargin;
      const toIndex = Math.min(marginIndex, ...indexes, ...sending.indexes);
      if (toIndex >= storage.firstIndex()) await wal.purge(toIndex);
    } catch (error) {
      if (!signal.aborted) logger?.warn('old snapshots or log were not removed', { error });
    }
  }

  /** Snapshots with files and a marker, ascending: those that a start can use. */
  #whole(): readonly StoredSnapshot[] {
    return this.#parts.manager.list().filter(({ metadata }) => this.#markers.has(nameOf(metadata)));
  }

  #forgetMarkers(kept: readonly StoredSnapshot[]): void {
    const names = new Set(kept.map(({ metadata }) => nameOf(metadata)));
    for (const name of this.#markers) if (!names.has(name)) this.#markers.delete(name);
  }
}

const nameOf = ({ index, term }: SnapshotPlace): string => `${index} ${term}`;
