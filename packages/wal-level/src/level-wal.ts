/**
 * The store of one log. Saves that the log commits together become one atomic batch, synced if any
 * of them must be durable. `QueuedWal` decides which saves are valid, `batches.ts` what a batch
 * contains, `keys.ts` and `values.ts` how its records look.
 */
import type { PurgeReport, WalStats } from '@babuza/wal-core';
import type { EntryView, LogStore, SavePlan, TermIndex } from '@babuza/wal-core/backend';
import { GroupBatch, type FinishedBatch } from './batches.ts';
import type { LevelEntryReader } from './entry-reader.ts';
import { bytesOnly, type LevelStoreKind } from './database.ts';
import type { GroupKeys } from './keys.ts';
import { writeFailure } from './level-errors.ts';
import type { KeySpan, SharedDatabase } from './shared-database.ts';
import type { LogDigest } from './log-digest.ts';
import type { SyncRecordWriter } from './sync-record.ts';

/** How many entries one deletion covers. Saves run between two deletions. */
const clearPageEntries = 1000;

type LowerBound = { readonly gte: Uint8Array } | { readonly gt: Uint8Array };

export interface LevelLogParts {
  readonly kind: LevelStoreKind;
  readonly shared: SharedDatabase;
  readonly directory: string;
  readonly keys: GroupKeys;
  readonly view: EntryView<TermIndex>;
  readonly reader: LevelEntryReader;
  readonly logDigest: LogDigest;
  readonly syncRecord: SyncRecordWriter | undefined;
  /** Called once, when the log has released everything that it held. */
  readonly onClosed: () => void;
}

export class LevelLog implements LogStore {
  readonly #parts: LevelLogParts;
  #logDigest: LogDigest;
  /**
   * Entries up to this index are deleted. Some may be left below the start of the log, never above
   * it.
   */
  #clearedTo = 0;
  #clearing: Promise<void> = Promise.resolve();
  /** Whether a commit index was written that is not durable yet. */
  #unsynced = false;
  #noFsync = false;
  #syncs = 0;
  #bytesWritten = 0;

  constructor(parts: LevelLogParts) {
    this.#parts = parts;
    this.#logDigest = parts.logDigest;
    this.#noteDurable();
  }

