/**
 * Sessions that end when they were not used for long. Time is the time of the log: a cluster that
 * applies nothing ends no session, however long it sleeps.
 */
import { checkedLimits, type SessionOptions } from './session-limits.ts';
import { SessionTable } from './session-table.ts';

/** 16,384 sessions by default: against clients that register without end. */
export interface ExpireSessionOptions extends SessionOptions {
  /** A session ends when its last use is older; 30 minutes by default. */
  readonly expireMs?: number | undefined;
}

const defaults = { sessionsMax: 16_384, expireMs: 30 * 60 * 1000 };

export class ExpireSessionManager extends SessionTable {
  constructor(options: ExpireSessionOptions = {}) {
    super('expire', checkedLimits(options, defaults));
  }
}
