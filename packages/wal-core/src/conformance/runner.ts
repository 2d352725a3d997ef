/**
 * What the suite needs from outside: a test runner and a back end. The runner is handed in, so that
 * this package depends on no test library; vitest's `{ describe, it, expect }` fits as it is.
 */
import type { WalCapabilities } from '../capabilities.ts';
import type { CacheLimits } from '../ring-cache.ts';
import type { WalManager } from '../wal-manager.ts';

export interface Expectation {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
}

/** The part of a test library that the suite uses. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>, timeoutMs?: number) => unknown;
  readonly expect: (actual: unknown, message?: string) => Expectation;
}

/** One fresh place that can hold logs. */
export interface ConformanceHarness {
  /**
   * Opens the place. The suite closes a manager before it opens the next one: that is a restart on
   * the same data. (One test opens a second one on purpose.)
   */
  open(): Promise<WalManager>;

  /**
   * For targets that say `failsOnDemand`: makes the next write of a log fail. `no-space`: nothing
   * of it is kept, and later writes succeed again; `broken`: the log is poisoned.
   */
  failNextWrite?(kind: 'no-space' | 'broken'): void;

  /** Removes all that `open` made; all managers are closed. */
  destroy(): Promise<void> | void;
}

/** The back end to test, in one configuration. */
export interface ConformanceTarget {
  /** Back end and configuration, for the report. */
  readonly name: string;
  /**
   * What the back end says of itself; the suite adapts to it, and checks that the manager agrees.
   */
  readonly capabilities: WalCapabilities;
  /** A place that nothing was ever written to. */
  create(): Promise<ConformanceHarness> | ConformanceHarness;
  /**
   * Whether its harnesses have `failNextWrite`. Where not, the report says that these rules were
   * not tested here. Default false.
   */
  readonly failsOnDemand?: boolean | undefined;
  /** Bounds of the cache in this configuration. Default: `defaultCacheLimits`. */
  readonly cacheLimits?: CacheLimits | undefined;
  /** How many random histories the model test runs. Default 20. */
  readonly seeds?: number | undefined;
  /** The first seed; to run one failure again, give its seed and `seeds: 1`. Default 1. */
  readonly firstSeed?: number | undefined;
  /**
   * For places where a sync is slow: only each n-th combination of the shape of a save with its
   * position in a group is tested. Default 1: all of them.
   */
  readonly shapeStride?: number | undefined;
  /** For places where a sync is slow. Default 60,000 per test. */
  readonly timeoutMs?: number | undefined;
}
