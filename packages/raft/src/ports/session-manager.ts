/**
 * Sessions of clients, so that a proposal that is sent again applies once. Replicated state: every
 * replica calls the same methods with the same arguments in the order of the log, and must end with
 * the same bytes. Time is the time of the log, never a clock; nothing happens between two calls.
 *
 * Only `record` may lag: a node may judge several proposals, apply those that are new as one batch,
 * and record them then. Batches differ from replica to replica, so verdicts and bytes must not
 * depend on how far `record` lags.
 *
 * Decisions: docs/decisions/0027-state-machines-and-sessions.md. Source of the scheme: Raft thesis,
 * section 6.3.
 */
import type { ApplyResult } from './state-machine.ts';

/** Who proposes, and which of its proposals it is. */
export interface SessionCall {
  /** The index of the entry that registered the session. */
  readonly sessionId: number;
  /** Counts the proposals of the session, from 1. */
  readonly sequence: number;
  /**
   * Every sequence below was answered: its result need not be kept. At most `sequence`, or the
   * proposal is stale by its own word.
   */
  readonly lowestUnanswered: number;
}

/**
 * What to do with a proposal of a session.
 *
 * - `apply`: it is new.
 * - `duplicate`: it was applied; this was its result. `resultLost`: it was applied, but the result
 *   was not kept.
 * - `pending`: the same proposal was judged as new and not recorded yet: record it, then judge
 *   again.
 * - `full`: too far ahead of the lowest unanswered sequence, so that results would pile up. It was
 *   not applied and may be sent again when the client has got its answers, and says so. The lowest
 *   unanswered sequence is never refused so.
 * - `expired`: there is no such session (any more).
 * - `stale`: the client said that it had the answer already.
 */
export type SessionVerdict =
  | { readonly kind: 'apply' }
  | { readonly kind: 'duplicate'; readonly result: ApplyResult; readonly resultLost: boolean }
  | { readonly kind: 'pending' }
  | { readonly kind: 'full' }
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
  /**
   * Keeps the result of a proposal that was judged as new; each must be recorded, once.
   * `resultLost`: it was applied before a restart. The result is copied. What was lost on one
   * replica only never changes what is applied.
   */
  record(call: SessionCall, result: ApplyResult, resultLost: boolean): void;
  /**
   * Everything, for a snapshot: the same bytes on every replica, but for results that one has lost.
   * Versioned. All that was judged must be recorded.
   */
  encode(): Uint8Array;
  /**
   * Replaces everything by what `encode` gave; without bytes: by nothing. The kind of the manager
   * and its limits are part of the replicated state: bytes of others are refused.
   *
   * @throws an error with a stable code when they cannot be read, and nothing is changed then.
   */
  restore(bytes?: Uint8Array): void;
}
