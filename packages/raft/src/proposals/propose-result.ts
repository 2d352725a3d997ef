/** The session argument and the result of a proposal. */
import { isObject } from '../support/checks.ts';
import { RaftError } from '../errors.ts';
import type { SessionCall } from '../ports/session-manager.ts';
import type { ApplyResult } from '../ports/state-machine.ts';
import type { Reached } from './proposals.ts';

export interface ProposeResult {
  readonly index: number;
  readonly term: number;
  /** The result of the state machine. */
  readonly result: ApplyResult;
  /** The proposal was applied earlier, and its result is not known any more. */
  readonly resultLost: boolean;
}

/** Throws `RAFT_INVALID`. */
export function checkSession(session: SessionCall): void {
  if (!isObject(session)) {
    throw new RaftError('RAFT_INVALID', `a session is an object; got ${String(session)}`);
  }
  const { sessionId, sequence, lowestUnanswered } = session;
  const isFine =
    [sessionId, sequence, lowestUnanswered].every((value) => Number.isSafeInteger(value)) &&
    sessionId >= 1 &&
    lowestUnanswered >= 1 &&
    sequence >= lowestUnanswered;
  if (isFine) return;
  throw new RaftError(
    'RAFT_INVALID',
    `a session needs a sessionId and a lowestUnanswered of at least 1, and a sequence of at least lowestUnanswered; got sessionId ${sessionId}, sequence ${sequence}, lowestUnanswered ${lowestUnanswered}`,
  );
}

export function resultOf({ entry, outcome }: Reached): ProposeResult {
  const applied = outcome.kind === 'applied' ? outcome : undefined;
  return {
    index: entry.index,
    term: entry.term,
    result: applied?.result,
    resultLost: applied?.resultLost ?? false,
  };
}