  get stats(): Pick<WalStats, 'syncs' | 'bytesWritten' | 'segments'> {
    return { syncs: this.#syncs, bytesWritten: this.#bytesWritten, segments: 1 };
  }

  commit(plans: readonly SavePlan[], durable: boolean): Promise<void> | void {
    const changes = plans.some((plan) => this.#changes(plan));
    if (!changes && !(durable && this.#unsynced)) return undefined;
    const batch = new GroupBatch(this.#parts.keys, this.#parts.view.state, this.#logDigest);
    for (const plan of plans) batch.add(plan);
    return this.#write(batch.finish(), durable && !this.#noFsync);
  }

  /** The plans of a batch become visible together: no read can run between two of them. */
  publish(plan: SavePlan): void {
    const { view, reader } = this.#parts;
    view.publish(plan, (entries) => {
      for (const { index, term } of entries) view.state.index.append(index, term);
    });
    // After a failed write nothing is published, and the reader stays pinned.
    reader.unpin();
  }

  /**
   * Deletes the purged entries. The new start of the log is durable already, so nobody reads them,
   * and a failure leaves them for later.
   */
  async releasePurged(): Promise<Omit<PurgeReport, 'toIndex' | 'firstIndex'>> {
    const { kind, view, shared, keys } = this.#parts;
    const to = view.state.baseIndex;
    const nothing = { segmentsRemoved: 0, segmentsRecycled: 0, segmentsKept: 1 };
    try {
      await this.#clearTo(to);
      const reclaimed = await kind.reclaim?.(shared.database, keys.entriesBetween(0, to + 1));
      const { bytesFreed = 0, heldBy } = reclaimed ?? {};
      return { ...nothing, bytesFreed, heldBy };
    } catch (error) {
      const heldBy = error instanceof Error ? error.message : String(error);
      return { ...nothing, bytesFreed: 0, heldBy };
    }
  }

  /**
   * Deletes entries below the start of the log that an earlier purge or reset left. Only `close`
   * waits for it. If it fails the next purge or opening deletes them: opening a log must not depend
   * on free space.
   */
  clearLeftovers(): void {
    void this.#clearTo(this.#parts.view.state.baseIndex).catch(() => undefined);
  }

  setUnsafeNoFsync(): void {
    this.#noFsync = true;
  }

  async close(clean: boolean): Promise<void> {
    try {
      await this.#clearing;
      if (clean) await this.#makeAllDurable();
      await this.#parts.syncRecord?.close();
    } finally {
      this.#parts.reader.unpin();
      this.#parts.onClosed();
    }
  }

  /** Makes everything durable, even in a log whose syncs were turned off. */
  async #makeAllDurable(): Promise<void> {
    const { kind, shared, directory, keys, view } = this.#parts;
    if (!this.#unsynced) return;
    if (this.#noFsync) {
      try {
        await kind.flush?.(shared.database);
      } catch (error) {
        throw writeFailure(error, directory);
      }
    }
    // A database may report a failed flush only with its next write, so this writes once more.
    await this.#write(new GroupBatch(keys, view.state, this.#logDigest).finish(), true);
  }

  #changes({ marker, truncateFrom, entries, hardState, purgeTo }: SavePlan): boolean {
    if (marker !== undefined || truncateFrom !== undefined || entries.length > 0) return true;
    if (purgeTo !== undefined) return true;
    const before = this.#parts.view.state.hardState;
    return (
      hardState !== undefined &&
      (hardState.term !== before.term ||
        hardState.vote !== before.vote ||
        hardState.commit !== before.commit)
    );
  }

  async #write(batch: FinishedBatch, wantsSync: boolean): Promise<void> {
    const { kind, shared, directory, reader } = this.#parts;
    const sync = wantsSync && kind.syncs;
    try {
      if (batch.replaces) reader.pin();
      // After this write with `sync` the batch and all before it are durable. A crash during it
      // leaves all of the batch or nothing. A batch without `sync` may be lost, but never without
      // those behind it.
      await shared.write(batch, sync);
    } catch (error) {
      throw writeFailure(error, directory);
    }
    this.#logDigest = batch.logDigest;
    this.#bytesWritten += batch.bytes;
    this.#unsynced = kind.syncs && !sync;
    if (sync) {
      this.#syncs += 1;
      this.#noteDurable();
    }
    // Deletes the entries that a reset left below the start. The view does not show the reset yet,
    // so the index comes from the batch.
    if (batch.resetTo !== undefined) void this.#clearTo(batch.resetTo).catch(() => undefined);
  }

  /**
   * Notes the newest batch for the sync record. Only called when this batch, and so every batch
   * before it, is durable.
   */
  #noteDurable(): void {
    const { batch } = this.#logDigest;
    if (batch !== undefined) this.#parts.syncRecord?.note(batch);
  }

  /** Runs one deletion after the other. */
  #clearTo(index: number): Promise<void> {
    const clearing = this.#clearing.then(() => this.#clear(index));
    this.#clearing = clearing.catch(() => undefined);
    return clearing;
  }

  /**
   * Deletes entries page by page. If a page cannot be read it stays until later; if a deletion
   * fails the log takes no more writes.
   */
  async #clear(to: number): Promise<void> {
    if (to <= this.#clearedTo) return;
    const { shared, keys } = this.#parts;
    const { gte, lt } = keys.entriesBetween(this.#clearedTo + 1, to + 1);
    let span = await this.#spanOf({ gte, lt });
    while (span !== undefined) {
      await shared.clear(span);
      span = await this.#spanOf({ gt: span.last, lt });
    }
    this.#clearedTo = to;
  }

  /** The span of the next keys in the range, or `undefined` if there are none. */
  async #spanOf(range: LowerBound & { readonly lt: Uint8Array }): Promise<KeySpan | undefined> {
    const options = { ...bytesOnly, ...range, limit: clearPageEntries };
    const found = await this.#parts.shared.database.keys(options).all();
    const [first] = found;
    const last = found.at(-1);
    return first === undefined || last === undefined ? undefined : { first, last };
  }
}
