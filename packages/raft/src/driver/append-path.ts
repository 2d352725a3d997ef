/**
 * Saves each Ready to the log: one save for each, submitted in order and without waiting for the
 * one before, so that the log can make several durable with one fsync. Messages that depend on a
 * save are sent after it has resolved, never before.
 *
 * A full disk, or a system that is short of descriptors or memory, loses nothing. The log rejects
 * the save and all later ones; they stay here in order, and are submitted again after a pause.
 * Every other failure stops the node. After `stop` waiting callers are only ever rejected, so that
 * they cannot keep the node from ending.
 *
 * Decisions: docs/decisions/0023-one-save-for-each-ready.md.
 */
import { codeOf, type Clock, type Timer } from '@babuza/vfs';
import type { SaveBatch, Wal } from '@babuza/wal-core';
import { StoppedError } from '../errors.ts';
import type { IncomingRoom } from '../incoming/incoming-room.ts';

interface Work {
  readonly batch: SaveBatch;
  /** The mark that `IncomingRoom.submitted` returned when this save was submitted. */
  readonly mark: number;
  readonly done: () => void;
  readonly stopped?: (error: StoppedError) => void;
}

export interface AppendPathParts {
  readonly wal: Wal;
  readonly clock: Clock;
  readonly room?: IncomingRoom;
  /** The disk has become full, or is not full any more. */
  readonly onFull: (full: boolean) => void;
  /**
   * The system has become short of something that a save needs, for this reason; `undefined`: it is
   * not any more.
   */
  readonly onShort: (reason: string | undefined) => void;
  readonly onFailure: (error: unknown) => void;
}

/** The first pause before a rejected save is submitted again, in ms. */
export const retryMsMin = 100;
/** The longest such pause, in ms. Each pause is twice as long as the one before. */
export const retryMsMax = 5000;
/**
 * How many saves may wait before saves without content are dropped. A disk may be full or hang for
 * days while other members keep sending requests, and each response waits here for the saves before
 * it. Dropping one is like losing a message. The saves with content tell the core again what is
 * durable, in each term.
 */
const waitingMax = 1024;

export class AppendPath {
  readonly #parts: AppendPathParts;
  /** All saves that are not durable yet, in order. */
  #works: Work[] = [];
  /** How many of them the log has been given: the first ones. */
  #submitted = 0;
  /** How many saves and syncs have succeeded. */
  #finishedCount = 0;
  #syncing = 0;
  #full = false;
  /** Why a save that can be repeated was rejected, except by a full disk. */
  #shortReason: string | undefined;
  #retryMs = retryMsMin;
  #timer: Timer | undefined;
  #stopped = false;
  #rejectStopping: (error: StoppedError) => void = () => undefined;
  /** Rejects when `stop` is called. */
  readonly #stopping: Promise<never>;

