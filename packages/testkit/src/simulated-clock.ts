/**
 * A clock that stands still until somebody moves it. Timers fire in the order of their time, then
 * of their start. A stopped clock fires nothing any more: its process is dead.
 */
import type { Clock, Timer } from '@babuza/vfs';

interface Pending {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A clock that tests move by hand. It starts at 0 ms, and at the first of 2024 by the wall. */
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

  /** How many timers and sleeps are waiting. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /**
   * Moves on by `byMs`, stops at every timer on the way, fires it and lets everything that follows
   * from it happen.
   */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await turnOfEventLoop();
    while ((this.#pending[0]?.dueMs ?? Infinity) <= untilMs && this.fireNext()) {
      await turnOfEventLoop();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Moves on to the next timer and fires it; returns false if there is none. */
  fireNext(): boolean {
    const next = this.#stopped ? undefined : this.#pending.shift();
    if (next === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, next.dueMs);
    next.callback();
    return true;
  }

  /** Lets the wall clock jump by `byMs`, also backwards, as an operator or NTP does. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Nothing fires any more. */
  stop(): void {
    this.#stopped = true;
    this.#pending = [];
  }
}

/** Resolves when all microtasks are done: in a simulated world, when nothing moves any more. */
export function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
