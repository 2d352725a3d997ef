/**
 * What a back end can and cannot do, declared once: for its users, and for the conformance suite.
 */
export interface WalCapabilities {
  /** Whether acknowledged entries survive the process. A log that says false is for tests only. */
  readonly durable: boolean;
  /** Whether a save is all or nothing after a crash, whatever it contained. */
  readonly batchAtomic: boolean;
  /**
   * Whether any changed bit in stored entries is reported, never returned and never cut silently.
   */
  readonly detectsEveryFlip: boolean;
  /**
   * Whether `firstIndex` after a restart is exactly behind the last purge. Where it is false,
   * entries that the back end could not remove by themselves may be readable again.
   */
  readonly exactPurge: boolean;
  /** The largest `entryBytesMax` that a log of this back end can be created with, in bytes. */
  readonly entryBytesMax: number;
}
