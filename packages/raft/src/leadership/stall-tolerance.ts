/**
 * How much slower than its bound a leader may be. The factor doubles each time that the node
 * transfers leadership, so that leadership settles when all disks, or all processes, are equally
 * slow. It returns to 1 after some ticks in a row with quick saves. Without saves it is halved from
 * time to time.
 */

const factorMax = 32;
/** In ticks. */
const calmTicksMin = 5;
/** In election timeouts. */
const halvedAfterTimeouts = 60;

/**
 * `quick`: saves have finished since the last tick, and none was pending for a whole tick; `slow`:
 * one was; `none`: no save has finished, and none was pending for a whole tick.
 */
export type TickOfSaves = 'quick' | 'slow' | 'none';

export class StallTolerance {
  readonly #halvedAfterMs: number;
  #factor = 1;
  #calmTicks = 0;
  #sinceChangeMs = 0;

  constructor(electionTimeoutMs: number) {
    this.#halvedAfterMs = halvedAfterTimeouts * electionTimeoutMs;
  }

  /** The factor by which a bound is multiplied: 1 to 32. */
  get factor(): number {
    return this.#factor;
  }

  /** Called when the node transfers leadership. */
  leadershipTransferred(): void {
    this.#factor = Math.min(factorMax, 2 * this.#factor);
    this.#calmTicks = 0;
    this.#sinceChangeMs = 0;
  }

  tick(passedMs: number, saves: TickOfSaves): void {
    if (saves === 'quick') this.#calmTicks += 1;
    else if (saves === 'slow') this.#calmTicks = 0;
    if (this.#calmTicks >= calmTicksMin) this.#factor = 1;
    this.#sinceChangeMs += passedMs;
    if (this.#sinceChangeMs < this.#halvedAfterMs) return;
    this.#sinceChangeMs = 0;
    this.#factor = Math.max(1, this.#factor / 2);
  }
}
