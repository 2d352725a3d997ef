/** Sessions that end when there are too many: the least recently used one ends first. */
import { checkedLimits, type SessionOptions } from './session-limits.ts';
import { SessionTable } from './session-table.ts';

/**
 * The default limit is 128 sessions. A client has lost its session when that many others were used
 * since.
 */
export type LruSessionOptions = SessionOptions;

const defaults = { sessionsMax: 128, expireMs: 0 };

export class LruSessionManager extends SessionTable {
  constructor(options: LruSessionOptions = {}) {
    super('lru', checkedLimits(options, defaults));
  }
}
