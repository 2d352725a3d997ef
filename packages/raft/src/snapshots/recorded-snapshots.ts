/**
 * Keeps track of the snapshots that count: those with files and a snapshot record in the log. It
 * writes the record of a new snapshot, and then removes what no start can need any more: older
 * snapshots, and the log below them.
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

/** The index and term of a snapshot. */
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
  /** The snapshot records that the log was opened with. */
  readonly markers: readonly SnapshotPlace[];
  readonly logger: Logger | undefined;
  readonly ownership: Pick<SnapshotOwnership, 'recorded'>;
  /** Aborted when the node stops. */
  readonly signal: AbortSignal;
  /** The log is kept from the snapshots on that are being sent. */
  readonly sending: { readonly indexes: Iterable<number> };
}

export class RecordedSnapshots {
  readonly #parts: RecordedSnapshotParts;
  /** Names of snapshots whose record is durable in the log. */
  readonly #markers: Set<string>;
  /** Names of snapshots whose record is submitted and not durable yet: a crash may lose it. */
  readonly #submitted = new Set<string>();
  #newestIndex: number;

  constructor(parts: RecordedSnapshotParts) {
    this.#parts = parts;
    this.#markers = new Set(parts.markers.map(nameOf));
    this.#newestIndex = this.newest()?.index ?? 0;
  }

  /** The index of the newest snapshot record, durable or submitted. */
  get newestIndex(): number {
    return this.#newestIndex;
  }

  /**
   * Called when the record of a received snapshot is submitted to the log. Older records must not
   * follow it.
   */
  installing(metadata: SnapshotMetadata): void {
    this.#submitted.add(nameOf(metadata));
    this.#newestIndex = Math.max(this.#newestIndex, metadata.index);
  }

  /** Called when the record of a received snapshot is durable. */
  installed(metadata: SnapshotMetadata): void {
    const name = nameOf(metadata);
    this.#submitted.delete(name);
    this.#markers.add(name);
  }

  /** Whether the log has a record of this snapshot, durable or submitted. */
  has(place: SnapshotPlace): boolean {
    const name = nameOf(place);
    return this.#markers.has(name) || this.#submitted.has(name);
  }

  newest(): SnapshotPlace | undefined {
    const metadata = this.#whole().at(-1)?.metadata;
    return metadata === undefined ? undefined : { index: metadata.index, term: metadata.term };
  }

  /** Records a snapshot whose files are durable; only then does it count. */
  async record({ metadata, manifest }: StoredSnapshot): Promise<void> {
    const { append, storage } = this.#parts;
    // A newer one was installed meanwhile: the log begins behind this one.
    if (metadata.index < this.#newestIndex) return;
    this.#newestIndex = metadata.index;
    // This save makes the snapshot record durable. A crash just before it leaves files without a
    // record, which the next start ignores. The record exists already when these files replace
    // damaged ones.
    if (!this.#markers.has(nameOf(metadata))) await append.save({ snapshot: metadata });
    this.#markers.add(nameOf(metadata));
    if (metadata.index === this.#newestIndex) storage.createSnapshot(metadata, manifest);
    await this.tidy();
  }

  /**
   * Removes snapshots above the number to keep, then the log that none of the kept ones needs. A
   * failure costs only space.
   */
  async tidy(): Promise<void> {
    const { config, manager, storage, wal, logger, sending, signal, ownership } = this.#parts;
    try {
      // First the snapshot folder must know which snapshot its log relies on.
      await ownership.recorded(this.newest()?.index ?? 0);
      const newestFiles = manager.list().at(-1);
      for (const stored of manager.list()) {
        const isNeeded = this.has(stored.metadata);
        if (!isNeeded && stored !== newestFiles) await manager.remove(stored.metadata);
      }
      // A received snapshot without a durable record must not displace one that a start can use.
      const unrecorded = manager.list().length - this.#whole().length;
      await manager.retain(config.snapshotsKept + unrecorded);
      const kept = this.#whole();
      this.#forgetMarkers(kept);
      const indexes = kept.map(({ metadata }) => metadata.index);
      // Without a snapshot this is minus infinity, and nothing of the log is removed.
      const marginIndex = Math.max(...indexes) - config.compactionMargin;
      const toIndex = Math.min(marginIndex, ...indexes, ...sending.indexes);
      if (toIndex >= storage.firstIndex()) await wal.purge(toIndex);
    } catch (error) {
      if (!signal.aborted) logger?.warn('old snapshots or log were not removed', { error });
    }
  }

  /** Snapshots with files and a durable record, ascending: those that a start can use. */
  #whole(): readonly StoredSnapshot[] {
    return this.#parts.manager.list().filter(({ metadata }) => this.#markers.has(nameOf(metadata)));
  }

  #forgetMarkers(kept: readonly StoredSnapshot[]): void {
    const names = new Set(kept.map(({ metadata }) => nameOf(metadata)));
    for (const name of this.#markers) if (!names.has(name)) this.#markers.delete(name);
  }
}

const nameOf = ({ index, term }: SnapshotPlace): string => `${index} ${term}`;
