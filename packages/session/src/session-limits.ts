/**
 * How much is kept, and for how long. The limits are part of the replicated state: members with
 * others would disagree on what to apply. What they allow together has a bound, so that every state
 * that can be reached fits a snapshot.
 */
import { SessionError, checkWhole } from './errors.ts';
import { encodedBytesMax } from './session-bytes.ts';

/**
 * What both kinds of sessions share. All members of a cluster must have the same values, for good.
 */
export interface SessionOptions {
  /** How many sessions there may be; above it the least recently used one ends. */
  readonly sessionsMax?: number | undefined;
  /**
   * How far a client may be ahead of its lowest unanswered sequence: so many results are kept of a
   * session.
   */
  readonly resultsPerSessionMax?: number | undefined;
  /**
   * Of all sessions together. When so many are kept, a session gets one at a time until others were
   * answered.
   */
  readonly resultsMax?: number | undefined;
  /**
   * Of a larger result only that there was one is kept: a retry learns that it was applied, without
   * the result.
   */
  readonly resultBytesMax?: number | undefined;
}

/** The limits with nothing left out. `expireMs` is 0 where time ends nothing. */
export interface SessionLimits {
  readonly sessionsMax: number;
  readonly resultsPerSessionMax: number;
  readonly resultsMax: number;
  readonly resultBytesMax: number;
  readonly expireMs: number;
}

/** Where the kinds differ. */
export type SessionDefaults = Pick<SessionLimits, 'sessionsMax' | 'expireMs'>;

const optionNames: readonly (keyof SessionOptions)[] = [
  'sessionsMax',
  'resultsPerSessionMax',
  'resultsMax',
  'resultBytesMax',
];

/** Snapshots hold the sessions as a whole, and a node writes them between two applications. */
const encodedBytesAllowed = 256 * 1024 * 1024;

/**
 * Checks the options of a manager and adds what they leave out.
 *
 * @throws SessionError (`SESSION_INVALID`) naming the option, what was given and what is allowed.
 */
export function checkedLimits(
  options: SessionOptions & { readonly expireMs?: number | undefined },
  defaults: SessionDefaults,
): SessionLimits {
  if (typeof options !== 'object' || options === null) {
    throw new SessionError('SESSION_INVALID', `options must be an object, got ${String(options)}`);
  }
  const {
    sessionsMax = defaults.sessionsMax,
    resultsPerSessionMax = 1024,
    resultsMax = 16_384,
    resultBytesMax = 4096,
    expireMs = defaults.expireMs,
    ...others
  } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined || (defaults.expireMs === 0 && expireMs !== 0)) {
    const known = defaults.expireMs === 0 ? optionNames : [...optionNames, 'expireMs'];
    const problem = `there is no option ${unknown ?? 'expireMs'} for this kind of sessions; there are: ${known.join(', ')}`;
    throw new SessionError('SESSION_INVALID', problem);
  }
  const limits = {
    sessionsMax: checkWhole('sessionsMax', sessionsMax, 1),
    resultsPerSessionMax: checkWhole('resultsPerSessionMax', resultsPerSessionMax, 1),
    resultsMax: checkWhole('resultsMax', resultsMax, 1),
    resultBytesMax: checkWhole('resultBytesMax', resultBytesMax, 0),
    expireMs: defaults.expireMs === 0 ? 0 : checkWhole('expireMs', expireMs, 1),
  };
  const bytes = encodedBytesMax(limits);
  if (bytes <= encodedBytesAllowed) return limits;
  throw new SessionError(
    'SESSION_INVALID',
    `${sessionsMax} sessions and ${resultsMax} results of ${resultBytesMax} bytes take up to ${bytes} bytes; at most ${encodedBytesAllowed} are allowed`,
  );
}
