/** When the next attempt to reach a peer is due. */
import type { Clock, Random } from '@babuza/vfs';

/**
 * Between attempts; doubled after each that fails. Short against an election, so that a peer that
 * is back is heard of.
 */
const pauseMinMs = 50;
const pauseMaxMs = 1000;

export class Attempts {
  readonly #clock: Clock;
  readonly #random: Random;
  #failures = 0;
  #dueMs = 0;
  #appearedMs = -Infinity;
  #openedMs = 0;

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  get isDue(): boolean {
    return this.#clock.monotonicMs() >= this.#dueMs;
  }

  failed(): void {
    const pauseMs = Math.min(pauseMaxMs, pauseMinMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    // Not all of a cluster in one moment.
    const share = 0.5 + this.#random.uint32() / 2 ** 33;
    this.#dueMs = this.#clock.monotonicMs() + pauseMs * share;
  }

  opened(): void {
    this.#openedMs = this.#clock.monotonicMs();
  }

  /**
   * Whether the connection counts as a good one: one that breaks as soon as it is open is as bad as
   * none.
   */
  answered(): boolean {
    if (this.#clock.monotonicMs() - this.#openedMs < pauseMaxMs) return false;
    this.#failures = 0;
    return true;
  }

  /** What has failed before says nothing about the next attempt. */
  makeDue(): void {
    this.#dueMs = 0;
  }

  /**
   * The peer has connected to this member. One that does so all the time, and lets nobody in, is
   * not tried all the time: the answer is whether this time counts.
   */
  appeared(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#appearedMs < pauseMaxMs) return false;
    this.#appearedMs = nowMs;
    this.makeDue();
    return true;
  }
}
