/** The transport of one member in a `MemoryNetwork`. */
import { decodeMessage, encodeMessage, type Message } from '@babuza/raftpb';
import type { Transport, TransportHandler, TransportPeer } from '@babuza/raft';
import type { Clock } from '@babuza/vfs';
import { TransportError } from './errors.ts';
import type { MemoryNetwork, NetworkOutcome } from './memory-network.ts';
import { SnapshotStream } from './snapshot-stream.ts';

export interface MemoryTransportParts {
  readonly network: MemoryNetwork;
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  /** Where the others reach this member: what they know as its address. */
  readonly address: string;
  readonly clock: Clock;
}

export class MemoryTransport implements Transport {
  readonly address: string;
  readonly nodeId: bigint;
  readonly #parts: MemoryTransportParts;
  readonly #peers = new Map<bigint, string>();
  /** Members that are none any more: nothing is taken from them. */
  readonly #removed = new Set<bigint>();
  readonly #ending = new AbortController();
  #handler: TransportHandler | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: MemoryTransportParts) {
    this.#parts = parts;
    this.address = parts.address;
    this.nodeId = parts.nodeId;
  }

  /** Rejects with `TRANSPORT_INVALID` where another one has the address. */
  async start(handler: TransportHandler): Promise<void> {
    if (this.#closing !== undefined) throw closed();
    this.#parts.network.register(this);
    this.#handler = handler;
  }

  setPeer({ id, address }: TransportPeer): void {
    this.#removed.delete(id);
    this.#peers.set(id, address);
  }

  removePeer(id: bigint): void {
    this.#peers.delete(id);
    this.#removed.add(id);
  }

  send(messages: readonly Message[]): void {
    if (this.#handler === undefined) return;
    const { network } = this.#parts;
    for (const message of messages) network.send(this, this.#peers.get(message.to), message);
  }

  /** Rejects with `TRANSPORT_UNREACHABLE`, `TRANSPORT_BROKEN`, `TRANSPORT_CLOSED`, the signal's reason, or the receiver's. */
  async sendSnapshot(
    message: Message,
    open: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const { network, clock } = this.#parts;
    const ending = AbortSignal.any([signal, this.#ending.signal]);
    ending.throwIfAborted();
    const address = this.#peers.get(message.to);
    const target = address === undefined ? undefined : network.reach(this.address, address);
    if (address === undefined || target === undefined) {
      throw new TransportError('TRANSPORT_UNREACHABLE', `member ${message.to} cannot be reached`);
    }
    const link = network.link(this.address, address);
    const stream = new SnapshotStream({
      link,
      network,
      clock,
      target: target.ended,
      sender: ending,
    });
    await stream.send((offset) => open(offset), target.#receiverOf(this, message));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Fires when the member ends. */
  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  /** @internal A message has arrived; says what became of it. */
  deliver(sender: MemoryTransport, message: Message): NetworkOutcome {
    const handler = this.#handler;
    if (handler === undefined) return 'unreachable';
    if (!this.#takesFrom(sender, message)) return 'refused';
    handler.receive(message);
    return 'delivered';
  }

  /** @internal A message could not be sent. */
  peerUnreachable(id: bigint): void {
    this.#handler?.unreachable(id);
  }

  /**
   * A message says who sent it, and is for this member of this cluster. Where the sender is not known yet (this member has
   * just joined) its address is learned from it, as from the handshake of a real connection.
   */
  #takesFrom(sender: MemoryTransport, { from, to }: Message): boolean {
    const isOurs = sender.#parts.clusterId === this.#parts.clusterId && to === this.nodeId;
    if (!isOurs || from !== sender.nodeId || this.#removed.has(from)) return false;
    if (!this.#peers.has(from)) this.#peers.set(from, sender.address);
    return true;
  }

  /** What this member does with a snapshot: a copy of the message for each call, as a wire would make it. */
  #receiverOf(sender: MemoryTransport, message: Message): SnapshotReceiver {
    const bytes = encodeMessage(message);
    const handler = this.#handler;
    if (handler === undefined || !this.#takesFrom(sender, message)) {
      const problem = `member ${message.to} takes nothing from ${message.from}`;
      throw new TransportError('TRANSPORT_REFUSED', problem);
    }
    return {
      receivedBytes: () => handler.receivedSnapshotBytes(decodeMessage(bytes)),
      receive: (stream, signal) => handler.receiveSnapshot(decodeMessage(bytes), stream, signal),
    };
  }

  async #close(): Promise<void> {
    this.#handler = undefined;
    this.#parts.network.unregister(this);
    this.#ending.abort(closed());
  }
}

/** The other end of a snapshot that is sent. */
export interface SnapshotReceiver {
  readonly receivedBytes: () => Promise<number>;
  readonly receive: (stream: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<void>;
}

function closed(): TransportError {
  return new TransportError('TRANSPORT_CLOSED', 'the transport is closed');
}
