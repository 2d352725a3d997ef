/**
 * Sessions of clients, which let a proposal that is sent again be applied once. They are replicated
 * state: every replica calls the same methods with the same arguments in the order of the log, and
 * must end with the same bytes. The only time is the log time, never a clock, and nothing happens
 * between two calls.
 *
 * Only `record` may lag: a node may judge several proposals, apply those that are new as one batch,
 * and record them then. Batches differ from replica to replica, so verdicts and bytes must not
 * depend on how far `record` lags.
 *
 * Decisions: docs/decisions/0027-state-machines-and-sessions.md. Source of the scheme: Raft thesis,
 * section 6.3.
 */
import type { ApplyResult } from './state-machine.ts';

/** A client's session, and the number of the proposal within it. */
export interface SessionCall {
  /** The index of the entry that registered the session. */
  readonly sessionId: number;
  /** The number of the proposal within its session, from 1. */
  readonly sequence: number;
  /**
   * The client has the answers of all lower sequences, so their results need not be kept. It is at
   * most `sequence`; a higher one would declare this proposal itself as answered.
   */
  readonly lowestUnanswered: number;
}

/**
 * How to handle a proposal of a session.
 *
 * - `apply`: it is new.
 * - `duplicate`: it was applied, and `result` was its result. `resultLost`: the result was not
 *   kept.
 * - `pending`: the same proposal was judged as new and not recorded yet: record it, then judge
 *   again.
 * - `full`: it is too far ahead of the lowest unanswered sequence, so that results would pile up.
 *   It was not applied. The client may send it again when it has received answers and has reported
 *   a higher lowest unanswered sequence. The lowest unanswered sequence itself is never refused in
 *   this way.
 * - `expired`: there is no such session, or not any more.
 * - `stale`: the client has reported before that it had the answer.
 */
export type SessionVerdict =
  | { readonly kind: 'apply' }
  | { readonly kind: 'duplicate'; readonly result: ApplyResult; readonly resultLost: boolean }
  | { readonly kind: 'pending' }
  | { readonly kind: 'full' }
  | { readonly kind: 'expired' }
  | { readonly kind: 'stale' };

export interface SessionManager {
  /** How many sessions are open. */
  readonly count: number;
  /** Opens the session with this id; it may end others that are too old or too many. */
  register(sessionId: number, timeMs: number): void;
  /** Ends a session; false when there is none. */
  unregister(sessionId: number, timeMs: number): boolean;
  /** Judges a proposal, notes which sequences were answered, and counts as a use of the session. */
  judge(call: SessionCall, timeMs: number): SessionVerdict;
  /**
   * Keeps the result of a proposal that was judged as new. Each such proposal must be recorded
   * exactly once. `resultLost`: it was applied before a restart, and its result is not known. The
   * result is copied. A result that was lost on one replica only never changes what is applied.
   */
  record(call: SessionCall, result: ApplyResult, resultLost: boolean): void;
  /**
   * Encodes all sessions for a snapshot, with a version. The bytes are the same on every replica,
   * except for results that were lost on one. Every judged proposal must be recorded before.
   */
  encode(): Uint8Array;
  /**
   * Replaces all sessions by those that `encode` returned; without bytes there are none. The kind
   * of the manager and its limits are part of the replicated state: bytes of another kind or with
   * other limits are refused.
   *
   * @throws an error with a stable code when the bytes cannot be read; nothing is changed then.
   */
  restore(bytes?: Uint8Array): void;
}
