/**
 * Sessions that end when there are too many: the one whose last use lies furthest back in the log
 * goes first.
 */
import { checkedLimits, type SessionOptions } from './session-limits.ts';
import { SessionTable } from './session-table.ts';

/** 128 sessions by default. A client that comes back after so many others has lost its session. */
export type LruSessionOptions = SessionOptions;

const defaults = { sessionsMax: 128, expireMs: 0 };

export class LruSessionManager extends SessionTable {
  constructor(options: LruSessionOptions = {}) {
    super('lru', checkedLimits(options, defaults));
  }
}