  constructor(parts: AppendPathParts) {
    this.#parts = parts;
    this.#stopping = new Promise((_, reject) => {
      this.#rejectStopping = reject;
    });
    this.#stopping.catch(() => undefined);
  }

  /** Whether the last attempt to write found the disk full. */
  get full(): boolean {
    return this.#full;
  }

  /** Whether any save or sync has not finished yet. */
  get isBusy(): boolean {
    return this.#works.length > 0 || this.#syncing > 0;
  }

  /** How many saves and syncs have succeeded. */
  get finishedCount(): number {
    return this.#finishedCount;
  }

  /** Whether any entries are not durable yet. */
  get hasEntries(): boolean {
    return this.#works.some(({ batch }) => (batch.entries ?? []).length > 0);
  }

  /** Why the log rejects saves at the moment, in words; `undefined` while it takes them. */
  get waitReason(): string | undefined {
    return this.#full ? 'the disk is full' : this.#shortReason;
  }

  /**
   * Calls `done` once the batch and all before it are durable. When more than `waitingMax` saves
   * wait and the batch is empty, it is dropped and `done` is never called.
   */
  submit(batch: SaveBatch, done: () => void): void {
    if (this.#works.length >= waitingMax && hasNothing(batch)) return;
    this.#submit({ batch, mark: this.#mark(), done });
  }

  /** Like `submit`, as a promise. Rejects with `RAFT_STOPPED` when the node stops first. */
  save(batch: SaveBatch): Promise<void> {
    return new Promise((done, stopped) => {
      this.#submit({ batch, mark: this.#mark(), done, stopped });
    });
  }

  /**
   * Resolves when everything submitted before is durable, including the commit index. Rejects like
   * `save`.
   */
  async sync(): Promise<void> {
    const { wal, clock } = this.#parts;
    await this.save({});
    for (;;) {
      this.#syncing += 1;
      try {
        await Promise.race([wal.sync(), this.#stopping]);
        this.#finishedCount += 1;
        return;
      } catch (error) {
        if (!isRefusal(error)) throw error;
      } finally {
        this.#syncing -= 1;
      }
      await Promise.race([clock.sleep(retryMsMin), this.#stopping]);
    }
  }

  stop(): void {
    const works = this.#works;
    const error = new StoppedError();
    this.#stopped = true;
    this.#timer?.cancel();
    this.#works = [];
    this.#rejectStopping(error);
    this.#parts.room?.stop();
    for (const { stopped } of works) stopped?.(error);
  }

  #mark(): number {
    return this.#parts.room?.submitted() ?? 0;
  }

  #submit(work: Work): void {
    if (this.#stopped) {
      work.stopped?.(new StoppedError());
      return;
    }
    this.#works.push(work);
    if (this.waitReason === undefined) this.#submitAll();
  }

  /** Gives the log all saves that it has not been given, in order. */
  #submitAll(): void {
    for (;;) {
      const work = this.#works[this.#submitted];
      if (work === undefined) return;
      this.#submitted += 1;
      this.#saveOne(work);
    }
  }

  #saveOne(work: Work): void {
    const { wal, onFailure } = this.#parts;
    // An error that `wal.save` throws synchronously counts as a rejection. An error that the node
    // throws while it handles the result stops the node.
    (async () => wal.save(work.batch))()
      .then(
        () => {
          this.#saved(work);
        },
        (error: unknown) => {
          this.#rejected(error);
        },
      )
      .catch(onFailure);
  }

  #saved(work: Work): void {
    if (this.#stopped) return;
    this.#works.shift();
    this.#submitted -= 1;
    this.#finishedCount += 1;
    this.#retryMs = retryMsMin;
    this.#parts.room?.saved(work.mark, this.#works.length === 0);
    // Every repeated save is durable, so the log takes saves again. Submit those that came
    // meanwhile.
    const isWaiting = this.waitReason !== undefined;
    if (isWaiting && this.#submitted === 0 && this.#timer === undefined) {
      this.#waitFor(false, undefined);
      this.#submitAll();
    }
    work.done();
  }

  /** All saves behind a rejected one are rejected as well, and arrive here one by one. */
  #rejected(error: unknown): void {
    if (this.#stopped) return;
    if (!isRefusal(error)) {
      this.#parts.onFailure(error);
      return;
    }
    this.#submitted -= 1;
    const isFull = codeOf(error) === 'WAL_NO_SPACE';
    this.#waitFor(isFull, isFull ? undefined : messageOf(error));
    this.#timer ??= this.#parts.clock.startTimer(this.#retryMs, () => {
      this.#timer = undefined;
      this.#retryMs = Math.min(retryMsMax, 2 * this.#retryMs);
      this.#submitAll();
    });
  }

  /** Reports only what has changed. */
  #waitFor(full: boolean, shortReason: string | undefined): void {
    const { onFull, onShort } = this.#parts;
    const fullBefore = this.#full;
    const shortBefore = this.#shortReason;
    this.#full = full;
    this.#shortReason = shortReason;
    if (full !== fullBefore) onFull(full);
    if ((shortReason === undefined) !== (shortBefore === undefined)) onShort(shortReason);
  }
}

function hasNothing({ hardState, entries, snapshot }: SaveBatch): boolean {
  return hardState === undefined && snapshot === undefined && (entries ?? []).length === 0;
}

/** The log is unchanged, and takes the same save again later. */
function isRefusal(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'WAL_NO_SPACE' || code === 'WAL_TRY_AGAIN';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
