/**
 * One session: which proposals of its client were applied, and their results, as long as the client
 * may ask for them. It keeps only sequences within a window that starts at the lowest unanswered
 * sequence. So a client that never acknowledges a result cannot take more memory than one window,
 * and the lowest sequence can always be applied.
 */
import type { ApplyResult } from '@babuza/raft';
import type { SessionVerdict } from '@babuza/raft/ports';

/** The result of a proposal that was applied. */
export interface KeptResult {
  readonly result: ApplyResult;
  /** Whether the proposal was applied and its result is not available. */
  readonly lost: boolean;
}

/** In ascending order of the sequences. */
export type KeptResults = readonly (readonly [sequence: number, kept: KeptResult])[];

/** Marks a proposal that was found new and has no result yet. */
const pending = Symbol('pending');

const newVerdict: SessionVerdict = Object.freeze({ kind: 'apply' });
const pendingVerdict: SessionVerdict = Object.freeze({ kind: 'pending' });
const staleVerdict: SessionVerdict = Object.freeze({ kind: 'stale' });
const fullVerdict: SessionVerdict = Object.freeze({ kind: 'full' });

export class Session {
  readonly id: number;
  /** The time of the log at the last use. */
  lastUsedMs: number;
  /** The client has the answers to all sequences below this one. */
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

  /** The number of sequences that it keeps, including those that wait for their result. */
  get size(): number {
    return this.#results.size;
  }

  /**
   * Notes that the client has the answers to everything below `sequence`. A lower value than before
   * changes nothing.
   */
  raiseLowest(sequence: number): void {
    const from = this.#lowest;
    if (sequence <= from) return;
    this.#lowest = sequence;
    // Deletes by sequence or by search, whichever is shorter: the client may have jumped far ahead.
    if (sequence - from <= this.#results.size) {
      for (let answered = from; answered < sequence; answered += 1) this.#results.delete(answered);
    } else {
      for (const kept of this.#results.keys()) if (kept < sequence) this.#results.delete(kept);
    }
  }

  /**
   * Decides what to do with a sequence. The verdict depends only on the calls before it, and not on
   * how many of them were recorded meanwhile, because a node may ask ahead of what it applies. A
   * new sequence must be less than `windowMax` above the lowest unanswered one.
   */
  judge(sequence: number, windowMax: number): SessionVerdict {
    if (sequence < this.#lowest) return staleVerdict;
    const kept = this.#results.get(sequence);
    if (kept === pending) return pendingVerdict;
    if (kept !== undefined) {
      // A copy, because the kept result is replicated state and the caller may change its own.
      return { kind: 'duplicate', result: kept.result?.slice(), resultLost: kept.lost };
    }
    if (sequence - this.#lowest >= windowMax) return fullVerdict;
    this.#results.set(sequence, pending);
    return newVerdict;
  }

  /** Records a result. Returns false if this sequence does not wait for one. */
  record(sequence: number, kept: KeptResult): boolean {
    // A later proposal may have raised the lowest sequence above this one. The client has the
    // answer then.
    if (sequence < this.#lowest) return true;
    if (this.#results.get(sequence) !== pending) return false;
    this.#results.set(sequence, kept);
    return true;
  }

  /** Adds a result when sessions are restored. */
  keep(sequence: number, kept: KeptResult): void {
    this.#results.set(sequence, kept);
  }

  /** All results in ascending order of the sequences, or `undefined` while one is missing. */
  results(): KeptResults | undefined {
    const all: [number, KeptResult][] = [];
    for (const [sequence, kept] of this.#results) {
      if (kept === pending) return undefined;
      all.push([sequence, kept]);
    }
    return all.sort(([left], [right]) => left - right);
  }
}
