/**
 * Problems with other members, for people. Each is logged once, however often it is met, and is
 * over when it is said to be, or when it was not met for a minute.
 */
import type { Clock } from '@babuza/vfs';
import type { RaftEvent } from '../events.ts';
import type { Logger } from '../ports/logger.ts';

export interface ToldProblemsParts {
  readonly clock: Clock;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
}

interface Told {
  readonly kind: string;
  readonly message: string;
  readonly atMs: number;
  readonly isOver: boolean;
}

const keptMs = 60_000;
/** Anybody can make up ids of members. */
const toldMax = 256;

export class ToldProblems {
  readonly #parts: ToldProblemsParts;
  readonly #told = new Map<bigint, Told>();

  constructor(parts: ToldProblemsParts) {
    this.#parts = parts;
  }

  /**
   * A problem of the same kind may have another message each time: it is told once all the same.
   */
  met(id: bigint, kind: string, message: string): void {
    const { clock, logger, tell } = this.#parts;
    const before = this.#told.get(id);
    if (this.#told.size >= toldMax && before === undefined) this.#told.clear();
    this.#told.set(id, { kind, message, atMs: clock.monotonicMs(), isOver: false });
    if (before?.kind === kind && this.#isRecent(before)) return;
    logger?.warn(message);
    tell({ type: 'member-refused', id, message });
  }

  /** It is remembered for a while: one that comes and goes all the time is not told each time. */
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

  messages(): readonly string[] {
    return [...this.#told.values()]
      .filter((told) => this.#isCurrent(told))
      .map(({ message }) => message);
  }

  #isCurrent(told: Told): boolean {
    return !told.isOver && this.#isRecent(told);
  }

  #isRecent({ atMs }: Told): boolean {
    return this.#parts.clock.monotonicMs() - atMs <= keptMs;
  }
}
