/**
 * Clocks, timers and random numbers. No other package calls `Date.now`, `setTimeout` or a source of
 * random numbers, so that a simulated environment can drive them all.
 */
import type { FileSystem } from './file-system.ts';

/** A timer that was started. */
export interface Timer {
  /** Stops the timer; has no effect if it has fired already. */
  cancel(): void;
}

/** A clock and its timers. */
export interface Clock {
  /** Milliseconds since an arbitrary moment, with a fraction. Never goes back. */
  monotonicMs(): number;
  /** Milliseconds since 1970 by the clock of the machine, which may be set forward or back. */
  wallMs(): number;
  /**
   * Calls `callback` once after `delayMs`. A running timer keeps the process alive only if
   * `keepsAlive` is true. Default false.
   */
  startTimer(delayMs: number, callback: () => void, keepsAlive?: boolean): Timer;
  /** Resolves after `delayMs`; 0 lets the event loop turn once. It keeps the process alive. */
  sleep(delayMs: number): Promise<void>;
}

/** A source of random numbers. Not for secrets. */
export interface Random {
  /** A number of 32 random bits, from 0 to 2^32 − 1. */
  uint32(): number;
}

/** The files, the clock and the random numbers that a package may use. */
export interface Environment {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
}
