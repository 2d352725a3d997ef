/**
 * How many sessions and results are kept, and for how long. The limits are part of the replicated
 * state: members with other limits would disagree on which proposals apply. Together they bound the
 * size of the state, so that it always fits a snapshot.
 */
import { SessionError, checkWhole } from './errors.ts';
import { encodedBytesMax, type SessionLimits } from './session-bytes.ts';

/**
 * Options of all managers that keep sessions. All members of a cluster must have the same values,
 * and must never change them.
 */
export interface SessionOptions {
  /**
   * The largest number of sessions. A registration above it ends the least recently used one.
   * Default 128 (`LruSessionManager`) or 16,384 (`ExpireSessionManager`); at least 1.
   */
  readonly sessionsMax?: number | undefined;
  /**
   * How far a client may be ahead of its lowest unanswered sequence, and so how many results a
   * session keeps. Default 1,024; at least 1.
   */
  readonly resultsPerSessionMax?: number | undefined;
  /**
   * The largest number of results of all sessions together. Beyond it each session may keep one
   * result at a time until clients acknowledge others. Default 16,384; at least 1.
   */
  readonly resultsMax?: number | undefined;
  /**
   * The largest result that is kept, in bytes. For a larger one the session only keeps that it was
   * applied, and a retry gets no result. Default 4,096; at least 0.
   */
  readonly resultBytesMax?: number | undefined;
}

/** The defaults that differ between the kinds. */
export type SessionDefaults = Pick<SessionLimits, 'sessionsMax' | 'expireMs'>;

const optionNames: readonly (keyof SessionOptions)[] = [
  'sessionsMax',
  'resultsPerSessionMax',
  'resultsMax',
  'resultBytesMax',
];

/**
 * The largest encoded state. A snapshot contains all sessions, and a node encodes them between two
 * applied entries.
 */
const encodedBytesAllowed = 256 * 1024 * 1024;

/**
 * Checks the options of a manager and fills in the defaults.
 *
 * @throws SessionError (`SESSION_INVALID`), which names the option, the value, and the values that
 *   are allowed.
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
    const problem = `the option ${unknown ?? 'expireMs'} is unknown for this kind of sessions. The options are: ${known.join(', ')}`;
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
