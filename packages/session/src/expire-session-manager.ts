/**
 * Sessions that end when they were not used for a long time. Time is the time of the log: a cluster
 * that applies nothing ends no session.
 */
import { checkedLimits, type SessionOptions } from './session-limits.ts';
import { SessionTable } from './session-table.ts';

/** The default limit of 16,384 sessions protects against clients that register without end. */
export interface ExpireSessionOptions extends SessionOptions {
  /**
   * How long a session lives after its last use, in milliseconds of the time of the log. Default 30
   * minutes; at least 1.
   */
  readonly expireMs?: number | undefined;
}

const defaults = { sessionsMax: 16_384, expireMs: 30 * 60 * 1000 };

export class ExpireSessionManager extends SessionTable {
  constructor(options: ExpireSessionOptions = {}) {
    super('expire', checkedLimits(options, defaults));
  }
}
