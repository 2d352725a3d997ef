import { Finding } from './decoder.ts';

/** What is wrong, for people: the rule that did not hold, or the error with its stack. */
export function problemOf(error: unknown): string {
  if (error instanceof Finding) return error.message;
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? String(error);
  return error.cause === undefined ? own : `${own}\nbecause of ${problemOf(error.cause)}`;
}
