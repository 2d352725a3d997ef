/** Notices that something comes, and so slowly that it would hold its place for ever. */
import type { Clock } from '@babuza/vfs';

/** Snapshots that are sent at the lowest rate of the options, 16 at a time, are above it. */
export const bytesPerSecondMin = 64;
/**
 * A single wait counts for so much of the window at most: a pause of this process says nothing of
 * the peer.
 */
const stepsPerWindow = 5;

/**
 * Counts the time in which this side waits for the other one, and what comes in it. The time in
 * which this side does not read counts for nothing.
 */
export class RateWatch {
  readonly #clock: Clock;
  readonly #windowMs: number;
  #waitingSinceMs: number | undefined;
  #waitedMs = 0;
  #bytes = 0;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  /** From now on this side waits for the next bytes. */
  wait(): void {
    this.#waitingSinceMs ??= this.#clock.monotonicMs();
  }

  /**
   * Bytes have come. The answer is whether they come fast enough. Where nothing was waited for they
   * count for nothing.
   */
  came(bytes: number): boolean {
    if (this.#waitingSinceMs === undefined) return true;
    const sinceMs = this.#clock.monotonicMs() - this.#waitingSinceMs;
    this.#waitingSinceMs = undefined;
    this.#waitedMs += Math.min(sinceMs, this.#windowMs / stepsPerWindow);
    this.#bytes += bytes;
    if (this.#waitedMs < this.#windowMs) return true;
    const isFast = this.#bytes * 1000 >= bytesPerSecondMin * this.#waitedMs;
    this.reset();
    return isFast;
  }

  /** Nothing is under way any more: a new window begins. */
  reset(): void {
    this.#waitingSinceMs = undefined;
    this.#waitedMs = 0;
    this.#bytes = 0;
  }
}
