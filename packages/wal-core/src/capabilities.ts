/**
 * The guarantees that a back end gives. Users read them to choose a log, and the conformance suite
 * adapts its tests to them.
 */
export interface WalCapabilities {
  /**
   * Whether acknowledged entries survive the end of the process. A back end that says false is for
   * tests only.
   */
  readonly durable: boolean;
  /** Whether a save is atomic: after a crash either all of its parts are there, or none of them. */
  readonly batchAtomic: boolean;
  /**
   * Whether every changed bit in a stored entry is reported as damage. Where this is false, a
   * changed bit may be returned to the caller, or may cut the log silently.
   */
  readonly detectsEveryFlip: boolean;
  /**
   * Whether `firstIndex` after a restart is exactly one above the last purge. Where this is false,
   * purged entries can become readable again, because a back end removes whole files only.
   */
  readonly exactPurge: boolean;
  /** The largest `entryBytesMax` that a log of this back end can be created with, in bytes. */
  readonly entryBytesMax: number;
}
