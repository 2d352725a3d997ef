/**
 * The way of a Ready to the log: each is one save, submitted in order and at once, so that the log
 * can make several durable with one sync. What was to be said after it is said when its save has
 * resolved, never before.
 *
 * A full disk loses nothing, and neither does a system that is short of descriptors or memory: the
 * log rejects the save and all behind it, they stay here in their order, and are submitted again
 * after a pause. Every other failure stops the node. After `stop` nothing is answered any more but
 * by a rejection: whoever waits here must not keep the node from ending.
 *
 * Decisions: docs/decisions/0023-one-save-for-each-ready.md.
 */
import { codeOf } from '../support/code-of.ts';
import type { Clock, Timer } from '@babuza/vfs';
import type { SaveBatch, Wal } from '@babuza/wal-core';
import { StoppedError } from '../errors.ts';
import type { IncomingRoom } from '../incoming/incoming-room.ts';

interface Work {
  readonly batch: SaveBatch;
  /** As `IncomingRoom.submitted` gave it. */
  readonly mark: number;
  readonly done: () => void;
  readonly stopped?: (error: StoppedError) => void;
}

export interface AppendPathParts {
  readonly wal: Wal;
  readonly clock: Clock;
  readonly room?: IncomingRoom;
  /** The disk was full, or is not any more. */
  readonly onFull: (full: boolean) => void;
  /**
   * The system is short of something that a save needs, for this reason, or is not any more
   * (`undefined`).
   */
  readonly onShort: (reason: string | undefined) => void;
  readonly onFailure: (error: unknown) => void;
}

/** The first pause before something that the system was too short for is tried again, in ms. */
export const retryMsMin = 100;
/** The longest such pause, in ms: each one is twice as long as the last. */
export const retryMsMax = 5000;
/**
 * A disk that is full, or does not answer, may be so for days, and the others go on asking: each
 * question puts an answer here that waits for the saves before it. From so many on those without
 * anything to save are dropped. For the others that is a message that got lost; the core is told
 * what is durable by the works that had something to save, in each term anew.
 */
const waitingMax = 1024;

export class AppendPath {
  readonly #parts: AppendPathParts;
  /** Everything that is not durable yet, in order. */
  #works: Work[] = [];
  /** How many of them the log has at the moment: the first ones. */
  #submitted = 0;
  /** Saves and syncs that have succeeded. */
  #finishedCount = 0;
  #syncing = 0;
  #full = false;
  /** Why a save was rejected that can be made again, other than by a full disk. */
  #shortReason: string | undefined;
  #retryMs = retryMsMin;
  #timer: Timer | undefined;
  #stopped = false;
  #rejectStopping: (error: StoppedError) => void = () => undefined;
  /** Rejects when the path ends. */
  readonly #stopping: Promise<never>;

  constructor(parts: AppendPathParts) {
    this.#parts = parts;
    this.#stopping = new Promise((_, reject) => {
      this.#rejectStopping = reject;
    });
    this.#stopping.catch(() => undefined);
  }

  /** Whether the disk was full when something was to be written last. */
  get full(): boolean {
    return this.#full;
  }

  /** Whether something is not durable yet. */
  get isBusy(): boolean {
    return this.#works.length > 0 || this.#syncing > 0;
  }

  /** How many saves and syncs have succeeded. */
  get finishedCount(): number {
    return this.#finishedCount;
  }

  /** Whether entries wait to become durable. */
  get hasEntries(): boolean {
    return this.#works.some(({ batch }) => (batch.entries ?? []).length > 0);
  }

  /** Why the log takes nothing at the moment, in words, or `undefined` where it does. */
  get waitReason(): string | undefined {
    return this.#full ? 'the disk is full' : this.#shortReason;
  }

  /**
   * `done` is called once the batch and all before it are durable. Where very much waits and the
   * batch has nothing to save, it is never called: see `waitingMax`.
   */
  submit(batch: SaveBatch, done: () => void): void {
    if (this.#works.length >= waitingMax && hasNothing(batch)) return;
    this.#submit({ batch, mark: this.#mark(), done });
  }

  /** The same as a promise. Rejects with `RAFT_STOPPED` when the node ends before. */
  save(batch: SaveBatch): Promise<void> {
    return new Promise((done, stopped) => {
      this.#submit({ batch, mark: this.#mark(), done, stopped });
    });
  }

  /**
   * Resolves when everything submitted before is durable, the commit index included. Rejects as
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

  /** Gives the log all works that it does not have, in order. */
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
    // Also what throws at once counts as an answer of the log; what the node throws after an answer
    // stops it.
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
    // All that were tried again are saved: the log takes saves again, also what came meanwhile.
    const isWaiting = this.waitReason !== undefined;
    if (isWaiting && this.#submitted === 0 && this.#timer === undefined) {
      this.#waitFor(false, undefined);
      this.#submitAll();
    }
    work.done();
  }

  /** All that were submitted behind it are rejected as well, and arrive here one by one. */
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

  /** Tells what has changed. */
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

/** The log is as it was and takes the same save again later. */
function isRefusal(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'WAL_NO_SPACE' || code === 'WAL_TRY_AGAIN';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
