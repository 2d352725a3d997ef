/**
 * A lock needs these from outside, so that tests can bring their own clock, identity and timings.
 */
import type { Clock, Random } from '../environment.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** How long to wait for what; all in milliseconds. */
export interface LockTimings {
  /** Time between two touches of the file by its owner. */
  readonly heartbeatMs: number;
  /** An owner counts as gone after so long without a touch, where nothing else is known of it. */
  readonly silentMs: number;
  /** A file that cannot be understood is left over after so long without a change. */
  readonly unreadableMs: number;
  /** Time between two looks at a file while waiting. */
  readonly pollMs: number;
}

/** The surroundings of a lock; tests bring their own. */
export interface LockWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly self: ProcessIdentity;
  readonly timings: LockTimings;
  /** Whether hard links are tried: not every file system has them. */
  readonly usesLinks: boolean;
}
