/** The parts of a simulation that all of its nodes share. */

import type { Message } from '@babuza/raftpb';
import type { Checker } from './checker.ts';
import type { Counters } from './counters.ts';
import type { Options } from './options.ts';
import type { Random } from './random.ts';
import type { Reads } from './reads.ts';
import type { Scheduler } from './scheduler.ts';
import type { Trace } from './trace.ts';

/**
 * Mistakes that a simulated node makes on purpose, so that a test can see the checker find them.
 */
export interface Faults {
  /** With asynchronous writes, vote requests are sent before their term is durable. */
  readonly votesLeaveEarly?: boolean;
  /** Reads that a single voter has answered are checked as well: see `reads.ts`. */
  readonly holdsSingleVotersToReads?: boolean;
}

export interface World {
  readonly faults: Faults;
  readonly options: Options;
  readonly random: Random;
  readonly scheduler: Scheduler;
  readonly checker: Checker;
  readonly reads: Reads;
  readonly counters: Counters;
  readonly trace: Trace;
  /** No more faults are injected, and the group must settle. */
  readonly isCalm: boolean;
  send(message: Message): void;
}
