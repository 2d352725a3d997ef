/** Detects a peer that sends so slowly that it would occupy its connection forever. */
import type { Clock } from '@babuza/vfs';

/**
 * The minimum rate in bytes per second. Sixteen snapshots at the lowest rate of the options, sent
 * at the same time, are still faster.
 */
export const bytesPerSecondMin = 64;
/**
 * The limit on a single wait, as a fraction of the window: a pause of this process must not count
 * against the peer.
 */
const stepsPerWindow = 5;

/**
 * Measures how long this side waits for the peer and how many bytes arrive in that time. Time in
 * which this side does not read is not counted.
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

  /** This side begins to wait for more bytes. */
  wait(): void {
    this.#waitingSinceMs ??= this.#clock.monotonicMs();
  }

  /**
   * Bytes have arrived. Returns false if the peer is too slow. Bytes that were not waited for are
   * ignored.
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

  /** No frame is in progress: starts a new window. */
  reset(): void {
    this.#waitingSinceMs = undefined;
    this.#waitedMs = 0;
    this.#bytes = 0;
  }
}
