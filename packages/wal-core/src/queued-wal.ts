/**
 * The queue of saves that every log has. It checks each batch when `save` is called, collects the
 * waiting saves into a commit batch, lets the back end make that batch durable, and then publishes
 * and acknowledges the saves one by one, in the order of the calls. One commit batch is being
 * written at a time. Saves that arrive meanwhile form the next one, so concurrent callers share one
 * write and one sync.
 *
 * Failures: when the disk is full or the system lacks a resource for a moment, the commit batch is
 * rejected together with everything queued behind it, which would otherwise leave gaps; the log
 * goes on from its published state. Every other failure of a back end poisons the log for good.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import { AcceptedLog } from './accepted-log.ts';
import type { TermIndex } from './entry-index.ts';
import type { EntryView } from './entry-storage.ts';
import {
  ClosedError,
  InvalidArgumentError,
  isRefusal,
  WalError,
  WriteFailedError,
} from './errors.ts';
import type { WalErrorCode } from './errors.ts';
import type { WalEventHub, WalEventSource } from './events.ts';
import { LogState } from './log-state.ts';
import type { PurgeReport } from './reports.ts';
import { emptyPlan, type SavePlan } from './save-plan.ts';
import type { SaveBatch, Wal, WalStats } from './wal.ts';

/** The part of a log that a back end implements: storing plans, and nothing else. */
export interface LogStore {
  /**
   * Writes the plans, in order, as one commit batch. With `durable` these plans and all before them
   * are durable when the call returns or its promise resolves. A store that works synchronously
   * returns nothing.
   *
   * Throws `NoSpaceError` or `TryAgainError` only if no part of the commit batch is, or ever will
   * be, in the log. Every other error means that the outcome is unknown.
   */
  commit(plans: readonly SavePlan[], durable: boolean): Promise<void> | void;

  /**
   * Makes the plan visible in the view. Called once for each plan of a successful commit batch, in
   * order.
   */
  publish(plan: SavePlan): void;

  /** Frees space after a purge was published. A failure is not fatal; the report names it. */
  releasePurged(): Promise<Omit<PurgeReport, 'toIndex' | 'firstIndex'>>;

  /** Implements `Wal.setUnsafeNoFsync`. */
  setUnsafeNoFsync(): void;

  /** Releases all resources. With `clean`, everything acknowledged is made durable first. */
  close(clean: boolean): Promise<void>;

  readonly stats: Pick<WalStats, 'syncs' | 'bytesWritten' | 'segments'>;
}

/** The lock of the directory of a log. */
export interface LogLock {
  /**
   * Whether this process certainly still holds the lock. It is called twice for each commit batch,
   * so it must be cheap.
   */
  isFresh(): boolean;
  /**
   * Renews the lock. Rejects with `LockLostError` when this process no longer holds it, and with
   * any other error when that cannot be determined.
   */
  confirm(): Promise<void>;
}

/** A commit batch accepts no further save above this many bytes of entries. */
const commitBatchBytesMax = 1024 * 1024;
const slowSyncMs = 1000;
/** The codes of the errors that poison a log. */
const poisonCodes: ReadonlySet<WalErrorCode> = new Set(['WAL_POISONED', 'WAL_LOCK_LOST']);

interface PendingSave {
  readonly plan: SavePlan;
  /** Whether the caller used `save`, so that the statistics count it. */
  readonly isSave: boolean;
  readonly resolve: () => void;
  readonly reject: (error: WalError) => void;
}

export interface QueuedWalParts {
  readonly groupId: bigint;
  readonly view: EntryView;
  readonly store: LogStore;
  readonly events: WalEventHub;
  readonly entryBytesMax: number;
  /** Without a clock, events report no latency. */
  readonly clock?: { monotonicMs(): number } | undefined;
  /** Absent when no other process can open the log. */
  readonly lock?: LogLock | undefined;
  /**
   * Returns a copy of the terms of the view. Saves that are accepted but not durable yet are
   * checked against it.
   */
  readonly cloneTerms: () => TermIndex;
}

