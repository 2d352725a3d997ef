/**
 * The transport of one member over HTTP. Messages go over one stream to each peer, opened by who sends; snapshots over
 * requests of their own, so that they never stand in the way of a heartbeat.
 *
 * Decisions: the project's contract, 31 to 33, and docs/decisions/0008-http-transport.md.
 */
import type {
  Transport,
  TransportCounts,
  TransportGroup,
  TransportHandler,
  TransportIdentity,
  TransportPeer,
} from '@babuza/raft';
import type { Message } from '@babuza/raftpb';
import { nodeNames, type HostNames, type Timer } from '@babuza/vfs';
import { MemberAddresses } from './access/member-addresses.ts';
import { StrangersLog } from './access/strangers-log.ts';
import { placeOf } from './address.ts';
import { TransportError } from './errors.ts';
import { protocolVersions } from './handshake.ts';
import { Members } from './members.ts';
import { NameBook } from './name-book.ts';
import { checkOptions, type HttpSettings, type HttpTransportOptions } from './options.ts';
import { Pacer } from './pacer.ts';
import { Peer } from './peer.ts';
import { MessageServer } from './server.ts';
import { SnapshotReceiver } from './snapshot-receiver.ts';
import { sendSnapshot } from './snapshot-sender.ts';
import {
  addCounters,
  framePayloadMaxOf,
  newCounters,
  type PeerCounters,
  type Wire,
} from './wire.ts';

/** What is open once the transport was started. */
interface Running {
  readonly wire: Wire;
  readonly server: MessageServer;
  readonly snapshots: SnapshotReceiver;
  readonly pacer: Pacer;
}

/** How often in a stall timeout every connection is looked after. */
const pulsesPerStall = 10;

export class HttpTransport implements Transport {
  readonly #identity: TransportIdentity;
  readonly #settings: HttpSettings;
  readonly #names: NameBook;
  readonly #members = new Members();
  readonly #peers = new Map<bigint, Peer>();
  readonly #counters = new Map<bigint, PeerCounters>();
  readonly #countersOfRemoved = newCounters();
  readonly #ending = new AbortController();
  /** Fires when the member is removed; kept while a snapshot is sent to it. */
  readonly #removals = new Map<bigint, Set<AbortController>>();
  #running: Running | undefined;
  #listeningPort: number | undefined;
  #isStarted = false;
  #starting: Promise<void> | undefined;
  #pulse: Timer | undefined;
  #pulsedMs = 0;
  #closing: Promise<void> | undefined;

  /**
   * `names` resolves the names of hosts; by default as the machine does.
   *
   * @throws TransportError (`TRANSPORT_INVALID`) naming the option, what was given and what is
   * allowed.
   */
  constructor(
    identity: TransportIdentity,
    options: HttpTransportOptions | undefined,
    names: HostNames = nodeNames(),
  ) {
    const { clock, random } = identity;
    this.#identity = identity;
    this.#settings = checkOptions(options);
    this.#names = new NameBook({ clock, random, names, closing: this.#ending.signal });
  }

  /** Where the other members reach this one, as the options say. */
  get address(): string {
    return this.#settings.address;
  }

  /** Where it listens; of use where the port was left to the system. `undefined` before `start` has resolved. */
  get listeningPort(): number | undefined {
    return this.#listeningPort;
  }

