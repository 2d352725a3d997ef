/**
 * The sync record of a log: the number of its newest durable batch, kept outside the database.
 *
 * A database can lose its newest batches together with everything that proves that they existed,
 * for instance when LevelDB's own log is damaged. Nothing inside the database shows such a loss. At
 * the next opening a log whose newest batch is older than its sync record has lost batches.
 *
 * The record is written lazily: at most once in 50 ms and without a sync, and once with a sync when
 * the log is closed. It never runs ahead of what is durable, so a crash raises no false alarm.
 */
import type { EventLoopClock } from './event-loop-clock.ts';

/** The sync record of one group, as it was read. */
export type StoredSyncRecord =
  | { readonly kind: 'absent' }
  | { readonly kind: 'batch'; readonly batch: number }
  /** The record exists and is damaged. `file` names it in events and errors. */
  | { readonly kind: 'damaged'; readonly file: string };

/** The sync records of all groups in one directory. */
export interface SyncRecords {
  /** Reads the record of a group. It needs no lock and may run while another process writes. */
  read(groupId: bigint): Promise<StoredSyncRecord>;
  /** Whether a record of any group exists, readable or damaged. */
  hasAny(): Promise<boolean>;
  /**
   * Replaces the record of a group. With `durable` the promise resolves when the record survives a
   * power cut. Calls for one group do not overlap.
   */
  write(groupId: bigint, batch: number, durable: boolean): Promise<void>;
}

/**
 * The pause between two writes of the record. Batches that were acknowledged within this time
 * before a crash are not in the record. wal-native writes its marks of durability with the same
 * pause.
 */
const delayMs = 50;

/** Keeps the sync record of one log up to date. */
export class SyncRecordWriter {
  readonly #syncRecords: SyncRecords;
  readonly #clock: EventLoopClock;
  readonly #groupId: bigint;
  #timer: { cancel(): void } | undefined;
  #durable = 0;
  #written = 0;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(syncRecords: SyncRecords, clock: EventLoopClock, groupId: bigint) {
    this.#syncRecords = syncRecords;
    this.#clock = clock;
    this.#groupId = groupId;
  }

  /** Notes that the batch, and so every batch before it, is durable. */
  note(batch: number): void {
    this.#durable = batch;
    if (this.#closed) return;
    this.#timer ??= this.#clock.startTimer(delayMs, () => {
      this.#timer = undefined;
      this.#write(false);
    });
  }

  /**
   * Writes the newest number that was noted, with a sync. Never rejects: a log whose entries are
   * durable does not fail because its sync record cannot be written. Such a log only misses a loss
   * later.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#durable > 0) this.#write(true);
    await this.#writing;
  }

  #write(durable: boolean): void {
    this.#writing = this.#writing.then(async () => {
      const batch = this.#durable;
      if (batch === this.#written && !durable) return;
      try {
        await this.#syncRecords.write(this.#groupId, batch, durable);
        this.#written = batch;
      } catch {
        // The next write carries a newer number, so a failed one need not be repeated.
      }
    });
  }
}
