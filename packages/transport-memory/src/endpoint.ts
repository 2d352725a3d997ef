import type { TransportHandler } from '@babuza/raft/ports';
import type { Message } from '@babuza/raftpb';

/** A transport as the network, the links and the other transports see it. */
export interface Endpoint {
  /** The cluster and the group of the transport. */
  readonly scope: string;
  readonly address: string;
  readonly nodeId: bigint;
  /** The handler of the node, or `undefined` before the start and after the end. */
  readonly handler: TransportHandler | undefined;
  /** The signal that fires when the transport ends. */
  readonly ended: AbortSignal;
  /** Whether this member accepts a message that the sender has sent to it. */
  takesFrom(sender: Endpoint, message: Message): boolean;
  /** Whether the nodes of both ends admit each other. */
  isConnectedTo(target: Endpoint, message: Message): boolean;
  /** Hands an accepted message to the node. */
  deliver(message: Message): void;
  /** Tells the node later that a message to the member did not arrive. */
  tellUnreachable(id: bigint): void;
}
