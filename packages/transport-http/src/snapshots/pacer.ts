/** Limits the rate of all callers together, in bytes per second. */
import { pause, type Clock } from '@babuza/vfs';

export class Pacer {
  readonly #clock: Clock;
  readonly #bytesPerMs: number;
  #freeMs = 0;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Resolves when this many bytes may be sent. Rejects with the reason of the signal. */
  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const waitMs = Math.max(0, this.#freeMs - nowMs);
    this.#freeMs = nowMs + waitMs + bytes / this.#bytesPerMs;
    if (waitMs > 0) await pause(this.#clock, waitMs, signal);
  }
}
