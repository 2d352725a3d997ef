/**
 * The error of this package. Match it by `code`, which is API; messages are for people and may
 * change.
 */

/**
 * - `SESSION_INVALID`: fix the call or the options; nothing changed.
 * - `SESSION_CORRUPT`: these bytes are not what `encode` gives. Nothing of them was believed.
 * - `SESSION_VERSION`: they were written by a newer release.
 * - `SESSION_MISMATCH`: they are of another kind of sessions or of other limits: give all members
 *   the same.
 */
export type SessionErrorCode =
  | 'SESSION_INVALID'
  | 'SESSION_CORRUPT'
  | 'SESSION_VERSION'
  | 'SESSION_MISMATCH';

export class SessionError extends Error {
  override readonly name = 'SessionError';
  readonly code: SessionErrorCode;

  constructor(code: SessionErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Checks a whole number of at least `least` that is exact.
 *
 * @throws SessionError (`SESSION_INVALID`)
 */
export function checkWhole(what: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new SessionError(
    'SESSION_INVALID',
    `${what} is ${described(value)}; it must be a whole number of at least ${least}`,
  );
}

/** Without types it may be anything; strings in quotes, so that `'1'` and `1` differ. */
function described(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
