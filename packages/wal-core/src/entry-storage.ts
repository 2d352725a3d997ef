/**
 * The read side of a log: it combines cache, index and reader into etcd raft's `Storage`, in the
 * same way for every back end. `EntryView` is the half that the log updates when a batch has become
 * durable. `EntryStorage` is the half that users get. Entries that are not durable are never
 * visible.
 */
import {
  emptyConfState,
  entryEncodedSize,
  type ConfState,
  type Entry,
  type HardState,
  type Snapshot,
  type SnapshotMetadata,
} from '@babuza/raftpb';
import type { EntryIndex } from './entry-index.ts';
import {
  ClosedError,
  CompactedError,
  InvalidArgumentError,
  SnapshotOutOfDateError,
  SnapshotTemporarilyUnavailableError,
  UnavailableError,
} from './errors.ts';
import { invariant } from './invariant.ts';
import type { LogState } from './log-state.ts';
import type { RingCache } from './ring-cache.ts';
import type { SavePlan } from './save-plan.ts';
import type { Storage } from './storage.ts';

/** Reads entries from the files or the database of a back end. */
export interface EntryReader {
  /**
   * Returns verified entries from `lo` on, below `hi`: at least one, and without gaps. It stops
   * before the sum of their encoding sizes exceeds `maxBytes`. It may stop earlier, for example at
   * the end of a segment or of a buffer; the storage then calls it again. The memory of the result
   * is never reused.
   *
   * @throws CorruptError, ReadFailedError
   */
  read(lo: number, hi: number, maxBytes: number): Entry[];
}

/** Bytes that `EntryStorage.iterate` reads at a time, by default. */
const iteratePageBytes = 1024 * 1024;

/** The published state of a log. The log is its only writer. */
export class EntryView<Index extends EntryIndex = EntryIndex> {
  readonly state: LogState<Index>;
  readonly #cache: RingCache;
  readonly #reader: EntryReader;
  snapshot: Snapshot | undefined;
  closed = false;
  /**
   * `compact` hides entries up to this index from readers. The log keeps them until they are
   * purged.
   */
  #hiddenTo = 0;
  cacheHits = 0;
  cacheMisses = 0;

  constructor(
    state: LogState<Index>,
    cache: RingCache,
    reader: EntryReader,
    snapshot: SnapshotMetadata | undefined,
  ) {
    this.state = state;
    this.#cache = cache;
    this.#reader = reader;
    this.snapshot = snapshot === undefined ? undefined : { metadata: snapshot };
  }

  /** The index of the first entry that can be read and is not hidden by `compact`. */
  get firstIndex(): number {
    return Math.max(this.state.index.firstIndex, this.#hiddenTo + 1);
  }

  get cacheBytes(): number {
    return this.#cache.bytes;
  }

  /**
   * Makes a durable plan visible. `indexEntries` adds the entries to the index, because only the
   * back end knows their positions.
   */
  publish(plan: SavePlan, indexEntries: (entries: readonly Entry[]) => void): void {
    const { state } = this;
    if (plan.marker !== undefined) this.#publishMarker(plan.marker);
    if (plan.truncateFrom !== undefined) {
      state.index.truncateFrom(plan.truncateFrom);
      this.#cache.truncateFrom(plan.truncateFrom);
      this.#hiddenTo = Math.min(this.#hiddenTo, plan.truncateFrom - 1);
    }
    if (plan.entries.length > 0) {
      indexEntries(plan.entries);
      for (const entry of plan.entries) this.#cache.append(entry);
    }
    if (plan.hardState !== undefined) state.hardState = plan.hardState;
    if (plan.purgeTo !== undefined) {
      state.applyPurge(plan.purgeTo.index);
      this.#cache.compactTo(plan.purgeTo.index);
      // A snapshot below the purge cannot be used any more: the entries that would follow it are
      // gone. A restart would not offer it either.
      if ((this.snapshot?.metadata.index ?? Infinity) < plan.purgeTo.index) {
        this.snapshot = undefined;
      }
    }
  }

  /**
   * Hides the entries up to `index` from readers. The state of the log does not change: later saves
   * are checked against all entries, and a restart shows them again.
   */
  compact(index: number): void {
    this.#hiddenTo = Math.max(this.#hiddenTo, index);
    this.#cache.compactTo(index);
  }

  /** Implements `Storage.entries` for a range that is in the log. */
  read(lo: number, hi: number, maxBytes: number): Entry[] {
    const result: Entry[] = [];
    let bytes = 0;
    let next = lo;
    while (next < hi) {
      const cached = this.#cache.get(next);
      if (cached !== undefined) {
        bytes += entryEncodedSize(cached);
        if (result.length > 0 && bytes > maxBytes) break;
        result.push(cached);
        this.cacheHits += 1;
        next += 1;
        continue;
      }
      // The cache holds the newest entries, so a miss lies before them. The first index of an empty
      // cache is 1, or one above the last entry.
      const cacheFirst = this.#cache.firstIndex;
      const end = cacheFirst > next ? Math.min(hi, cacheFirst) : hi;
      const page = this.#reader.read(next, end, maxBytes - bytes);
      invariant(page.length > 0, 'a reader must return at least one entry', next, end);
      for (const entry of page) {
        bytes += entryEncodedSize(entry);
        if (result.length > 0 && bytes > maxBytes) return result;
        result.push(entry);
        this.cacheMisses += 1;
      }
      next += page.length;
      if (bytes >= maxBytes) break;
    }
    return result;
  }

  #publishMarker(marker: SnapshotMetadata): void {
    const reset = this.state.applyMarker(marker);
    if (reset) {
      this.#cache.clear();
      this.#hiddenTo = 0;
    }
    // `createSnapshot` may have recorded a newer snapshot, or this one together with its manifest:
    // both stay.
    const current = this.snapshot;
    if (reset || current === undefined || marker.index > current.metadata.index) {
      this.snapshot = { metadata: marker };
    }
  }
}

