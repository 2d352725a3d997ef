/**
 * The interface of the suite to a test library and to a back end. The test library is a parameter,
 * so that this package depends on none; vitest's `{ describe, it, expect }` fits as it is.
 */
import type { WalCapabilities } from '../capabilities.ts';
import type { CacheLimits } from '../ring-cache.ts';
import type { WalManager } from '../wal-manager.ts';

export interface Expectation {
  toBe(expected: unknown): void;
  toEqual(expected: unknown): void;
}

/** The functions of a test library that the suite uses. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>, timeoutMs?: number) => unknown;
  readonly expect: (actual: unknown, message?: string) => Expectation;
}

/** A new directory (or the like) that can hold logs. */
export interface ConformanceHarness {
  /**
   * Opens the directory. The suite closes a manager before it opens the next one, which is a
   * restart on the same data. (One test opens a second manager on purpose.)
   */
  open(): Promise<WalManager>;

  /**
   * Makes the next write of a log fail, for targets with `failsOnDemand`. With `no-space` nothing
   * of the write is kept, and later writes succeed again; with `broken` the log is poisoned.
   */
  failNextWrite?(kind: 'no-space' | 'broken'): void;

  /** Removes everything that `open` created. All managers are closed. */
  destroy(): Promise<void> | void;
}

/** A back end in one configuration, as the suite tests it. */
export interface ConformanceTarget {
  /** The name of the back end and its configuration, for the report. */
  readonly name: string;
  /**
   * The capabilities that the back end declares. The suite adapts to them, and checks that the
   * manager has the same.
   */
  readonly capabilities: WalCapabilities;
  /** Creates a harness whose directory was never written to. */
  create(): Promise<ConformanceHarness> | ConformanceHarness;
  /**
   * Whether the harnesses have `failNextWrite`. If not, the report says that the rules about
   * failures were not tested. Default false.
   */
  readonly failsOnDemand?: boolean | undefined;
  /** The bounds of the cache in this configuration. Default: `defaultCacheLimits`. */
  readonly cacheLimits?: CacheLimits | undefined;
  /** The number of random histories of the model test. Default 20. */
  readonly seeds?: number | undefined;
  /** The first seed. To repeat one failure, pass its seed and `seeds: 1`. Default 1. */
  readonly firstSeed?: number | undefined;
  /**
   * With n, only every n-th combination of the shape of a save and its position in a commit batch
   * is tested. For disks with slow syncs. Default 1: all of them.
   */
  readonly shapeStride?: number | undefined;
  /** Timeout of each test in milliseconds. Default 60,000. */
  readonly timeoutMs?: number | undefined;
}
