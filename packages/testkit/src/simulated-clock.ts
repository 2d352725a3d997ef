/**
 * A clock that only moves when a test moves it. Timers fire in the order of their due time, then of
 * their start. A stopped clock fires no timer, because its process is dead.
 */
import type { Clock, Timer } from '@babuza/vfs';

interface Pending {
  readonly dueMs: number;
  readonly callback: () => void;
}

/**
 * A clock that tests move by hand. The monotonic clock starts at 0 ms, the wall clock at
 * 2024-01-01.
 */
export class SimulatedClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number = Date.UTC(2024, 0, 1);
  #pending: Pending[] = [];
  #stopped = false;

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  startTimer(delayMs: number, callback: () => void): Timer {
    const pending = { dueMs: this.#nowMs + Math.max(0, delayMs), callback };
    const index = this.#pending.findIndex((other) => other.dueMs > pending.dueMs);
    this.#pending.splice(index === -1 ? this.#pending.length : index, 0, pending);
    return {
      cancel: () => {
        this.#pending = this.#pending.filter((other) => other !== pending);
      },
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.startTimer(delayMs, resolve);
    });
  }

  /** The number of timers and sleeps that have not fired. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /**
   * Advances by `byMs`. At each timer on the way the clock stops, fires it, and lets all
   * consequences of it run.
   */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await turnOfEventLoop();
    while ((this.#pending[0]?.dueMs ?? Infinity) <= untilMs && this.fireNext()) {
      await turnOfEventLoop();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Moves to the next timer and fires it. Returns false if there is no timer. */
  fireNext(): boolean {
    const next = this.#stopped ? undefined : this.#pending.shift();
    if (next === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    next.callback();
    return true;
  }

  /** Makes the wall clock jump by `byMs`, also backwards, as an operator or NTP does. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Cancels all timers; no timer fires any more. */
  stop(): void {
    this.#stopped = true;
    this.#pending = [];
  }
}

/** Resolves when all microtasks are done. In a simulated world nothing can run then. */
export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