/** The read side of one open log. It can be used until the log is closed. */
export class EntryStorage implements Storage {
  readonly #view: EntryView;

  /** Back ends construct it. Users get it from `createWal` and `replayWal`. */
  constructor(view: EntryView) {
    this.#view = view;
  }

  initialState(): { hardState: HardState; confState: ConfState } {
    const { state, snapshot } = this.#open();
    return {
      hardState: state.hardState,
      confState: snapshot?.metadata.confState ?? emptyConfState,
    };
  }

  entries(lo: number, hi: number, maxBytes: number): Entry[] {
    const view = this.#open();
    checkRange(lo, hi);
    if (!(maxBytes >= 0)) {
      throw new InvalidArgumentError(`maxBytes must be 0 or more, got ${String(maxBytes)}`);
    }
    const { firstIndex } = view;
    const { lastIndex } = view.state.index;
    if (lo < firstIndex) throw new CompactedError(lo, firstIndex);
    if (hi > lastIndex + 1) throw new UnavailableError(hi - 1, lastIndex);
    return view.read(lo, hi, maxBytes);
  }

  term(index: number): number {
    const { firstIndex, state } = this.#open();
    if (index < firstIndex - 1) throw new CompactedError(index, firstIndex);
    const term = state.index.term(index);
    if (term === undefined) throw new UnavailableError(index, state.index.lastIndex);
    return term;
  }

  firstIndex(): number {
    return this.#open().firstIndex;
  }

  lastIndex(): number {
    return this.#open().state.index.lastIndex;
  }

  snapshot(): Snapshot {
    const { snapshot } = this.#open();
    if (snapshot === undefined) throw new SnapshotTemporarilyUnavailableError();
    return snapshot;
  }

  /**
   * Records the snapshot that `snapshot()` will return. It was made by this node, at an index that
   * the log has. `data` is a manifest that names the files of the snapshot. Nothing is written: the
   * marker is saved with the log (`Wal.saveSnapshot`).
   *
   * @throws SnapshotOutOfDateError when there is a newer snapshot
   * @throws InvalidArgumentError when the log does not have this index with this term
   */
  createSnapshot(metadata: SnapshotMetadata, data?: Uint8Array): void {
    const view = this.#open();
    const current = view.snapshot?.metadata;
    if (current !== undefined && metadata.index < current.index) {
      throw new SnapshotOutOfDateError(metadata.index, current.index);
    }
    const term = view.state.index.term(metadata.index);
    if (term !== metadata.term) {
      throw new InvalidArgumentError(
        `the log has ${term === undefined ? 'no entry' : `term ${term}`} at index ${metadata.index}, the snapshot has term ${metadata.term}`,
      );
    }
    view.snapshot = { metadata, data };
  }

  /**
   * Records a snapshot that another node sent. Call it after the marker was saved, because saving
   * the marker is what resets the log. Otherwise the same as `createSnapshot`.
   */
  applySnapshot(snapshot: Snapshot): void {
    this.createSnapshot(snapshot.metadata, snapshot.data);
  }

  /**
   * Hides all entries up to and including `index` from this storage; the term at `index` stays
   * known. `Wal.purge` frees their space. Until then a restart shows the entries again.
   *
   * @throws CompactedError when they are hidden already
   * @throws UnavailableError when `index` is above the last index
   */
  compact(index: number): void {
    const view = this.#open();
    const { firstIndex } = view;
    const { lastIndex } = view.state.index;
    checkRange(index, index);
    if (index < firstIndex) throw new CompactedError(index, firstIndex);
    if (index > lastIndex) throw new UnavailableError(index, lastIndex);
    view.compact(index);
  }

  /**
   * Yields the entries from `lo` up to but not including `hi`, page by page (`pageBytes`, default 1
   * MiB), and lets the event loop run between two pages. Use it for long reads. It throws the
   * errors of `entries`, also in the middle: a purge that overtakes the iteration makes it throw
   * `CompactedError`. An aborted `signal` makes it throw the reason of the abort.
   */
  async *iterate(
    lo: number,
    hi: number,
    options: { signal?: AbortSignal; pageBytes?: number } = {},
  ): AsyncGenerator<Entry, void, void> {
    const { signal, pageBytes = iteratePageBytes } = options;
    let next = lo;
    do {
      signal?.throwIfAborted();
      const page = this.entries(next, hi, pageBytes);
      for (const entry of page) {
        yield entry;
        signal?.throwIfAborted();
      }
      next += page.length;
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    } while (next < hi);
  }

  #open(): EntryView {
    if (this.#view.closed) throw new ClosedError('the log');
    return this.#view;
  }
}

function checkRange(lo: number, hi: number): void {
  // 2^53 is the exclusive end of a range whose last entry has the largest index. It is still an
  // exact number.
  const exact = Number.isSafeInteger(lo) && (Number.isSafeInteger(hi) || hi === 2 ** 53);
  if (!exact || lo > hi || lo < 0) {
    throw new InvalidArgumentError(
      `a range of entries needs integers lo <= hi, got ${String(lo)} and ${String(hi)}`,
    );
  }
}
