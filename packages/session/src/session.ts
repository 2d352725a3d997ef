/**
 * One session: which proposals of its client were applied, and what they answered, as far as the
 * client may still ask. It keeps only what lies in the window that begins at the lowest unanswered
 * sequence, so that a client that never says what it got cannot take more than a window of memory,
 * and the lowest one always has room.
 */
import type { ApplyResult, SessionVerdict } from '@babuza/raft';

/** What is known of a proposal that was judged as new. */
export interface KeptResult {
  readonly result: ApplyResult;
  /** It was applied, and there is no result of it here. */
  readonly lost: boolean;
}

/** Ascending by sequence. */
export type KeptResults = readonly (readonly [sequence: number, kept: KeptResult])[];

/** Judged as new and not recorded yet. */
const pending = Symbol('pending');

const newVerdict: SessionVerdict = Object.freeze({ kind: 'apply' });
const pendingVerdict: SessionVerdict = Object.freeze({ kind: 'pending' });
const staleVerdict: SessionVerdict = Object.freeze({ kind: 'stale' });
const fullVerdict: SessionVerdict = Object.freeze({ kind: 'full' });

export class Session {
  readonly id: number;
  /** The time of the log at its last use. */
  lastUsedMs: number;
  /** Every sequence below was answered. */
  #lowest: number;
  readonly #results = new Map<number, KeptResult | typeof pending>();

  constructor(id: number, lastUsedMs: number, lowest = 1) {
    this.id = id;
    this.lastUsedMs = lastUsedMs;
    this.#lowest = lowest;
  }

  get lowest(): number {
    return this.#lowest;
  }

  /** How many sequences it keeps, those that wait for their result included. */
  get size(): number {
    return this.#results.size;
  }

  /** Everything below `sequence` was answered. An older word than the last one changes nothing. */
  raiseLowest(sequence: number): void {
    const from = this.#lowest;
    if (sequence <= from) return;
    this.#lowest = sequence;
    // By name where that is the shorter way: the client may have jumped far ahead.
    if (sequence - from <= this.#results.size) {
      for (let answered = from; answered < sequence; answered += 1) this.#results.delete(answered);
    } else {
      for (const kept of this.#results.keys()) if (kept < sequence) this.#results.delete(kept);
    }
  }

  /**
   * What to do with this sequence. What it says depends on the calls before it only, and never on
   * how many of them were recorded meanwhile: a node may judge ahead of what it applies, in batches
   * of its own. What is new must lie less than `windowMax` above the lowest unanswered sequence.
   */
  judge(sequence: number, windowMax: number): SessionVerdict {
    if (sequence < this.#lowest) return staleVerdict;
    const kept = this.#results.get(sequence);
    if (kept === pending) return pendingVerdict;
    if (kept !== undefined) {
      // A copy: what is kept is replicated state, and the caller's may be changed.
      return { kind: 'duplicate', result: kept.result?.slice(), resultLost: kept.lost };
    }
    if (sequence - this.#lowest >= windowMax) return fullVerdict;
    this.#results.set(sequence, pending);
    return newVerdict;
  }

  /** False when this sequence waits for no result. */
  record(sequence: number, kept: KeptResult): boolean {
    // Judging ahead may have raised the lowest sequence above it: then nobody asks any more.
    if (sequence < this.#lowest) return true;
    if (this.#results.get(sequence) !== pending) return false;
    this.#results.set(sequence, kept);
    return true;
  }

  /** For restoring: a result that was kept. */
  keep(sequence: number, kept: KeptResult): void {
    this.#results.set(sequence, kept);
  }

  /** All results, ascending by sequence; undefined while one is missing. */
  results(): KeptResults | undefined {
    const all: [number, KeptResult][] = [];
    for (const [sequence, kept] of this.#results) {
      if (kept === pending) return undefined;
      all.push([sequence, kept]);
    }
    return all.sort(([left], [right]) => left - right);
  }
}
