/** A transport that is listened to: what the node says, and whom it was told of. */
import type {
  Transport,
  TransportBackend,
  TransportGroup,
  TransportHandler,
  TransportPeer,
} from '@babuza/raft';
import type { Message } from '@babuza/raftpb';
import { transportBackend, type MemoryTransportOptions } from '@babuza/transport-memory';

export class WatchedTransport implements Transport {
  readonly #inner: Transport;
  readonly #onMessage: (message: Message) => void;
  /** As the node has told it. */
  readonly peers: Map<bigint, string> = new Map();
  readonly removed: Set<bigint> = new Set();

  constructor(inner: Transport, onMessage: (message: Message) => void) {
    this.#inner = inner;
    this.#onMessage = onMessage;
  }

  start(handler: TransportHandler, group: TransportGroup): Promise<void> {
    return this.#inner.start(handler, group);
  }

  setPeer(peer: TransportPeer): void {
    this.peers.set(peer.id, peer.address);
    this.removed.delete(peer.id);
    this.#inner.setPeer(peer);
  }

  removePeer(id: bigint): void {
    this.peers.delete(id);
    this.removed.add(id);
    this.#inner.removePeer(id);
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.#onMessage(message);
    this.#inner.send(messages);
  }

  sendSnapshot(...given: Parameters<Transport['sendSnapshot']>): Promise<void> {
    return this.#inner.sendSnapshot(...given);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The memory transport, watched; `show` gets each that is made. */
export function watchedBackend(
  onMessage: (message: Message) => void,
  show: (transport: WatchedTransport) => void,
): TransportBackend<MemoryTransportOptions> {
  return {
    ...transportBackend,
    create: (identity, options) => {
      const transport = new WatchedTransport(transportBackend.create(identity, options), onMessage);
      show(transport);
      return transport;
    },
  };
}
