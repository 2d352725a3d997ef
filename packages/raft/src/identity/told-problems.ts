/**
 * Problems with other members, as text for people. Each is reported once, however often it is met.
 * It ends when `over` is called, or when it was not met for a minute. All reports together have a
 * limit, because any node that can connect can make up members and problems.
 */
import type { Clock } from '@babuza/vfs';
import type { RaftEvent } from '../events.ts';
import type { Logger } from '../ports/logger.ts';
import type { ReportLimit } from './report-limit.ts';

/** The kind is never a text of the other side, which could turn one problem into many. */
export type ProblemKind =
  | 'unreadable'
  | 'another-origin'
  | 'another-birth'
  | 'another-log'
  | 'fewer-starts'
  | 'same-start'
  | 'lost-entries'
  | 'another-history'
  | 'refused-by-it';

export interface ToldProblemsParts {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
  readonly isMember: (id: bigint) => boolean;
  readonly limit: ReportLimit;
}

interface Told {
  /** When each reported problem was met last. */
  readonly reportedMs: Map<ProblemKind, number>;
  readonly message: string;
  readonly atMs: number;
  readonly isOver: boolean;
}

const keptMs = 60_000;
/** Above this number, nodes that are not members are forgotten to make room for new ones. */
const toldMax = 256;
/**
 * How many nodes that are not members are listed. `readiness()` is called all the time, and its
 * texts get into answers and logs.
 */
const strangersListedMax = 10;

export class ToldProblems {
  readonly #parts: ToldProblemsParts;
  /** In the order in which they were met last. */
  readonly #told = new Map<bigint, Told>();

  constructor(parts: ToldProblemsParts) {
    this.#parts = parts;
  }

  /**
   * A problem of the same kind may have a different message each time. It is reported once all the
   * same.
   */
  met(id: bigint, kind: ProblemKind, message: string): void {
    const atMs = this.#parts.clock.monotonicMs();
    const before = this.#told.get(id);
    if (before === undefined) this.#makeRoom();
    const reportedMs = before?.reportedMs ?? new Map<ProblemKind, number>();
    this.#told.delete(id);
    this.#told.set(id, { reportedMs, message, atMs, isOver: false });
    const lastMs = reportedMs.get(kind) ?? -Infinity;
    if (this.#isRecent(lastMs) || this.#report(id, kind, message)) reportedMs.set(kind, atMs);
  }

  /**
   * Ends the problem. It is remembered for a while, so that one that comes and goes is not reported
   * each time.
   */
  over(id: bigint): void {
    const told = this.#told.get(id);
    if (told !== undefined) this.#told.set(id, { ...told, isOver: true });
  }

  forget(id: bigint): void {
    this.#told.delete(id);
  }

  has(id: bigint): boolean {
    if (this.#told.size === 0) return false;
    const told = this.#told.get(id);
    return told !== undefined && this.#isCurrent(told);
  }

  /**
   * The messages about all members and about the latest ten nodes that are not members, and the
   * number of other such nodes.
   */
  messages(): readonly string[] {
    const current = [...this.#told].filter(([, told]) => this.#isCurrent(told));
    const ofMembers = current.filter(([id]) => this.#parts.isMember(id));
    const ofStrangers = current.filter(([id]) => !this.#parts.isMember(id));
    const listed = [...ofMembers, ...ofStrangers.slice(-strangersListedMax)];
    const messages = listed.map(([, { message }]) => message);
    const left = ofStrangers.length - strangersListedMax;
    return left > 0
      ? [...messages, `the same for ${left} other nodes that are not members`]
      : messages;
  }

  /** Whether the problem is reported now; otherwise the next report counts it as left out. */
  #report(id: bigint, kind: ProblemKind, message: string): boolean {
    const { logger, tell, isMember, limit } = this.#parts;
    const leftOut = limit.take(isMember(id));
    if (leftOut === undefined) return false;
    logger?.warn(message, { member: id, kind, leftOut });
    tell({ type: 'member-refused', id, message, leftOut });
    return true;
  }

  #makeRoom(): void {
    if (this.#told.size < toldMax) return;
    for (const id of this.#told.keys()) {
      if (this.#parts.isMember(id)) continue;
      this.#told.delete(id);
      return;
    }
  }

  #isCurrent({ isOver, atMs }: Told): boolean {
    return !isOver && this.#isRecent(atMs);
  }

  #isRecent(atMs: number): boolean {
    return this.#parts.clock.monotonicMs() - atMs <= keptMs;
  }
}
