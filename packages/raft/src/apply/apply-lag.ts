/**
 * Measures how long committed entries wait for the state machine. It notes a commit index and the
 * time, and checks when that index is applied; then it notes the next one. So it detects a state
 * machine that does not answer as well as one that falls further behind with every entry, and it
 * costs nothing per entry.
 */
import type { Clock, Timer } from '@babuza/vfs';
import type { RaftEvent } from '../events.ts';
import type { Logger } from '../ports/logger.ts';

export interface ApplyLagParts {
  readonly clock: Clock;
  /** From this lag on the state machine counts as behind, in ms; `Infinity`: never. */
  readonly lagMsMax: number;
  readonly commitIndex: () => number;
  readonly appliedIndex: () => number;
  readonly logger: Logger | undefined;
  readonly tell: (event: RaftEvent) => void;
}

interface Mark {
  readonly index: number;
  /**
   * When the index was noted. A stall of the process since then is added, so that it does not count
   * as lag.
   */
  readonly notedMs: number;
  /** When the index was last checked. */
  readonly checkedMs: number;
}

const checksPerLag = 10;
const checkMsMin = 10;
const checkMsMax = 1000;

export class ApplyLag {
  readonly #parts: ApplyLagParts;
  readonly #checkMs: number;
  #mark: Mark | undefined;
  /** The lag of the last noted index that was applied. */
  #lastLagMs = 0;
  #behind = false;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(parts: ApplyLagParts) {
    this.#parts = parts;
    this.#checkMs = Math.min(checkMsMax, Math.max(checkMsMin, parts.lagMsMax / checksPerLag));
  }

  start(): void {
    // A node may stop while it starts.
    if (this.#parts.lagMsMax === Infinity || this.#stopped) return;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Why the state machine counts as behind; `undefined` when it does not. */
  get problem(): string | undefined {
    if (!this.#behind) return undefined;
    const { appliedIndex, commitIndex, lagMsMax } = this.#parts;
    return `the state machine is behind: it has applied ${appliedIndex()} of ${commitIndex()} entries, and one that is committed has waited for ${Math.round(this.lagMs)} ms (applyLagMsMax is ${lagMsMax})`;
  }

  /** How long a committed entry has waited to be applied, in ms; 0 when none waits. */
  get lagMs(): number {
    const mark = this.#mark;
    const isWaiting = mark !== undefined && this.#parts.appliedIndex() < mark.index;
    const waitedMs = isWaiting ? this.#parts.clock.monotonicMs() - mark.notedMs : 0;
    return Math.max(waitedMs, this.#lastLagMs);
  }

  #schedule(): void {
    this.#timer = this.#parts.clock.startTimer(this.#checkMs, () => {
      this.#check();
      this.#schedule();
    });
  }

  #check(): void {
    const { clock, lagMsMax, commitIndex, appliedIndex } = this.#parts;
    const nowMs = clock.monotonicMs();
    const applied = appliedIndex();
    const commit = commitIndex();
    if (this.#mark !== undefined) this.#checkMark(this.#mark, nowMs, applied);
    if (commit <= applied) this.#lastLagMs = 0;
    else this.#mark ??= { index: commit, notedMs: nowMs, checkedMs: nowMs };
    const behind = this.lagMs >= lagMsMax;
    if (behind !== this.#behind)
      this.#changed(behind, { appliedIndex: applied, commitIndex: commit });
  }

  #checkMark({ index, notedMs, checkedMs }: Mark, nowMs: number, applied: number): void {
    const pausedMs = nowMs - checkedMs - this.#checkMs;
    // A stall of the process says nothing about the state machine.
    const sinceMs = pausedMs > this.#checkMs ? notedMs + pausedMs : notedMs;
    if (applied >= index) {
      this.#lastLagMs = nowMs - sinceMs;
      this.#mark = undefined;
    } else this.#mark = { index, notedMs: sinceMs, checkedMs: nowMs };
  }

  #changed(behind: boolean, indexes: { appliedIndex: number; commitIndex: number }): void {
    const { logger, tell } = this.#parts;
    this.#behind = behind;
    const fields = { lagMs: this.lagMs, ...indexes };
    const { problem } = this;
    if (problem === undefined) logger?.info('the state machine has caught up', fields);
    else logger?.warn(problem, fields);
    tell({ type: 'state-machine-behind', behind, ...fields });
  }
}
