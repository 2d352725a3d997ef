/** Helpers that the tests of sessions share. */
import type { SessionCall } from '@babuza/raft';
import type { SessionManager, SessionVerdict } from '@babuza/raft/ports';

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function callOf(sessionId: number, sequence: number, lowestUnanswered = 1): SessionCall {
  return { sessionId, sequence, lowestUnanswered };
}

/**
 * Decides and records like a node that applies one proposal at a time. A new proposal answers
 * `result`.
 */
export function propose(
  manager: SessionManager,
  call: SessionCall,
  timeMs: number,
  result = `${call.sequence}`,
): string {
  const verdict = manager.judge(call, timeMs);
  if (verdict.kind === 'apply') manager.record(call, bytesOf(result), false);
  return describeVerdict(verdict);
}

export function describeVerdict(verdict: SessionVerdict): string {
  if (verdict.kind !== 'duplicate') return verdict.kind;
  const { result, resultLost } = verdict;
  if (resultLost) return 'duplicate lost';
  return result === undefined ? 'duplicate' : `duplicate ${new TextDecoder().decode(result)}`;
}

/** The code of the error that `run` throws. */
export function codeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return 'nothing was thrown';
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
