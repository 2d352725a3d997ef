/**
 * Counts and reports messages of other nodes that this node has refused. Each node is reported, in
 * the log and in an event, at most once a minute for each reason, so that a node that repeats a
 * message cannot fill the log. Ids can be made up, so all reports together are limited to 20 a
 * minute, and 10 about nodes that are not members.
 */
import type { Clock } from '@babuza/vfs';
import type { RaftEvent, RefusedMessageKind } from '../events.ts';
import { ReportLimit } from '../identity/report-limit.ts';
import type { Logger } from '../ports/logger.ts';

export interface RefusedMessagesParts {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
  readonly isMember: (id: bigint) => boolean;
}

interface Told {
  readonly atMs: number;
  /** Messages that were refused since the last report. */
  untold: number;
}

const toldEveryMs = 60_000;
/**
 * From this many on, reports that are older than a minute are forgotten. Ids can be made up, so
 * their number must have a bound.
 */
const toldMax = 64;

export class RefusedMessages {
  readonly #parts: RefusedMessagesParts;
  /** Limits all reports together, and so how many remembered reports are younger than a minute. */
  readonly #limit: ReportLimit;
  readonly #told = new Map<string, Told>();
  #count = 0;

  constructor(parts: RefusedMessagesParts) {
    this.#parts = parts;
    this.#limit = new ReportLimit(parts.clock);
  }

  /** How many messages were refused since the start of the node. */
  get count(): number {
    return this.#count;
  }

  /** How many senders and reasons are remembered. */
  get remembered(): number {
    return this.#told.size;
  }

  /**
   * Counts a refused message. Reports it unless the same sender was reported for this reason within
   * the last minute, or the limit of all reports is reached.
   */
  refuse(member: bigint, kind: RefusedMessageKind, what: string): void {
    this.#count += 1;
    const { clock, logger, tell, isMember } = this.#parts;
    const name = `${member} ${kind}`;
    const nowMs = clock.monotonicMs();
    const before = this.#told.get(name);
    const isDue = before === undefined || nowMs - before.atMs >= toldEveryMs;
    const leftOut = isDue ? this.#limit.take(isMember(member)) : undefined;
    if (leftOut === undefined) {
      if (before !== undefined) before.untold += 1;
      return;
    }
    const times = (before?.untold ?? 0) + 1;
    if (this.#told.size >= toldMax) this.#forgetOld(nowMs);
    this.#told.set(name, { atMs: nowMs, untold: 0 });
    const message = `a message of node ${member} is refused: ${what}`;
    logger?.warn(message, { member, kind, times, leftOut });
    tell({ type: 'message-refused', member, kind, message, times });
  }

  #forgetOld(nowMs: number): void {
    for (const [name, { atMs }] of this.#told) {
      if (nowMs - atMs >= toldEveryMs) this.#told.delete(name);
    }
  }
}
