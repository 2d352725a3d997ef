/**
 * The read side of a log: cache, index and reader put together as etcd raft's `Storage`, the same
 * for every back end. `EntryView` is the half that the log writes to, when a batch became durable;
 * `EntryStorage` is the half that is handed out. What is not durable is never visible.
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

/** Reads entries from where a back end keeps them. */
export interface EntryReader {
  /**
   * The entries from `lo` on, below `hi`, verified: at least one, without gaps. It stops before the
   * sum of their encoding sizes exceeds `maxBytes`, and may stop earlier for reasons of its own
   * (the end of a segment, a full buffer): the storage then asks again. What it returns is not
   * reused.
   *
   * @throws CorruptError, ReadFailedError
   */
  read(lo: number, hi: number, maxBytes: number): Entry[];
}

/** What `EntryStorage.iterate` reads at a time. */
const iteratePageBytes = 1024 * 1024;

/** The published state of a log. For back ends; the log is its only writer. */
export class EntryView<Index extends EntryIndex = EntryIndex> {
  readonly state: LogState<Index>;
  readonly #cache: RingCache;
  readonly #reader: EntryReader;
  snapshot: Snapshot | undefined;
  closed = false;
  /** Entries up to this index are hidden by `compact`; the log has them until they are purged. */
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

  /** The first entry that can be read: of the log, or behind what is hidden. */
  get firstIndex(): number {
    return Math.max(this.state.index.firstIndex, this.#hiddenTo + 1);
  }

  get cacheBytes(): number {
    return this.#cache.bytes;
  }

  /**
   * Makes a durable plan visible. `indexEntries` adds the entries to the index, with the positions
   * that only the back end knows.
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
      // As after a restart: the log that such a snapshot would need behind it is gone.
      if ((this.snapshot?.metadata.index ?? Infinity) < plan.purgeTo.index) {
        this.snapshot = undefined;
      }
    }
  }

  /**
   * Hides entries from the readers. The state of the log stays as it is: what is saved later is
   * judged by what the log has, and a restart shows it.
   */
  compact(index: number): void {
    this.#hiddenTo = Math.max(this.#hiddenTo, index);
    this.#cache.compactTo(index);
  }

  /** See `Storage.entries`. */
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
      // The newest entries are cached: what is missing lies before them. An empty cache begins
      // behind the last entry, or at 1.
      const cacheFirst = this.#cache.firstIndex;
      const end = cacheFirst > next ? Math.min(hi, cacheFirst) : hi;
      const page = this.#reader.read(next, end, maxBytes - bytes);
      invariant(page.length > 0, 'a reader returns at least one entry', next, end);
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
    // One that was recorded with `createSnapshot` may be newer, or this one with its manifest.
    const current = this.snapshot;
    if (reset || current === undefined || marker.index > current.metadata.index) {
      this.snapshot = { metadata: marker };
    }
  }
}

/** The read side of one open log. It lives as long as the log. */
export class EntryStorage implements Storage {
  readonly #view: EntryView;

  /** For back ends: users get it from `createWal` and `replayWal`. */
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
   * Records the snapshot that `snapshot()` returns: one made here, of an index that the log has.
   * `data` is a manifest that names its files. Nothing is written: the marker is saved with the
   * log.
   *
   * @throws SnapshotOutOfDateError when there is a newer one
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
   * Records a snapshot that was installed from elsewhere, after its marker was saved: saving it is
   * what resets the log. Otherwise the same as `createSnapshot`.
   */
  applySnapshot(snapshot: Snapshot): void {
    this.createSnapshot(snapshot.metadata, snapshot.data);
  }

  /**
   * Drops all entries up to `index` from this view; the term at `index` stays known. Space comes
   * back with `Wal.purge`, and a restart shows the entries again until then.
   *
   * @throws CompactedError when that has happened already, UnavailableError above the last index
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
   * The entries from `lo` up to, not including, `hi`, read page by page; between pages the caller's
   * own waiting lets others run. For long reads. Throws as `entries` does, also in the middle: a
   * purge that overtakes the iteration is a `CompactedError`.
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
  // The end of a range that ends at the largest index is one above it, which is still exact.
  const exact = Number.isSafeInteger(lo) && (Number.isSafeInteger(hi) || hi === 2 ** 53);
  if (!exact || lo > hi || lo < 0) {
    throw new InvalidArgumentError(
      `a range of entries needs integers lo <= hi, got ${String(lo)} and ${String(hi)}`,
    );
  }
}
