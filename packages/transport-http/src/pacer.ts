/** Keeps what passes below a rate, in bytes a second. All who pass share it. */
import type { Clock } from '@babuza/vfs';

export class Pacer {
  readonly #clock: Clock;
  readonly #bytesPerMs: number;
  #freeMs = 0;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Resolves when so many bytes may pass. Rejects with the reason of the signal. */
  async pass(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#bytesPerMs === Infinity) return;
    const nowMs = this.#clock.monotonicMs();
    const waitMs = Math.max(0, this.#freeMs - nowMs);
    this.#freeMs = nowMs + waitMs + bytes / this.#bytesPerMs;
    if (waitMs > 0) await pause(this.#clock, waitMs, signal);
  }
}

/** Rejects with the reason of the signal; leaves no timer behind. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', settle);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = clock.startTimer(delayMs, settle);
    signal.addEventListener('abort', settle, { once: true });
    if (signal.aborted) settle();
  });
}
