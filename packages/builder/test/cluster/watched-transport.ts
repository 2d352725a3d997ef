/** Observes a transport: the messages that the node sends and the members that it is given. */
import type {
  Transport,
  TransportBackend,
  TransportGroup,
  TransportHandler,
  TransportPeer,
} from '@babuza/raft/ports';
import type { Message } from '@babuza/raftpb';
import { transportBackend, type MemoryTransportOptions } from '@babuza/transport-memory';

export interface TransportWatcher {
  /** Called before a message is sent. */
  readonly onMessage: (message: Message) => void;
  /** A snapshot is sent by `send`. */
  readonly onSnapshot: (message: Message, send: () => Promise<void>) => Promise<void>;
  /** Awaited before each chunk of a snapshot; the stream fails if it rejects. */
  readonly beforeChunk: () => Promise<void>;
}

export class WatchedTransport implements Transport {
  readonly #inner: Transport;
  readonly #watcher: TransportWatcher;
  /** The members that the node has given it. */
  readonly peers: Map<bigint, string> = new Map();
  readonly removed: Set<bigint> = new Set();

  constructor(inner: Transport, watcher: TransportWatcher) {
    this.#inner = inner;
    this.#watcher = watcher;
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
    for (const message of messages) this.#watcher.onMessage(message);
    this.#inner.send(messages);
  }

  sendSnapshot(...[message, open, signal]: Parameters<Transport['sendSnapshot']>): Promise<void> {
    const { onSnapshot, beforeChunk } = this.#watcher;
    const slowly = (offset: number): AsyncIterable<Uint8Array> =>
      eachAfter(beforeChunk, () => open(offset));
    return onSnapshot(message, () => this.#inner.sendSnapshot(message, slowly, signal));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A back end for observed memory transports; `show` gets each new one. */
export function watchedBackend(
  watcher: TransportWatcher,
  show: (transport: WatchedTransport) => void,
): TransportBackend<MemoryTransportOptions> {
  return {
    ...transportBackend,
    create: (identity, options) => {
      const transport = new WatchedTransport(transportBackend.create(identity, options), watcher);
      show(transport);
      return transport;
    },
  };
}

async function* eachAfter(
  before: () => Promise<void>,
  open: () => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  await before();
  for await (const chunk of open()) {
    await before();
    yield chunk;
  }
}
