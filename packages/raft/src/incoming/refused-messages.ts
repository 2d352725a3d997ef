/**
 * Messages of other nodes that this node has refused. Each is counted. A node is named in the log
 * and in an event at most once a minute for each reason, so that a node that repeats a message
 * cannot fill the log.
 */
import type { Clock } from '@babuza/vfs';
import type { RaftEvent } from '../events.ts';
import type { Logger } from '../ports/logger.ts';

/** Why a message was refused. */
export type RefusedMessageKind =
  /** The message has a term that no election of an honest cluster reaches. */
  | 'term'
  /** The term rises faster than the elections of an honest cluster can raise it. */
  | 'term-jump'
  /** The sender is no member, and only a member may ask for this. */
  | 'not-a-member'
  /** The message has a proposal that no member hands on. */
  | 'proposal'
  /** The message tells a commit index that this log does not reach. */
  | 'commit'
  /** The message offers a snapshot that this node does not want from this sender. */
  | 'snapshot';

export interface RefusedMessagesParts {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
}

interface Told {
  readonly atMs: number;
  /** Messages that were refused since the last report. */
  untold: number;
}

const toldEveryMs = 60_000;
/** Anybody can make up ids of nodes: more senders than these are only counted. */
const toldMax = 256;

export class RefusedMessages {
  readonly #parts: RefusedMessagesParts;
  readonly #told = new Map<string, Told>();
  #count = 0;
  /** The table is full, and nothing in it is old, until then. */
  #fullUntilMs = -Infinity;

  constructor(parts: RefusedMessagesParts) {
    this.#parts = parts;
  }

  /** How many messages were refused since the start of the node. */
  get count(): number {
    return this.#count;
  }

  /** Counts a message that was refused, and reports it unless its sender was just reported. */
  refuse(member: bigint, kind: RefusedMessageKind, what: string): void {
    this.#count += 1;
    const { clock, logger, tell } = this.#parts;
    const name = `${member} ${kind}`;
    const nowMs = clock.monotonicMs();
    const before = this.#told.get(name);
    if (before !== undefined && nowMs - before.atMs < toldEveryMs) {
      before.untold += 1;
      return;
    }
    if (before === undefined && nowMs >= this.#fullUntilMs) this.#forgetOld(nowMs);
    if (before === undefined && this.#told.size >= toldMax) return;
    const times = (before?.untold ?? 0) + 1;
    this.#told.set(name, { atMs: nowMs, untold: 0 });
    const message = `a message of node ${member} is refused: ${what}`;
    logger?.warn(message, { member, kind, times });
    tell({ type: 'message-refused', member, kind, message, times });
  }

  /** Looks through the table only where something in it may be old enough to be forgotten. */
  #forgetOld(nowMs: number): void {
    if (this.#told.size < toldMax) return;
    let oldestMs = Infinity;
    for (const [name, { atMs }] of this.#told) {
      if (nowMs - atMs >= toldEveryMs) this.#told.delete(name);
      else oldestMs = Math.min(oldestMs, atMs);
    }
    if (this.#told.size >= toldMax) this.#fullUntilMs = oldestMs + toldEveryMs;
  }
}
