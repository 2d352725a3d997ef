/** Tells the transport which members the cluster has, and which were removed. */
import type { MembershipOperation } from '../membership/membership.ts';
import type { Transport } from '../ports/transport.ts';
import type { ReplicatedState } from '../apply/replicated-state.ts';

export class TransportPeers {
  readonly #nodeId: bigint;
  readonly #state: ReplicatedState;
  readonly #transport: Transport;

  constructor(nodeId: bigint, state: ReplicatedState, transport: Transport) {
    this.#nodeId = nodeId;
    this.#state = state;
    this.#transport = transport;
  }

  tellAll(): void {
    const { members, removed } = this.#state.membership;
    for (const { id, address } of members.values()) this.#set(id, address);
    for (const id of removed) this.#transport.removePeer(id);
  }

  /** To be called after these operations were applied. */
  changed(operations: readonly MembershipOperation[]): void {
    const { members } = this.#state.membership;
    for (const { id } of operations) {
      const member = members.get(id);
      if (member !== undefined) this.#set(id, member.address);
      else if (id !== this.#nodeId) this.#transport.removePeer(id);
    }
  }

  #set(id: bigint, address: string): void {
    if (id !== this.#nodeId) this.#transport.setPeer({ id, address });
  }
}
