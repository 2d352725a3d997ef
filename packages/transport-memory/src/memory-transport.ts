/** The transport of one member in a `MemoryNetwork`. */
import { setMaxListeners } from 'node:events';
import { decodeMessage, encodeMessage, type Message } from '@babuza/raftpb';
import type {
  Transport,
  TransportGroup,
  TransportHandler,
  TransportPeer,
} from '@babuza/raft/ports';
import type { Clock, Timer } from '@babuza/vfs';
import { TransportError } from './errors.ts';
import type { Endpoint } from './endpoint.ts';
import type { MemoryNetwork } from './memory-network.ts';
import { Peers } from './peers.ts';
import { SnapshotStream, type SnapshotReceiver } from './snapshot-stream.ts';

export interface MemoryTransportParts {
  readonly network: MemoryNetwork;
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  /** The address at which the others reach this member. */
  readonly address: string;
  readonly clock: Clock;
}

interface Introduced {
  readonly isAdmitted: boolean;
  /** When a refused introduction is tried again, on the monotonic clock, in ms. */
  readonly againMs: number;
}

/** About as often as a real transport would try a refused connection again, in ms. */
const introducedAgainMs = 1000;

export class MemoryTransport implements Transport, Endpoint {
  readonly address: string;
  readonly nodeId: bigint;
  readonly #parts: MemoryTransportParts;
  readonly #peers = new Peers();
  readonly #ending = new AbortController();
  /** Timers of reports that are due. */
  readonly #reports = new Set<Timer>();
  /** The results of the introductions to other transports. */
  readonly #introductions = new WeakMap<Endpoint, Introduced>();
  #groupId = 0n;
  #handler: TransportHandler | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: MemoryTransportParts) {
    this.#parts = parts;
    this.address = parts.address;
    this.nodeId = parts.nodeId;
    // Each snapshot under way adds a listener. Many of them are not a leak.
    setMaxListeners(0, this.#ending.signal);
  }

