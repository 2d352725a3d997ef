/**
 * The spine of every log: the queue of saves. It checks each batch at the door, gathers those that
 * wait into groups, has the back end make a group durable, and then publishes and acknowledges one
 * after the other, in the order of the calls. One group is under way at a time; what arrives
 * meanwhile is the next group, so that waiting callers share one write and one sync.
 *
 * Failures: no space, or a system that is short of something for a moment, rejects the group and
 * everything queued behind it (they would be gaps), and the log goes on from what is published. Any
 * other failure of a back end poisons the log for good.
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
import { emptyPlan, type SavePlan } from './save-plan.ts';
import type { PurgeReport, SaveBatch, Wal, WalStats } from './wal.ts';

/** What a back end does for its log: the storing, nothing else. */
export interface LogStore {
  /**
   * Writes the plans, in order, as one group. Where `durable` is set all of them, and all before
   * them, are durable when it returns or resolves. A store that works synchronously returns
   * nothing.
   *
   * Throws `NoSpaceError` or `TryAgainError` only if nothing of the group is, or will be, in the
   * log; every other error means that this is not known.
   */
  commit(plans: readonly SavePlan[], durable: boolean): Promise<void> | void;

  /**
   * Makes the plan visible in the view; called once, in order, for each plan of a group that
   * succeeded.
   */
  publish(plan: SavePlan): void;

  /**
   * Gives space back after a purge was published. Failing to is not fatal: it says so in the
   * report.
   */
  releasePurged(): Promise<Omit<PurgeReport, 'toIndex' | 'firstIndex'>>;

  /** See `Wal.setUnsafeNoFsync`. */
  setUnsafeNoFsync(): void;

  /**
   * Gives all resources back; `clean` when everything acknowledged is to be made durable before.
   */
  close(clean: boolean): Promise<void>;

  readonly stats: Pick<WalStats, 'syncs' | 'bytesWritten' | 'segments'>;
}

/** The lock of the place of a log, where there is one. */
export interface LogLock {
  /**
   * Whether this process certainly still holds the lock. Asked twice for each group: it must be
   * cheap.
   */
  isFresh(): boolean;
  /**
   * Renews the lock. Rejects with `LockLostError` where it is not this process's any more, and with
   * any other error where that cannot be told.
   */
  confirm(): Promise<void>;
}

/** Payload bytes after which a group takes no further save. */
const groupBytesMax = 1024 * 1024;
const slowSyncMs = 1000;
/** What a log is poisoned with. */
const poisonCodes: ReadonlySet<WalErrorCode> = new Set(['WAL_POISONED', 'WAL_LOCK_LOST']);

interface PendingSave {
  readonly plan: SavePlan;
  /** Asked for by `save`, and so counted as one. */
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
  /** Absent: nobody is told how long a group took. */
  readonly clock?: { monotonicMs(): number } | undefined;
  /** Absent: nobody else can reach the log. */
  readonly lock?: LogLock | undefined;
  /** A copy of the terms of the view, for what is accepted but not durable yet. */
  readonly cloneTerms: () => TermIndex;
}

export class QueuedWal implements Wal {
  readonly groupId: bigint;
  readonly events: WalEventSource;
  readonly #parts: QueuedWalParts;
  #accepted: AcceptedLog;
  #queue: PendingSave[] = [];
  /** The run of the queue, while there is one. */
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

  /** Why the log takes no more writes, if that is so. */
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
      return Promise.reject(new InvalidArgumentError('save needs a batch'));
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
   * For back ends, before they hand the log out: durably drops what is above the commit index and
   * above the snapshot of the start.
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
   * For back ends whose logs share a file or a database: it failed while another log wrote to it,
   * so this one takes no more writes either, and says so now, not with its next save. What the back
   * end made durable before is still acknowledged, unless the lock was lost.
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
      const group = this.#takeGroup();
      const plans = group.map(({ plan }) => plan);
      const durable = plans.some((plan) => plan.durable);
      const startedMs = clock?.monotonicMs();
      // A listener that comes while the group is written hears of the groups behind it.
      const bytesBefore = events.isHeard ? store.stats.bytesWritten : undefined;
      try {
        // Another process may have taken over while this one stood still: its log must not be
        // overwritten, and what is written to it must not be acknowledged.
        if (lock?.isFresh() === false) await lock.confirm();
        if (this.#poison !== undefined) throw this.#poison;
        const writing = store.commit(plans, durable);
        if (writing !== undefined) await writing;
        if (lock?.isFresh() === false) await lock.confirm();
        this.#batches += 1;
        for (const pending of group) this.#acknowledge(pending);
        if (bytesBefore !== undefined) this.#tell(group, durable, startedMs, bytesBefore);
      } catch (error) {
        this.#fail(group, error);
      }
    } while (this.#queue.length > 0);
    this.#run = undefined;
  }

  #takeGroup(): PendingSave[] {
    let bytes = 0;
    let count = 0;
    for (const { plan } of this.#queue) {
      bytes += plan.bytes;
      if (count > 0 && bytes > groupBytesMax) break;
      count += 1;
    }
    if (count === this.#queue.length) {
      const group = this.#queue;
      this.#queue = [];
      return group;
    }
    return this.#queue.splice(0, count);
  }

  #acknowledge({ plan, isSave, resolve }: PendingSave): void {
    this.#parts.store.publish(plan);
    if (isSave) this.#saves += 1;
    this.#entries += plan.entries.length;
    resolve();
  }

  #tell(
    group: readonly PendingSave[],
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
    const saves = group.filter(({ isSave }) => isSave).length;
    const entries = group.reduce((sum, { plan }) => sum + plan.entries.length, 0);
    const bytes = store.stats.bytesWritten - bytesBefore;
    events.emit({ type: 'committed', groupId, saves, entries, bytes, durable, latencyMs });
  }

  #fail(group: readonly PendingSave[], cause: unknown): void {
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
    for (const { reject } of group) reject(error);
    for (const { reject } of behind) reject(error);
  }

  #acceptPublished(): AcceptedLog {
    const { view, cloneTerms, entryBytesMax } = this.#parts;
    const { hardState, markers } = view.state;
    return new AcceptedLog(new LogState(cloneTerms(), hardState, markers), entryBytesMax);
  }

  /** Closing writes as well. */
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
    // From the call on: a read must never meet a file that is closed already.
    this.#parts.view.closed = true;
    await this.#run;
    await this.#releasing;
    await this.#confirmBeforeClosing();
    await this.#parts.store.close(this.#poison === undefined);
  }
}

/** Any error but a refusal poisons the log, and says so by its code, whatever a back end threw. */
function asPoison(cause: unknown): WalError {
  if (cause instanceof WalError && poisonCodes.has(cause.code)) return cause;
  return new WriteFailedError('the log failed to write', cause);
}

/**
 * Resolves when the current callback and all promise continuations that it set off have run: the
 * savers that one finished group woke up are then in the queue together, and share the next group.
 */
function afterContinuations(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}
