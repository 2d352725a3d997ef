/** What a proposal is given and gives back, at the door of the node. */
import { isObject } from '../support/checks.ts';
import { RaftError } from '../errors.ts';
import type { SessionCall } from '../ports/session-manager.ts';
import type { ApplyResult } from '../ports/state-machine.ts';
import type { Reached } from './proposals.ts';

export interface ProposeResult {
  readonly index: number;
  readonly term: number;
  /** What the state machine answered. */
  readonly result: ApplyResult;
  /** It was applied earlier, and its answer is not known any more. */
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
    `a session needs a sessionId from 1, and a sequence from its lowestUnanswered, from 1; got ${sessionId}, ${sequence}, ${lowestUnanswered}`,
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
