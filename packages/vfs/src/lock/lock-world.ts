/** The inputs of a lock, so that tests can bring their own clock, identity and timings. */
import type { Clock, Random } from '../environment.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** The times of a lock, in milliseconds. */
export interface LockTimings {
  /** Time between two touches of the file by its owner. */
  readonly heartbeatMs: number;
  /** An owner counts as gone after this time without a touch, if nothing else is known about it. */
  readonly silentMs: number;
  /** A file that cannot be decoded may be replaced after this time without a change. */
  readonly unreadableMs: number;
  /** Time between two reads of a file while waiting. */
  readonly pollMs: number;
}

/** The inputs of a lock; tests bring their own. */
export interface LockWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly self: ProcessIdentity;
  readonly timings: LockTimings;
  /** Whether hard links are tried; not every file system has them. */
  readonly usesLinks: boolean;
}