export class QueuedWal implements Wal {
  readonly groupId: bigint;
  readonly events: WalEventSource;
  readonly #parts: QueuedWalParts;
  #accepted: AcceptedLog;
  #queue: PendingSave[] = [];
  /** The promise of the running `#drain`, if there is one. */
  #run: Promise<void> | undefined;
  #releasing: Promise<unknown> = Promise.resolve();
  #poison: WalError | undefined;
  #closing: Promise<void> | undefined;
  #saves = 0;
  #entries = 0;
  #batches = 0;

  constructor(parts: QueuedWalParts) {
    this.#parts = parts;
    this.groupId = parts.groupId;
    this.events = parts.events;
    this.#accepted = this.#acceptPublished();
  }

  /** The error that poisoned the log, or `undefined`. */
  get failure(): WalError | undefined {
    return this.#poison;
  }

  get stats(): WalStats {
    const { view, store } = this.#parts;
    return {
      saves: this.#saves,
      entries: this.#entries,
      batches: this.#batches,
      ...store.stats,
      cacheHits: view.cacheHits,
      cacheMisses: view.cacheMisses,
      indexBytes: view.state.index.memoryBytes,
      cacheBytes: view.cacheBytes,
    };
  }

  save(batch: SaveBatch): Promise<void> {
    if (typeof batch !== 'object' || batch === null) {
      return Promise.reject(
        new InvalidArgumentError(
          'save needs a batch: an object with entries, hardState or snapshot',
        ),
      );
    }
    return this.#submit(() => this.#accepted.acceptSave(batch), true);
  }

  saveSnapshot(metadata: SnapshotMetadata): Promise<void> {
    if (metadata === undefined) {
      return Promise.reject(
        new InvalidArgumentError('saveSnapshot needs the metadata of a snapshot'),
      );
    }
    return this.save({ snapshot: metadata });
  }

  async purge(toIndex: number): Promise<PurgeReport> {
    await this.#submit(() => this.#accepted.acceptPurge(toIndex));
    const { view, store, events, groupId } = this.#parts;
    const { firstIndex } = view;
    const releasing = this.#releasing.then(() => store.releasePurged());
    this.#releasing = releasing.catch(() => undefined);
    const report = { toIndex, firstIndex, ...(await releasing) };
    events.emit({ type: 'purged', groupId, report });
    return report;
  }

  /**
   * Durably drops the entries above the commit index and above the snapshot that the replay started
   * from. A back end calls it before it returns the log to the user.
   */
  discardUncommitted(snapshotIndex: number): Promise<void> {
    return this.#submit(() => this.#accepted.acceptDiscard(snapshotIndex));
  }

  sync(): Promise<void> {
    const sync = (): SavePlan => ({
      ...emptyPlan,
      hardState: this.#accepted.hardState,
      durable: true,
    });
    return this.#submit(sync);
  }

  setUnsafeNoFsync(): void {
    this.#parts.store.setUnsafeNoFsync();
  }

  /**
   * Poisons the log at once, not only with its next save. Back ends whose logs share a database
   * call it when the database failed under another log. Saves that the back end made durable before
   * are still acknowledged, unless the lock was lost.
   */
  poison(cause: unknown): void {
    if (this.#poison !== undefined) return;
    const { events, groupId } = this.#parts;
    const error = asPoison(cause);
    this.#poison = error;
    events.emit({ type: 'poisoned', groupId, error });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #submit(accept: () => SavePlan, isSave = false): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new ClosedError('the log'));
    if (this.#poison !== undefined) return Promise.reject(this.#poison);
    let plan: SavePlan;
    try {
      plan = accept();
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ plan, isSave, resolve, reject });
      this.#run ??= this.#drain();
    });
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    do {
      await afterContinuations();
      const { store, clock, events, lock } = this.#parts;
      const batch = this.#takeBatch();
      const plans = batch.map(({ plan }) => plan);
      const durable = plans.some((plan) => plan.durable);
      const startedMs = clock?.monotonicMs();
      // A listener that subscribes during the write gets the events of later commit batches.
      const bytesBefore = events.isHeard ? store.stats.bytesWritten : undefined;
      try {
        // Another process may have taken over while this one was stopped. This process must then
        // not overwrite the log, and must not acknowledge what it wrote.
        if (lock?.isFresh() === false) await lock.confirm();
        if (this.#poison !== undefined) throw this.#poison;
        const writing = store.commit(plans, durable);
        if (writing !== undefined) await writing;
        if (lock?.isFresh() === false) await lock.confirm();
        this.#batches += 1;
        for (const pending of batch) this.#acknowledge(pending);
        if (bytesBefore !== undefined) this.#emitCommitted(batch, durable, startedMs, bytesBefore);
      } catch (error) {
        this.#fail(batch, error);
      }
    } while (this.#queue.length > 0);
    this.#run = undefined;
  }

  #takeBatch(): PendingSave[] {
    let bytes = 0;
    let count = 0;
    for (const { plan } of this.#queue) {
      bytes += plan.bytes;
      if (count > 0 && bytes > commitBatchBytesMax) break;
      count += 1;
    }
    if (count === this.#queue.length) {
      const batch = this.#queue;
      this.#queue = [];
      return batch;
    }
    return this.#queue.splice(0, count);
  }

