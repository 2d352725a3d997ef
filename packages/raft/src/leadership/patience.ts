/**
 * How much slower than its bound a leader may be. The factor doubles each time that the node hands
 * leadership over, so that leadership comes to rest where all disks, or all processes, are equally
 * slow. It returns to 1 after some ticks in a row whose saves were quick; where there are none, it
 * halves from time to time.
 */

const factorMax = 32;
/** In ticks. */
const calmTicksMin = 5;
/** In election timeouts. */
const halvedAfterTimeouts = 60;

/**
 * `quick`: saves have finished since the last tick, and none waits; `none`: no save has finished,
 * and none waits.
 */
export type TickOfSaves = 'quick' | 'slow' | 'none';

export class Patience {
  readonly #halvedAfterMs: number;
  #factor = 1;
  #calmTicks = 0;
  #sinceChangeMs = 0;

  constructor(electionTimeoutMs: number) {
    this.#halvedAfterMs = halvedAfterTimeouts * electionTimeoutMs;
  }

  /** By what a bound is multiplied: 1 to 32. */
  get factor(): number {
    return this.#factor;
  }

  /** The node hands leadership over. */
  handedOver(): void {
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
