/**
 * The rest of the outside world: time and chance. Nothing else in our packages calls `Date.now`,
 * `setTimeout` or a source of random numbers, so that a simulated world drives them all.
 */
import type { FileSystem } from './file-system.ts';

/** A timer that was started. */
export interface Timer {
  /** Stops it; nothing happens if it has fired already. */
  cancel(): void;
}

/** A clock and its timers. */
export interface Clock {
  /** Milliseconds since an arbitrary moment, never going back; may have a fraction. */
  monotonicMs(): number;
  /** Milliseconds since 1970 as the machine believes; may jump. */
  wallMs(): number;
  /**
   * Calls `callback` once after `delayMs`. A running timer keeps the process alive only where that
   * is asked for.
   */
  startTimer(delayMs: number, callback: () => void, keepsAlive?: boolean): Timer;
  /** Resolves after `delayMs`; 0 lets the event loop turn once. It keeps the process alive. */
  sleep(delayMs: number): Promise<void>;
}

/** A source of random numbers; not for secrets. */
export interface Random {
  /** A number of 32 random bits, from 0 to 2^32 − 1. */
  uint32(): number;
}

/** All of the outside world that a package of ours may touch. */
export interface Environment {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
}
