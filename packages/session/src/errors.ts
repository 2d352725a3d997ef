/**
 * The error of this package. Match it by `code`, which is API. The messages are for people and may
 * change.
 */

/**
 * - `SESSION_INVALID`: an argument or option is wrong. Nothing changed. Fix the call or the
 *   options.
 * - `SESSION_CORRUPT`: the bytes are not an encoded state. Nothing changed. Use another snapshot.
 * - `SESSION_VERSION`: a newer release wrote the bytes. Use that release.
 * - `SESSION_MISMATCH`: the bytes come from another kind of sessions or from other limits. Give all
 *   members the same.
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
 * Checks that a value is a safe integer of at least `least`.
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

/** Describes any value for an error. Strings are quoted, so that `'1'` and `1` differ. */
function described(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}
