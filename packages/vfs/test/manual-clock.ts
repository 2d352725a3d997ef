import type { Clock, Timer } from '../src/index.ts';

/** A clock that the test advances. A sleep advances it too, and ends at once. */
export class ManualClock implements Clock {
  /** Called at the end of each sleep. */
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

  /** Advances both clocks without firing a timer, as if the process were suspended. */
  pass(byMs: number): void {
    this.#monotonicMs += byMs;
    this.#wallMs += byMs;
  }

  /** Changes the wall clock only, as if the machine slept or the clock were set back. */
  jumpWall(byMs: number): void {
    this.#wallMs += byMs;
  }

  get timerCount(): number {
    return this.#timers.size;
  }

  /** Fires all timers. */
  fireTimers(): void {
    const timers = [...this.#timers];
    this.#timers.clear();
    for (const fire of timers) fire();
  }
}