  /**
   * Rejects with `TRANSPORT_INVALID` when another member of the group has the address, or the
   * transport was started before.
   */
  async start(
    handler: TransportHandler,
    { groupId = 0n }: Partial<TransportGroup> = {},
  ): Promise<void> {
    if (this.#closing !== undefined) throw closed();
    if (this.#handler !== undefined) {
      throw new TransportError('TRANSPORT_INVALID', `member ${this.nodeId} was started before`);
    }
    this.#groupId = groupId;
    this.#parts.network.register(this);
    this.#handler = handler;
  }

  setPeer(peer: TransportPeer): void {
    this.#peers.set(peer);
  }

  removePeer(id: bigint): void {
    this.#peers.remove(id);
  }

  send(messages: readonly Message[]): void {
    if (this.#handler === undefined) return;
    const { network } = this.#parts;
    for (const message of messages) {
      network.send(this, this.#peers.addressOf(message.to), message);
    }
  }

  /**
   * Rejects with `TRANSPORT_UNREACHABLE`, `TRANSPORT_BROKEN`, `TRANSPORT_REFUSED` (with the
   * receiver's reason as cause), `TRANSPORT_CLOSED`, the reason of the signal, or the error of the
   * stream of `open`.
   */
  async sendSnapshot(
    message: Message,
    open: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const { network, clock } = this.#parts;
    const sender = AbortSignal.any([signal, this.#ending.signal]);
    sender.throwIfAborted();
    const address = this.#peers.addressOf(message.to);
    if (address === undefined || this.#handler === undefined) throw unreachable(message);
    if (network.isCut(this.address, address)) throw unreachable(message);
    const bytes = encodeMessage(message);
    const stream = new SnapshotStream({
      there: network.link(this.scope, this.address, address),
      back: network.link(this.scope, address, this.address),
      network,
      clock,
      sender,
      findReceiver: () => this.#receiverAt(address, bytes),
    });
    await stream.send(open);
  }

  close(): Promise<void> {
    // Set the promise first, because listeners of the end may call `close` again.
    if (this.#closing === undefined) {
      this.#closing = Promise.resolve();
      this.#end();
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal The cluster and group of this member. It does not see members of other scopes. */
  get scope(): string {
    return `${this.#parts.clusterId} ${this.#groupId}`;
  }

  /** @internal */
  get handler(): TransportHandler | undefined {
    return this.#handler;
  }

  /** @internal */
  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  /**
   * @internal Whether this member takes a message: its `from` is the sender, and it is for this
   * member. The address of a sender that is not known yet (this member has just joined) is learned,
   * as from the handshake of a real connection.
   */
  takesFrom(sender: Endpoint, { from, to }: Message): boolean {
    const isRight = to === this.nodeId && from === sender.nodeId;
    if (this.#handler === undefined || !isRight || this.#peers.isRemoved(from)) return false;
    this.#peers.learn(from, sender.address);
    return true;
  }

  /**
   * @internal Whether the nodes of both ends admit each other. They introduce themselves before the
   * first message, as at the start of a real connection.
   */
  isConnectedTo(target: Endpoint, { to }: Message): boolean {
    const handler = this.#handler;
    const theirs = target.handler;
    // A message for another member is refused when it arrives.
    if (to !== target.nodeId || handler === undefined || theirs === undefined) return true;
    const before = this.#introductions.get(target);
    if (before?.isAdmitted === true) return true;
    const nowMs = this.#parts.clock.monotonicMs();
    if (before !== undefined && nowMs < before.againMs) return false;
    const isAdmitted = this.#introduce(target, handler, theirs);
    this.#introductions.set(target, { isAdmitted, againMs: nowMs + introducedAgainMs });
    return isAdmitted;
  }

  #introduce(target: Endpoint, handler: TransportHandler, theirs: TransportHandler): boolean {
    if (theirs.admit(this.nodeId, handler.introduction()) !== undefined) {
      handler.refusedBy(target.nodeId);
      return false;
    }
    handler.admittedBy(target.nodeId);
    // The other member may know no peers, so that it would never start an introduction itself.
    if (handler.admit(target.nodeId, theirs.introduction()) === undefined) {
      theirs.admittedBy(this.nodeId);
      return true;
    }
    theirs.refusedBy(this.nodeId);
    return false;
  }

  /** @internal Delivers a message that was taken. */
  deliver(message: Message): void {
    this.#handler?.receive(message);
  }

  /**
   * @internal Reports to the node, but not within this call, that a message to this member did not
   * arrive.
   */
  tellUnreachable(id: bigint): void {
    if (this.#handler === undefined) return;
    const timer = this.#parts.clock.startTimer(0, () => {
      this.#reports.delete(timer);
      this.#handler?.unreachable(id);
    });
    this.#reports.add(timer);
  }

  /**
   * Finds the receiver of a snapshot when the sender's request has arrived. Each call gets a
   * message of its own.
   */
  #receiverAt(address: string, bytes: Uint8Array): SnapshotReceiver {
    const message = decodeMessage(bytes);
    const target = this.#parts.network.listener(this.scope, address);
    if (target === undefined) throw unreachable(message);
    const handler = target.handler;
    if (handler === undefined) throw unreachable(message);
    const isWanted = (): boolean =>
      !this.#peers.isRemoved(message.to) &&
      this.isConnectedTo(target, message) &&
      target.takesFrom(this, message);
    if (!isWanted()) {
      const problem = `member ${target.nodeId} at ${address} takes no snapshot for ${message.to} from ${message.from}`;
      throw new TransportError('TRANSPORT_REFUSED', problem);
    }
    const copy = (): Message => decodeMessage(bytes.slice());
    return {
      ended: target.ended,
      isWanted,
      receivedBytes: async () => handler.receivedSnapshotBytes(copy()),
      receive: async (stream, signal) => handler.receiveSnapshot(copy(), stream, signal),
    };
  }

  #end(): void {
    this.#handler = undefined;
    for (const report of this.#reports) report.cancel();
    this.#reports.clear();
    this.#ending.abort(closed());
    this.#parts.network.unregister(this);
  }
}

function unreachable({ to }: Message): TransportError {
  return new TransportError('TRANSPORT_UNREACHABLE', `member ${to} cannot be reached`);
}

function closed(): TransportError {
  return new TransportError('TRANSPORT_CLOSED', 'the transport is closed');
}
