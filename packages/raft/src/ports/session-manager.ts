/**
 * Sessions of clients, so that a proposal that is sent again applies once. Replicated state: every replica calls
 * the same methods with the same arguments in the order of the log, and must end with the same bytes. Time is the
 * time of the log, never a clock; nothing happens between two calls.
 *
 * Decisions: the project's contract, 25. Source of the scheme: Ongaro's Raft dissertation, section 6.3.
 */
import type { ApplyResult } from './state-machine.ts';

/** Who proposes, and which of its proposals it is. */
export interface SessionCall {
  /** The index of the entry that registered the session. */
  readonly sessionId: number;
  /** Counts the proposals of the session, from 1. */
  readonly sequence: number;
  /** Every sequence below was answered: its result need not be kept. At most `sequence`. */
  readonly lowestUnanswered: number;
}

/**
 * What to do with a proposal of a session.
 *
 * - `apply`: it is new.
 * - `duplicate`: it was applied; this was its result. `resultLost`: it was applied where no result was to be had.
 * - `expired`: there is no such session (any more).
 * - `stale`: the client said that it had the answer already.
 */
export type SessionVerdict =
  | { readonly kind: 'apply' }
  | { readonly kind: 'duplicate'; readonly result: ApplyResult; readonly resultLost: boolean }
  | { readonly kind: 'expired' }
  | { readonly kind: 'stale' };

export interface SessionManager {
  /** How many sessions there are. */
  readonly count: number;
  /** Opens the session of this id; it may end others that are too old or too many. */
  register(sessionId: number, timeMs: number): void;
  /** Ends a session; false when there is none. */
  unregister(sessionId: number, timeMs: number): boolean;
  /** Judges a proposal, notes what was answered, and counts as a use of the session. */
  judge(call: SessionCall, timeMs: number): SessionVerdict;
  /** Keeps the result of a proposal that was judged as new. `resultLost`: it was applied before a restart. */
  record(call: SessionCall, result: ApplyResult, resultLost: boolean): void;
  /** Everything, for a snapshot: the same bytes on every replica. Versioned. */
  encode(): Uint8Array;
  /**
   * Replaces everything by what `encode` gave; without bytes: by nothing.
   *
   * @throws an error with a stable code when they cannot be read, and nothing is changed then.
   */
  restore(bytes?: Uint8Array): void;
}
