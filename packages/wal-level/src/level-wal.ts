/**
 * The storing half of one log: a group of saves is one atomic batch, synced when it must be
 * durable. What a save may contain was decided before (`QueuedWal`); what a batch contains is
 * decided in `batches.ts`; how it looks in the database in `keys.ts` and `values.ts`.
 */
import type { PurgeReport, WalStats } from '@babuza/wal-core';
import type { EntryView, LogStore, SavePlan, TermIndex } from '@babuza/wal-core/backend';
import { GroupBatch, type FinishedBatch } from './batches.ts';
import type { LevelEntryReader } from './entry-reader.ts';
import { bytesOnly, type LevelStoreKind } from './database.ts';
import type { GroupKeys } from './keys.ts';
import { writeFailure } from './level-errors.ts';
import type { KeySpan, SharedDatabase } from './shared-database.ts';
import type { Testimony } from './testimony.ts';
import type { WitnessTeller } from './witness.ts';

/** Entries that are deleted at a time; saves go in between. */
const clearPageEntries = 1000;

type LowerBound = { readonly gte: Uint8Array } | { readonly gt: Uint8Array };

export interface LevelLogParts {
  readonly kind: LevelStoreKind;
  readonly shared: SharedDatabase;
  readonly directory: string;
  readonly keys: GroupKeys;
  readonly view: EntryView<TermIndex>;
  readonly reader: LevelEntryReader;
  readonly testimony: Testimony;
  readonly witness: WitnessTeller | undefined;
  /** Called once, when everything is given back. */
  readonly onClosed: () => void;
}

export class LevelLog implements LogStore {
  readonly #parts: LevelLogParts;
  #testimony: Testimony;
  /** Entries up to here are deleted. An entry may be left over below the start, never above it. */
  #clearedTo = 0;
  #clearing: Promise<void> = Promise.resolve();
  /** Something was written that is not durable yet: a commit index. */
  #unsynced = false;
  #noFsync = false;
  #syncs = 0;
  #bytesWritten = 0;

  constructor(parts: LevelLogParts) {
    this.#parts = parts;
    this.#testimony = parts.testimony;
    this.#tellWitness();
  }

  get stats(): Pick<WalStats, 'syncs' | 'bytesWritten' | 'segments'> {
    return { syncs: this.#syncs, bytesWritten: this.#bytesWritten, segments: 1 };
  }

  commit(plans: readonly SavePlan[], durable: boolean): Promise<void> | void {
    const changes = plans.some((plan) => this.#changes(plan));
    if (!changes && !(durable && this.#unsynced)) return undefined;
    const batch = new GroupBatch(this.#parts.keys, this.#parts.view.state, this.#testimony);
    for (const plan of plans) batch.add(plan);
    return this.#write(batch.finish(), durable && !this.#noFsync);
  }

  /** The plans of a group become visible in one go: nobody reads between two of them. */
  publish(plan: SavePlan): void {
    const { view, reader } = this.#parts;
    view.publish(plan, (entries) => {
      for (const { index, term } of entries) view.state.index.append(index, term);
    });
    // After a failed write nothing is published, and the reader stays where it is.
    reader.unpin();
  }

  /** The start of the log is durable already: what is deleted here, or left over, nobody reads. */
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
   * Deletes entries that are left over below the start of the log. Nobody waits for it but `close`,
   * and if it fails they go with the next purge or opening: an opening must not need space to
   * write.
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
      await this.#parts.witness?.close();
    } finally {
      this.#parts.reader.unpin();
      this.#parts.onClosed();
    }
  }

  /** What `close` promises, also of a log whose syncs were turned off. */
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
    // A database may tell of a flush that failed with the next write only, so there is one.
    await this.#write(new GroupBatch(keys, view.state, this.#testimony).finish(), true);
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
      // Durable after it, where `sync` is set: the batch and all before it. A crash just before
      // leaves all or nothing of it; without `sync` it may be lost, but never without those behind
      // it.
      await shared.write(batch, sync);
    } catch (error) {
      throw writeFailure(error, directory);
    }
    this.#testimony = batch.testimony;
    this.#bytesWritten += batch.bytes;
    this.#unsynced = kind.syncs && !sync;
    if (sync) {
      this.#syncs += 1;
      this.#tellWitness();
    }
    // What a reset left below the start; the view does not show the reset yet.
    if (batch.resetTo !== undefined) void this.#clearTo(batch.resetTo).catch(() => undefined);
  }

  /** Only called where the newest batch, and so all before it, is durable. */
  #tellWitness(): void {
    const { batch } = this.#testimony;
    if (batch !== undefined) this.#parts.witness?.note(batch);
  }

  /** One deletion after the other. */
  #clearTo(index: number): Promise<void> {
    const clearing = this.#clearing.then(() => this.#clear(index));
    this.#clearing = clearing.catch(() => undefined);
    return clearing;
  }

  /**
   * Page by page. A page that cannot be read is left; one that cannot be written ends the writing.
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

  /** Of the next keys that are there. */
  async #spanOf(range: LowerBound & { readonly lt: Uint8Array }): Promise<KeySpan | undefined> {
    const options = { ...bytesOnly, ...range, limit: clearPageEntries };
    const found = await this.#parts.shared.database.keys(options).all();
    const [first] = found;
    const last = found.at(-1);
    return first === undefined || last === undefined ? undefined : { first, last };
  }
}