  /** What went to each member and came from it since the start; ascending by id. */
  stats(): HttpPeerStats[] {
    const ids = [...this.#counters.keys()].sort((one, other) => (one < other ? -1 : 1));
    return ids.map((id) => {
      const peer = this.#peers.get(id);
      return {
        id,
        isConnected: peer?.isConnected ?? false,
        queuedMessages: peer?.queuedMessages ?? 0,
        ...this.#countersOf(id),
      };
    });
  }

  counts(): TransportCounts {
    const peers = [...this.#peers.values()];
    const total = { ...this.#countersOfRemoved };
    for (const counters of this.#counters.values()) addCounters(total, counters);
    return {
      ...total,
      connectedPeers: peers.filter(({ isConnected }) => isConnected).length,
      queuedMessages: peers.reduce((sum, { queuedMessages }) => sum + queuedMessages, 0),
      refusedConnections: this.#running?.server.refusedConnections ?? 0,
    };
  }

  /** Rejects with `TRANSPORT_LISTEN`, or `TRANSPORT_INVALID` for certificates that cannot be used. */
  async start(handler: TransportHandler, group: TransportGroup): Promise<void> {
    if (this.#closing !== undefined) throw closed();
    if (this.#isStarted) {
      throw new TransportError('TRANSPORT_INVALID', 'the transport was started before');
    }
    this.#isStarted = true;
    this.#starting = this.#start(handler, group);
    await this.#starting;
  }

  async #start(handler: TransportHandler, group: TransportGroup): Promise<void> {
    const wire = this.#wireOf(handler, group);
    const snapshots = new SnapshotReceiver(wire);
    const onMember = (id: bigint): void => this.#connectBack(wire, id);
    const server = new MessageServer({ wire, members: this.#members, snapshots, onMember });
    const pacer = new Pacer(wire.clock, this.#settings.snapshotBytesPerSecond);
    this.#running = { wire, server, snapshots, pacer };
    const port = await server.listen(this.#ending.signal);
    if (this.#closing !== undefined) {
      await server.close();
      throw closed();
    }
    this.#listeningPort = port;
    // Not before: who is connected to connects back.
    for (const id of this.#members.ids) this.#peer(wire, id).keep();
    this.#pulsedMs = wire.clock.monotonicMs();
    this.#startPulse();
  }

  /**
   * A member has connected to this one. A joiner knows nobody, so it connects to whoever has found
   * it: by its own connection it hears whether that member lets it in, and why not.
   */
  #connectBack(wire: Wire, id: bigint): void {
    const peer = this.#members.knowsNobody ? this.#peer(wire, id) : this.#peers.get(id);
    peer?.appeared();
  }

  /** Throws `TRANSPORT_INVALID`. */
  checkAddress(address: string): void {
    placeOf(address, this.#settings.tls !== undefined);
  }

  setPeer(peer: TransportPeer): void {
    const isMoved = this.#members.set(peer);
    if (this.#closing !== undefined) return;
    if (isMoved) this.#peers.get(peer.id)?.disconnect();
    const wire = this.#running?.wire;
    if (wire !== undefined && this.#listeningPort !== undefined) this.#peer(wire, peer.id).keep();
  }

  removePeer(id: bigint): void {
    this.#members.remove(id);
    this.#peers.get(id)?.close();
    this.#peers.delete(id);
    addCounters(this.#countersOfRemoved, this.#countersOf(id));
    this.#counters.delete(id);
    for (const removal of this.#removals.get(id) ?? []) removal.abort(removed(id));
    this.#running?.wire.memberAddresses.forget(id);
    this.#running?.server.endStreamOf(id);
    void this.#running?.snapshots.end(id);
  }

  send(messages: readonly Message[]): void {
    if (this.#running === undefined || this.#closing !== undefined) return;
    for (const message of messages) {
      if (this.#members.isRemoved(message.to)) this.#countersOfRemoved.droppedMessages += 1;
      else this.#peer(this.#running.wire, message.to).send(message);
    }
  }

  /**
   * Rejects with a TransportError: `TRANSPORT_UNREACHABLE`, `TRANSPORT_BROKEN` after several attempts that got no further,
   * `TRANSPORT_REFUSED` (the receiver's reason in the message), `TRANSPORT_CLOSED`; with the reason of the signal, or with
   * what went wrong with the stream of `open`.
   */
  async sendSnapshot(
    message: Message,
    open: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#running === undefined) throw closed();
    const { wire, pacer } = this.#running;
    const { to } = message;
    const removal = new AbortController();
    const removals = this.#removals.get(to) ?? new Set();
    this.#removals.set(to, removals.add(removal));
    const any = AbortSignal.any([signal, this.#ending.signal, removal.signal]);
    try {
      any.throwIfAborted();
      const target = () => ({ id: to, address: this.#addressOf(to) });
      await sendSnapshot({ wire, pacer, target, message, open, signal: any });
    } finally {
      removals.delete(removal);
      if (removals.size === 0) this.#removals.delete(to);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#pulse?.cancel();
    this.#ending.abort(closed());
    for (const peer of this.#peers.values()) peer.close();
    // A server that does not listen yet cannot be closed. What became of it, `start` says.
    await this.#starting?.catch(() => undefined);
    await this.#running?.server.close();
    await this.#running?.snapshots.close();
  }

  #wireOf(handler: TransportHandler, group: TransportGroup): Wire {
    const { clusterId, nodeId, clock, random, logger } = this.#identity;
    const { groupId, entryBytesMax } = group;
    const messageBytesMax = Math.max(entryBytesMax, group.messageBytesMax);
    const { address } = this.#settings;
    const common = { protocol: protocolVersions, clusterId, groupId, from: nodeId, address };
    return {
      settings: this.#settings,
      clock,
      random,
      names: this.#names,
      logger,
      strangersLog: new StrangersLog(clock, logger),
      memberAddresses: new MemberAddresses(),
      handler,
      nodeId,
      handshakeTo: (to) => ({ ...common, to, entryBytesMax, messageBytesMax, features: [] }),
      framePayloadMax: framePayloadMaxOf(messageBytesMax),
      countersOf: (id) => this.#countersOf(id),
    };
  }

  #countersOf(id: bigint): PeerCounters {
    const counters = this.#counters.get(id) ?? newCounters();
    this.#counters.set(id, counters);
    return counters;
  }

  #peer(wire: Wire, id: bigint): Peer {
    const peer = this.#peers.get(id) ?? new Peer(wire, id, () => this.#members.addressOf(id));
    this.#peers.set(id, peer);
    return peer;
  }

  #addressOf(id: bigint): string {
    const address = this.#members.addressOf(id);
    if (address !== undefined) return address;
    throw new TransportError('TRANSPORT_UNREACHABLE', `member ${id} has no address`);
  }

  #startPulse(): void {
    const { clock } = this.#identity;
    const pulseMs = this.#settings.stallTimeoutMs / pulsesPerStall;
    this.#pulse = clock.startTimer(pulseMs, () => {
      const nowMs = clock.monotonicMs();
      const isLate = nowMs - this.#pulsedMs > 3 * pulseMs;
      this.#pulsedMs = nowMs;
      const { server } = this.#running ?? {};
      for (const each of [...this.#peers.values(), ...(server === undefined ? [] : [server])]) {
        if (isLate) each.forgive(nowMs);
        each.pulse(nowMs);
      }
      this.#startPulse();
    });
  }
}

export interface HttpPeerStats extends Readonly<PeerCounters> {
  readonly id: bigint;
  /** Whether messages have an open way to it. */
  readonly isConnected: boolean;
  readonly queuedMessages: number;
}

const closed = (): TransportError =>
  new TransportError('TRANSPORT_CLOSED', 'the transport is closed, or was not started');

const removed = (id: bigint): TransportError =>
  new TransportError('TRANSPORT_REFUSED', `member ${id} was removed`, { reason: 'removed' });
