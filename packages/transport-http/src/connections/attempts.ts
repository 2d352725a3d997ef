/** Decides when the next attempt to connect to a peer is due. */
import type { Clock, Random } from '@babuza/vfs';

/**
 * The pause between attempts; it doubles after each failure. Its maximum is short compared with an
 * election timeout, so that a peer that is back is reached soon.
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
    // Random, so that the members of a cluster do not connect at the same moment.
    const share = 0.5 + this.#random.uint32() / 2 ** 33;
    this.#dueMs = this.#clock.monotonicMs() + pauseMs * share;
  }

  opened(): void {
    this.#openedMs = this.#clock.monotonicMs();
  }

  /**
   * The peer has answered on the connection. Returns true, and forgets earlier failures, once the
   * connection has lasted for a while: one that breaks right after it was opened counts as a failed
   * attempt.
   */
  answered(): boolean {
    if (this.#clock.monotonicMs() - this.#openedMs < pauseMaxMs) return false;
    this.#failures = 0;
    return true;
  }

  /** Makes an attempt due now, whatever has failed before. */
  makeDue(): void {
    this.#dueMs = 0;
  }

  /**
   * The peer has connected to this member, so an attempt is due now. At most one such event per
   * second counts, because a peer may connect all the time and still refuse this member. Returns
   * whether it counted.
   */
  appeared(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#appearedMs < pauseMaxMs) return false;
    this.#appearedMs = nowMs;
    this.makeDue();
    return true;
  }
}
