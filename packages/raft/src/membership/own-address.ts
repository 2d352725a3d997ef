/**
 * Compares the address of this node in its configuration with the one in the replicated membership.
 * The others reach the node at the latter, and refuse a member that announces another one. So the
 * node cannot take part while the two differ.
 */
import type { BabuzaConfig } from '../config.ts';
import type { Logger } from '../ports/logger.ts';
import type { ReplicatedState } from '../apply/replicated-state.ts';

export class OwnAddress {
  readonly #config: BabuzaConfig;
  readonly #state: ReplicatedState;
  readonly #logger: Logger | undefined;
  /** The address in the membership that was logged last, so that each is logged once. */
  #told: string | undefined;

  constructor(config: BabuzaConfig, state: ReplicatedState, logger: Logger | undefined) {
    this.#config = config;
    this.#state = state;
    this.#logger = logger;
  }

  /**
   * The problem and the remedy; `undefined` when the two are the same, or the node is not a member
   * yet.
   */
  get problem(): string | undefined {
    const { nodeId, address } = this.#config;
    const known = this.#known;
    if (known === undefined || known === address) return undefined;
    return `the membership has node ${nodeId} at ${known}, and its configuration has ${address}: the others refuse it under its own address; call updatePeer at the leader, or start it with ${known} (where all addresses have changed: docs/disaster-recovery.md)`;
  }

  /** Logs the problem, once for each address in the membership. */
  tell(): void {
    const known = this.#known;
    if (known === this.#told) return;
    this.#told = known;
    const { problem } = this;
    if (problem !== undefined) this.#logger?.warn(problem, { nodeId: this.#config.nodeId });
  }

  get #known(): string | undefined {
    return this.#state.membership.members.get(this.#config.nodeId)?.address;
  }
}
