/**
 * Linearizable reads: an index to read at must not be below what any node knew to be committed when the read
 * was asked for. Raft thesis, section 6.4.
 *
 * Reads that trust the lease are not held to that. The leader notices a lost quorum at the second check after
 * it, up to two election timeouts later, while the others may elect another after one: so
 * the lease of etcd's raft, which this one is, covers them only in part, however exact the clocks.
 */

import type { ReadState } from '../../src/index.ts';
import type { Counters } from './counters.ts';
import { demand } from './violation.ts';

export class Reads {
  readonly #asked: Map<string, number> = new Map();
  readonly #counters: Counters;
  readonly #trustsLease: boolean;

  constructor(counters: Counters, trustsLease: boolean) {
    this.#counters = counters;
    this.#trustsLease = trustsLease;
  }

  asked(context: Uint8Array, commit: number): void {
    this.#asked.set(new TextDecoder().decode(context), commit);
    this.#counters.add('readsAsked');
  }

  answered(node: bigint, { index, requestContext }: ReadState): void {
    const context = new TextDecoder().decode(requestContext);
    const least = this.#asked.get(context);
    if (least === undefined) {
      demand(false, 'reads', () => `node ${node} has an answer that nobody asked for: ${context}`);
      return;
    }
    this.#counters.add(this.#trustsLease ? 'leaseReadsServed' : 'readsServed');
    demand(
      this.#trustsLease || index >= least,
      'linearizable reads',
      () => `node ${node} reads ${context} at ${index}, and ${least} was committed when asked`,
    );
  }
}
