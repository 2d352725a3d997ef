/**
 * The clock for the timestamps of entries. It is the wall clock of this node, kept within five
 * minutes of the median of the members' clocks, as far as their introductions have told them. So
 * one wrong clock, even that of the leader, cannot move the log time. With an even number of clocks
 * the earlier of the two in the middle counts, because a session that ends late is less harmful
 * than one that ends early. A clock that differs from the median is reported.
 *
 * Decision: docs/decisions/0017-plausible-messages.md.
 */
import type { Clock, Timer } from '@babuza/vfs';
import type { RaftEvent } from '../events.ts';
import { logTimeMsMax } from './log-time.ts';
import type { Logger } from '../ports/logger.ts';

/** How far the timestamps of this node may be from the median of the clocks, in ms. */
export const clockToleranceMs: number = 5 * 60_000;
const toldEveryMs = 10 * 60_000;

export interface MemberClockParts {
  readonly clock: Clock;
  readonly nodeId: bigint;
  /** Only the clocks of members count. */
  readonly isMember: (id: bigint) => boolean;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
}

export class MemberClock implements Clock {
  readonly #parts: MemberClockParts;
  /** The wall clock of each other member, minus the monotonic clock of this node. */
  readonly #offsetsMs = new Map<bigint, number>();
  readonly #toldAtMs = new Map<bigint, number>();
  /** The median lies between these two offsets, whatever this node's own clock says. */
  #lowerMs = -Infinity;
  #upperMs = Infinity;
  #ownDifferenceMs = 0;

  constructor(parts: MemberClockParts) {
    this.#parts = parts;
  }

  monotonicMs(): number {
    return this.#parts.clock.monotonicMs();
  }

  startTimer(delayMs: number, callback: () => void, keepsAlive?: boolean): Timer {
    return this.#parts.clock.startTimer(delayMs, callback, keepsAlive);
  }

  sleep(delayMs: number): Promise<void> {
    return this.#parts.clock.sleep(delayMs);
  }

  /**
   * The time for the timestamp of an entry, in ms since 1970. It is 0, which does not move the log
   * time, when neither this clock nor those of the members have a time before the year 2248.
   */
  wallMs(): number {
    const { clock, nodeId } = this.#parts;
    const ownMs = clock.wallMs();
    const isPlausible = isTime(ownMs);
    const medianMs = this.#medianMs();
    // With no plausible time of its own or of others, the node has no time.
    if (!isTime(medianMs)) {
      this.#ownClock(Infinity);
      return 0;
    }
    const differenceMs = isPlausible ? ownMs - medianMs : Infinity;
    this.#ownClock(differenceMs);
    if (Math.abs(differenceMs) <= clockToleranceMs) return Math.max(0, ownMs);
    this.#tell(nodeId, differenceMs);
    if (!isPlausible) return medianMs;
    return Math.max(0, medianMs + Math.sign(differenceMs) * clockToleranceMs);
  }

  /** Called with the wall clock of a member. */
  heard(id: bigint, wallMs: number): void {
    const { clock, nodeId, isMember } = this.#parts;
    if (id === nodeId || !isMember(id)) return;
    const nowMs = clock.monotonicMs();
    // An impossible time counts as a clock that is far ahead.
    this.#offsetsMs.set(id, isTime(wallMs) ? wallMs - nowMs : logTimeMsMax);
    this.#count();
    // This node's own clock may be the wrong one.
    this.wallMs();
    const differenceMs = wallMs - this.#medianMs();
    if (!(Math.abs(differenceMs) <= clockToleranceMs)) this.#tell(id, differenceMs);
  }

  /** Called when the membership has changed. */
  membershipChanged(): void {
    for (const id of this.#offsetsMs.keys()) {
      if (this.#parts.isMember(id)) continue;
      this.#offsetsMs.delete(id);
      this.#toldAtMs.delete(id);
    }
    this.#count();
  }

  /** How the clock of this node is wrong, as text for people; `undefined` when it is not. */
  get problem(): string | undefined {
    this.wallMs();
    if (Math.abs(this.#ownDifferenceMs) <= clockToleranceMs) return undefined;
    return `the clock of this node ${differs(this.#ownDifferenceMs)}`;
  }

  #ownClock(differenceMs: number): void {
    this.#ownDifferenceMs = differenceMs;
    if (differenceMs === Infinity) this.#tell(this.#parts.nodeId, differenceMs);
  }

  /** The lower median of this node's clock and those of the others, as the current time. */
  #medianMs(): number {
    const { clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const ownMs = clock.wallMs();
    const offsetMs = isTime(ownMs) ? ownMs - nowMs : Infinity;
    return Math.min(Math.max(offsetMs, this.#lowerMs), this.#upperMs) + nowMs;
  }

  #count(): void {
    const sorted = [...this.#offsetsMs.values()].sort((a, b) => a - b);
    const middle = Math.floor(sorted.length / 2);
    this.#lowerMs = sorted[middle - 1] ?? -Infinity;
    this.#upperMs = sorted[middle] ?? Infinity;
  }

  #tell(member: bigint, differenceMs: number): void {
    const { clock, logger, tell } = this.#parts;
    const nowMs = clock.monotonicMs();
    if (nowMs - (this.#toldAtMs.get(member) ?? -Infinity) < toldEveryMs) return;
    this.#toldAtMs.set(member, nowMs);
    logger?.warn(`the clock of member ${member} ${differs(differenceMs)}`, { member });
    tell({ type: 'clock-differs', member, differenceMs });
  }
}

/** Whether the wall clock of a machine can have this time. */
function isTime(wallMs: number): boolean {
  return wallMs >= 0 && wallMs <= logTimeMsMax;
}

function differs(differenceMs: number): string {
  const toDo = 'set it, and keep it synchronised with NTP';
  if (!Number.isFinite(differenceMs)) return `tells no time between 1970 and 2248: ${toDo}`;
  const seconds = Math.round(Math.abs(differenceMs) / 1000);
  const direction = differenceMs > 0 ? 'ahead of' : 'behind';
  return `is ${seconds} s ${direction} the median of the members' clocks: ${toDo}`;
}
