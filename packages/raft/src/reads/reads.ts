/**
 * Linearizable reads. The leader reports its commit index, a quorum confirms that it still leads,
 * and the read is served once that index is applied. All readers that wait share a round. A reader
 * that comes during a round takes part in the next one, because a round reports what was committed
 * when it began. Each round, and each repetition of one, has an id that is never used twice.
 *
 * Source: docs/raft-behaviour.md, section 14; Raft thesis, section 6.4.
 */
import type { Clock, Timer } from '@babuza/vfs';
import { viewOf, writeInteger } from '../support/bytes.ts';
import type { CallCounts } from '../status.ts';
import type { Waiter } from '../proposals/waiters.ts';
import { OutcomeUnknownError } from '../errors.ts';

interface Reader {
  readonly waiter: Waiter<number>;
  readonly deadlineMs: number;
}

export interface ReadParts {
  readonly clock: Clock;
  readonly nodeId: bigint;
  /**
   * Random for each start of the node, so that an answer to a request from before a restart is not
   * taken for one to a new request.
   */
  readonly incarnation: number;
  readonly timeoutMs: number;
  readonly retryMs: number;
  /** Asks the core for a read index. */
  readonly ask: (context: Uint8Array) => void;
  readonly appliedIndex: () => number;
}

export class ReadRounds {
  readonly #parts: ReadParts;
  /** Readers of the round that is under way, and of the next one. */
  #current = new Set<Reader>();
  #next = new Set<Reader>();
  /** The ids of the round under way and of its repetitions: an answer to any of them counts. */
  #contexts = new Set<string>();
  /** Readers whose read index is known and not applied yet. */
  readonly #confirmed = new Map<Reader, number>();
  #rounds = 0;
  #retry: Timer | undefined;
  #starting = false;
  #answered = 0;
  #failed = 0;

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  get counts(): CallCounts {
    const pending = this.#current.size + this.#next.size + this.#confirmed.size;
    return { pending, answered: this.#answered, failed: this.#failed };
  }

  /** Resolves the waiter with an index that the state reflects at least. */
  wait(waiter: Waiter<number>): () => void {
    const { clock, timeoutMs } = this.#parts;
    const reader = { waiter, deadlineMs: clock.monotonicMs() + timeoutMs };
    this.#next.add(reader);
    this.#startSoon();
    return () => this.#leave(reader);
  }

  /** Called when the core has an answer. */
  answered(index: number, context: Uint8Array): void {
    if (!this.#contexts.has(keyOf(context))) return;
    for (const reader of this.#current) this.#confirmed.set(reader, index);
    this.#endRound();
    this.applied();
  }

  /** Called when more was applied. */
  applied(): void {
    if (this.#confirmed.size === 0) return;
    const appliedIndex = this.#parts.appliedIndex();
    for (const [reader, index] of this.#confirmed) {
      if (index > appliedIndex) continue;
      this.#confirmed.delete(reader);
      this.#answered += 1;
      reader.waiter.resolve(index);
    }
  }

  rejectAll(error: Error): void {
    this.#retry?.cancel();
    for (const readers of [this.#current, this.#next, this.#confirmed.keys()]) {
      for (const { waiter } of readers) waiter.reject(error);
    }
    this.#current.clear();
    this.#next.clear();
    this.#confirmed.clear();
  }

  #leave(reader: Reader): void {
    this.#next.delete(reader);
    this.#confirmed.delete(reader);
    if (this.#current.delete(reader) && this.#current.size === 0) this.#endRound();
  }

  /** A later answer to this round is too old for readers that come from now on. */
  #endRound(): void {
    this.#current.clear();
    this.#contexts.clear();
    this.#retry?.cancel();
    this.#startSoon();
  }

  /** All readers of one turn of the event loop share a round. No round begins without a reader. */
  #startSoon(): void {
    if (this.#starting || this.#current.size > 0) return;
    this.#starting = true;
    queueMicrotask(() => {
      this.#starting = false;
      if (this.#next.size === 0) return;
      [this.#current, this.#next] = [this.#next, this.#current];
      this.#ask();
    });
  }

  #ask(): void {
    const { clock, retryMs, ask } = this.#parts;
    const context = this.#newContext();
    this.#contexts.add(keyOf(context));
    this.#retry = clock.startTimer(retryMs, () => {
      this.#dropLate();
      if (this.#current.size > 0) this.#ask();
      else this.#startSoon();
    });
    ask(context);
  }

  #dropLate(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    for (const readers of [this.#current, this.#next]) {
      for (const reader of readers) {
        if (reader.deadlineMs > nowMs) continue;
        readers.delete(reader);
        this.#failed += 1;
        reader.waiter.reject(
          new OutcomeUnknownError(
            `no leader with a quorum confirmed the read within ${this.#parts.timeoutMs} ms; nothing was read`,
          ),
        );
      }
    }
    if (this.#current.size === 0) this.#contexts.clear();
  }

  #newContext(): Uint8Array {
    this.#rounds += 1;
    const context = new Uint8Array(20);
    const view = viewOf(context);
    view.setBigUint64(0, this.#parts.nodeId);
    view.setUint32(8, this.#parts.incarnation);
    writeInteger(view, 12, this.#rounds);
    return context;
  }
}

const keyOf = (context: Uint8Array): string => Array.from(context).join(' ');