  #acknowledge({ plan, isSave, resolve }: PendingSave): void {
    this.#parts.store.publish(plan);
    if (isSave) this.#saves += 1;
    this.#entries += plan.entries.length;
    resolve();
  }

  #emitCommitted(
    batch: readonly PendingSave[],
    durable: boolean,
    startedMs: number | undefined,
    bytesBefore: number,
  ): void {
    const { events, groupId, clock, store } = this.#parts;
    const isTimed = clock !== undefined && startedMs !== undefined;
    const latencyMs = isTimed ? clock.monotonicMs() - startedMs : undefined;
    if (durable && latencyMs !== undefined && latencyMs > slowSyncMs) {
      events.emit({ type: 'slow-sync', groupId, latencyMs });
    }
    const saves = batch.filter(({ isSave }) => isSave).length;
    const entries = batch.reduce((sum, { plan }) => sum + plan.entries.length, 0);
    const bytes = store.stats.bytesWritten - bytesBefore;
    events.emit({ type: 'committed', groupId, saves, entries, bytes, durable, latencyMs });
  }

  #fail(batch: readonly PendingSave[], cause: unknown): void {
    const { events, groupId } = this.#parts;
    const isRefused = cause instanceof WalError && isRefusal(cause);
    const error = isRefused ? cause : asPoison(cause);
    const behind = this.#queue;
    this.#queue = [];
    if (isRefused) {
      this.#accepted = this.#acceptPublished();
      const type = error.code === 'WAL_NO_SPACE' ? 'no-space' : 'try-again';
      events.emit({ type, groupId, error });
    } else {
      this.poison(error);
    }
    for (const { reject } of batch) reject(error);
    for (const { reject } of behind) reject(error);
  }

  #acceptPublished(): AcceptedLog {
    const { view, cloneTerms, entryBytesMax } = this.#parts;
    const { hardState, markers } = view.state;
    return new AcceptedLog(new LogState(cloneTerms(), hardState, markers), entryBytesMax);
  }

  /** Closing a log writes to it, so the lock must still be held. */
  async #confirmBeforeClosing(): Promise<void> {
    const { lock } = this.#parts;
    if (this.#poison !== undefined || lock === undefined || lock.isFresh()) return;
    try {
      await lock.confirm();
    } catch (error) {
      this.poison(error);
    }
  }

  async #close(): Promise<void> {
    // Reads fail from now on, so that none of them meets a closed file.
    this.#parts.view.closed = true;
    await this.#run;
    await this.#releasing;
    await this.#confirmBeforeClosing();
    await this.#parts.store.close(this.#poison === undefined);
  }
}

/** Every error but a refusal poisons the log. Its code says so, whatever the back end threw. */
function asPoison(cause: unknown): WalError {
  if (cause instanceof WalError && poisonCodes.has(cause.code)) return cause;
  return new WriteFailedError('a write to the log failed: open the log again', cause);
}

/**
 * Resolves when the current callback and all promise continuations that it started have run. The
 * callers that one commit batch woke up have then saved again, and share the next one.
 */
function afterContinuations(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
