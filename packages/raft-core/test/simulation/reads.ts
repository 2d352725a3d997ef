/**
 * Linearizable reads: an index to read at must not be below what any node knew to be committed when
 * the read was asked for. Raft thesis, section 6.4. Two kinds of reads are not held to that:
 *
 * Reads that trust the lease. The leader notices a lost quorum at the second check after it, up to
 * two election timeouts later, while the others may elect another after one: so the lease of etcd's
 * raft, which this one is, covers them only in part, however exact the clocks.
 *
 * Reads that a leader with a single voter may have answered. It answers at once, also before its
 * first commit of the term (docs/raft-behaviour.md, section 14.1): after a crash it may know less
 * than it had told, and when it is not that voter itself, another may lead.
 */

import type { ReadState } from '../../src/index.ts';
import type { Counters } from './counters.ts';
import type { Scheduler } from './scheduler.ts';
import { demand } from './violation.ts';

interface Asked {
  readonly time: number;
  /** What was committed then. */
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

  /** Somebody leads a group with a single voter now. */
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
