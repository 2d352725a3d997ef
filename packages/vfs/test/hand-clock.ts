import type { Clock, Timer } from '../src/index.ts';

/** A clock that stands still but for its sleeps, which end at once, and for what a test lets pass. */
export class HandClock implements Clock {
  /** Called at each sleep, when its time has passed. */
  onSleep: () => void = () => undefined;
  #monotonicMs = 0;
  #wallMs: number = Date.UTC(2024, 0, 1);
  #timers = new Set<() => void>();

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  startTimer(_delayMs: number, callback: () => void): Timer {
    const fire = (): void => callback();
    this.#timers.add(fire);
    return { cancel: () => void this.#timers.delete(fire) };
  }

  sleep(delayMs: number): Promise<void> {
    this.pass(delayMs);
    this.onSleep();
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }

  /** Time passes, and no timer fires: the process stands still. */
  pass(byMs: number): void {
    this.#monotonicMs += byMs;
    this.#wallMs += byMs;
  }

  /** The wall clock goes on alone, as while a machine sleeps, or is set back. */
  jumpWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** All timers fire now. */
  fireTimers(): void {
    const timers = [...this.#timers];
    this.#timers.clear();
    for (const fire of timers) fire();
  }
}
