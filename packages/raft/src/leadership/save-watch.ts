/**
 * How long the log has had work and has finished none of it. It is asked once in each tick, so that
 * a save costs nothing: the answer is up to a tick too small, never too large.
 */

import type { TickOfSaves } from './patience.ts';

/** What is asked of the way to the log. */
export interface WatchedSaves {
  /** Whether a save or a sync has not been answered. */
  readonly isBusy: boolean;
  /** How many of them have succeeded so far. */
  readonly finishedCount: number;
}

export class SaveWatch {
  readonly #saves: WatchedSaves;
  #wasBusy = false;
  #finishedCount = 0;
  #waitedMs = 0;
  #lastTick: TickOfSaves = 'none';

  constructor(saves: WatchedSaves) {
    this.#saves = saves;
  }

  /**
   * For how long the oldest save has been the oldest one, as far as it is known. 0 while saves
   * finish.
   */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** How saves have done between the last two calls of `tick`. */
  get lastTick(): TickOfSaves {
    return this.#lastTick;
  }

  /** `passedMs` have passed since the last call. */
  tick(passedMs: number): void {
    const { isBusy, finishedCount } = this.#saves;
    const hasFinished = finishedCount !== this.#finishedCount;
    const waitedBefore = this.#waitedMs > 0;
    const isSame = isBusy && this.#wasBusy && !hasFinished;
    this.#waitedMs = isSame ? this.#waitedMs + passedMs : 0;
    if (isSame || waitedBefore) this.#lastTick = 'slow';
    else this.#lastTick = hasFinished ? 'quick' : 'none';
    this.#wasBusy = isBusy;
    this.#finishedCount = finishedCount;
  }
}
