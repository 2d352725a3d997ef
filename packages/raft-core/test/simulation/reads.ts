/**
 * The check of linearizable reads: a read index must not be below the highest commit index of any
 * node when the read was requested. Raft thesis, section 6.4. Two kinds of reads are excepted:
 *
 * Reads with the lease of etcd's raft, which this core has. A leader notices a lost quorum at the
 * second check, up to two election timeouts later, while the others may elect a leader after one.
 * Such a read may be stale even with exact clocks.
 *
 * Reads that a leader with a single voter may have answered at once, before its first commit of the
 * term. After a crash its commit index may be below one that it has acknowledged.
 */

import type { ReadState } from '../../src/index.ts';
import type { Counters } from './counters.ts';
import type { Scheduler } from './scheduler.ts';
import { demand } from './violation.ts';

interface Asked {
  readonly time: number;
  /** The highest commit index at that time. */
  readonly commit: number;
}

export class Reads {
  readonly #asked: Map<string, Asked> = new Map();
  readonly #scheduler: Scheduler;
  readonly #counters: Counters;
  readonly #trustsLease: boolean;
  readonly #holdsSingleVoters: boolean;
  #singleVoterAt = -1;

  constructor(
    scheduler: Scheduler,
    counters: Counters,
    { trustsLease, holdsSingleVoters }: { trustsLease: boolean; holdsSingleVoters: boolean },
  ) {
    this.#scheduler = scheduler;
    this.#counters = counters;
    this.#trustsLease = trustsLease;
    this.#holdsSingleVoters = holdsSingleVoters;
  }

  asked(context: Uint8Array, commit: number): void {
    this.#asked.set(new TextDecoder().decode(context), { time: this.#scheduler.now, commit });
    this.#counters.add('readsAsked');
  }

  /** Records that a node now leads a group with a single voter. */
  sawSingleVoter(): void {
    if (!this.#holdsSingleVoters) this.#singleVoterAt = this.#scheduler.now;
  }

  answered(node: bigint, { index, requestContext }: ReadState): void {
    const context = new TextDecoder().decode(requestContext);
    const asked = this.#asked.get(context);
    if (asked === undefined) {
      demand(false, 'reads', () => `node ${node} has an answer that nobody asked for: ${context}`);
      return;
    }
    if (this.#trustsLease) this.#counters.add('leaseReadsServed');
    else if (this.#singleVoterAt >= asked.time) this.#counters.add('singleVoterReadsServed');
    else {
      this.#counters.add('readsServed');
      demand(
        index >= asked.commit,
        'linearizable reads',
        () =>
          `node ${node} reads ${context} at ${index}, and ${asked.commit} was committed when asked`,
      );
    }
  }
}
