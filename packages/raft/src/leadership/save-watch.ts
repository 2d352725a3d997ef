/**
 * Measures how long the log has had saves to do without finishing any. It is checked once in each
 * tick, so that a save costs nothing. The result is up to a tick too small, never too large.
 */

import type { TickOfSaves } from './stall-tolerance.ts';

/** The part of the append path that is watched. */
export interface WatchedSaves {
  /** Whether a save or a sync is pending. */
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
   * How long the oldest pending save has been the oldest, in ms, as far as it is known; 0 while
   * saves finish.
   */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** How the saves did between the last two calls of `tick`. */
  get lastTick(): TickOfSaves {
    return this.#lastTick;
  }

  /** `passedMs` is the time since the last call. */
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
