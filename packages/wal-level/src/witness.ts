/**
 * A witness outside of the database. What a database loses together with everything that testifies
 * to it (its newest batches, its own log, all of itself) cannot be missed by looking at the
 * database alone. So the number of the newest batch that is durable is also written down elsewhere,
 * lazily: at most once in 50 ms, without a sync, and with one when the log is closed. It is never
 * ahead of what is durable, so a crash raises no false alarm; and whatever is missing below it at
 * the next opening was lost.
 */
import type { EventLoopClock } from './database.ts';

/** What a witness remembers of a group. */
export type Recollection =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'batch'; readonly batch: number }
  /** There is something, and it cannot be understood; `file` is for people. */
  | { readonly kind: 'damaged'; readonly file: string };

/** Where the numbers are written down. */
export interface Witness {
  /** Needs no lock, and may be asked while another process writes. */
  recall(groupId: bigint): Promise<Recollection>;
  /** Whether it was ever told of a log, of any group; what it remembers may be damaged. */
  knowsAny(): Promise<boolean>;
  /**
   * With `durable` it resolves when this survives a power cut. Calls for one group do not overlap.
   */
  remember(groupId: bigint, batch: number, durable: boolean): Promise<void>;
}

/**
 * As the marks of wal-native: what was acknowledged within this time before a crash has no witness.
 */
const delayMs = 50;

/** Tells the witness of one log how far it is durable. */
export class WitnessTeller {
  readonly #witness: Witness;
  readonly #clock: EventLoopClock;
  readonly #groupId: bigint;
  #timer: { cancel(): void } | undefined;
  #durable = 0;
  #told = 0;
  #telling: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(witness: Witness, clock: EventLoopClock, groupId: bigint) {
    this.#witness = witness;
    this.#clock = clock;
    this.#groupId = groupId;
  }

  /** The batch, and so all before it, is durable. */
  note(batch: number): void {
    this.#durable = batch;
    if (this.#closed) return;
    this.#timer ??= this.#clock.startTimer(delayMs, () => {
      this.#timer = undefined;
      this.#tell(false);
    });
  }

  /**
   * Tells the last that it knows, with a sync. Never rejects: a log whose entries are durable does
   * not fail because its witness does; it only has a blind spot then.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#durable > 0) this.#tell(true);
    await this.#telling;
  }

  #tell(durable: boolean): void {
    this.#telling = this.#telling.then(async () => {
      const batch = this.#durable;
      if (batch === this.#told && !durable) return;
      try {
        await this.#witness.remember(this.#groupId, batch, durable);
        this.#told = batch;
      } catch {
        // The next time tells more than this would have.
      }
    });
  }
}
