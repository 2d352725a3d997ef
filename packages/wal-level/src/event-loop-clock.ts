/** The clock of a log. The clock of `@babuza/vfs` implements it. */
export interface EventLoopClock {
  /** Milliseconds since an arbitrary moment. The value never decreases. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`. The timer must not keep the process alive. */
  startTimer(delayMs: number, callback: () => void): { cancel(): void };
}
