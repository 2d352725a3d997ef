/** The outcome of an entry, for the caller that proposed it. */
import { BusyError, RaftError } from '../errors.ts';
import type { SessionVerdict } from '../ports/session-manager.ts';
import type { ApplyResult } from '../ports/state-machine.ts';

export type Outcome =
  | { readonly kind: 'applied'; readonly result: ApplyResult; readonly resultLost: boolean }
  | { readonly kind: 'session'; readonly ended: boolean }
  | { readonly kind: 'refused'; readonly error: RaftError }
  | { readonly kind: 'membership' }
  | { readonly kind: 'identity' };

/** The outcome of a proposal that its session does not let through. */
export function outcomeOf(verdict: Exclude<SessionVerdict, { kind: 'apply' }>): Outcome {
  switch (verdict.kind) {
    case 'duplicate':
      return { kind: 'applied', result: verdict.result, resultLost: verdict.resultLost };
    case 'expired':
      return {
        kind: 'refused',
        error: new RaftError(
          'RAFT_SESSION_EXPIRED',
          'the session has ended; the proposal was not applied',
        ),
      };
    case 'full':
      return {
        kind: 'refused',
        error: new BusyError(
          'too many proposals of the session are unanswered; the proposal was not applied',
        ),
      };
    case 'pending':
      throw new TypeError(
        'a proposal of a session must be judged after those before it are recorded',
      );
    default:
      return {
        kind: 'refused',
        error: new RaftError(
          'RAFT_SEQUENCE_STALE',
          'the sequence lies below the lowest unanswered one of its session; the proposal was not applied again',
        ),
      };
  }
}
