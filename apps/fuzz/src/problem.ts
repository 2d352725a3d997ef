import { Finding } from './decoder.ts';

/** Describes a failure for the user: the violated rule, or the error with its stack. */
export function problemOf(error: unknown): string {
  if (error instanceof Finding) return error.message;
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? String(error);
  return error.cause === undefined ? own : `${own}\nbecause of ${problemOf(error.cause)}`;
}
