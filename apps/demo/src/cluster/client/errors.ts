/**
 * The errors of the client. The codes are API and never change their meaning; the messages are for
 * people.
 */

/** The known outcome of a write, or of a change of the cluster, that failed. */
export type Outcome =
  /** It has not taken effect, and never will. */
  | 'not-applied'
  /** It has taken effect, or may still do so. */
  | 'unknown';

export type KeyValueErrorCode =
  /** A key, a value or an option that no node would take. Nothing was sent. */
  | 'KEY_VALUE_INVALID'
  /** The deadline of the call has passed; `cause` is what the last attempt came to. */
  | 'KEY_VALUE_DEADLINE'
  /**
   * The session of the write has ended at the cluster. It is never sent again within another one.
   */
  | 'KEY_VALUE_SESSION_EXPIRED'
  /** A node refused it for good; `answerCode` says why. */
  | 'KEY_VALUE_REFUSED'
  /**
   * A change of the cluster was sent, and its answer got lost: look at `members()` or `status()`.
   */
  | 'KEY_VALUE_OUTCOME_UNKNOWN'
  /** The answer did not come from this API. */
  | 'KEY_VALUE_UNREADABLE'
  /** The client was closed. */
  | 'KEY_VALUE_CLOSED';

export class KeyValueError extends Error {
  override readonly name: string = 'KeyValueError';
  readonly code: KeyValueErrorCode;
  readonly outcome: Outcome;
  /** The code of the node's last answer, as `RAFT_BUSY` or `API_INVALID_KEY`, where one came. */
  readonly answerCode: string | undefined;

  constructor(
    code: KeyValueErrorCode,
    message: string,
    { outcome, cause }: { readonly outcome: Outcome; readonly cause?: unknown },
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.outcome = outcome;
    this.answerCode = cause instanceof AnswerError ? cause.code : undefined;
  }
}

/**
 * The session has ended at the cluster, as it was not used for long, or too many others were; and
 * an earlier attempt of the write may have been applied. What was certainly not applied is written
 * within a new session instead.
 */
export class SessionExpiredError extends KeyValueError {
  override readonly name = 'SessionExpiredError';

  constructor(outcome: Outcome, cause: unknown) {
    super(
      'KEY_VALUE_SESSION_EXPIRED',
      outcome === 'unknown'
        ? 'the session has ended; whether the write was applied is not known'
        : 'the session has ended; the write was not applied',
      { outcome, cause },
    );
  }
}

/** A node's answer that is an error: the `cause` of the errors above. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  readonly code: string;
  readonly status: number;
  /** The API of the leader, where the node has named one. */
  readonly leaderApi: string | undefined;

  constructor(status: number, code: string, message: string, leaderApi: string | undefined) {
    super(`${status} ${code}: ${message}`);
    this.status = status;
    this.code = code;
    this.leaderApi = leaderApi;
  }
}

/**
 * No answer came: the connection failed or took too long. `sent`: the node may have got the whole
 * request.
 */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly sent: boolean;

  constructor(message: string, sent: boolean, cause: unknown) {
    super(message, { cause });
    this.sent = sent;
  }
}
