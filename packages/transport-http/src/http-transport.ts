/**
 * The transport of one member over HTTP. Messages go over one stream to each peer, opened by who
 * sends; snapshots over requests of their own, so that they never stand in the way of a heartbeat.
 *
 * Decisions: docs/decisions/0008-http-transport.md and docs/decisions/0028-transport-port.md.
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
import { Credentials, reloadable } from './access/certificate/credentials.ts';
import { checkTlsFiles } from './access/certificate/check-options.ts';
import type { HttpTransportTlsFiles } from './access/certificate/options.ts';
import { MemberCertificates } from './access/certificate/member-certificates.ts';
import { StrangersLog } from './access/strangers-log.ts';
import { placeOf } from './address.ts';
import { IncomingBudget } from './budget/incoming-budget.ts';
import { TransportError } from './errors.ts';
import { protocolVersions, repliesFeature } from './connections/handshake.ts';
import { learnedMax, Members } from './connections/members.ts';
import { NameBook } from './connections/name-book.ts';
import { checkOptions, type HttpSettings, type HttpTransportOptions } from './options.ts';
import { Pacer } from './snapshots/pacer.ts';
import { Peer } from './connections/peer.ts';
import { MessageServer } from './server/server.ts';
import { SnapshotReceiver } from './snapshots/snapshot-receiver.ts';
import { sendSnapshot } from './snapshots/snapshot-sender.ts';
import {
  addCounters,
  framePayloadMaxOf,
  newCounters,
  snapshotFrameMaxOf,
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
  /**
   * Nodes that the membership does not have: that they were not reached is about to be reported.
   */
  readonly #unreached = new Set<bigint>();
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

  /**
   * Where it listens; of use where the port was left to the system. `undefined` before `start` has
   * resolved.
   */
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

  /**
   * Rejects with `TRANSPORT_LISTEN`, or `TRANSPORT_INVALID` for certificates that cannot be used
   * and for a budget in which the largest frame has no place.
   */
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
    tellOfOwnCertificate(wire);
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

  /**
   * Replaces the certificate, key, authorities and revocation lists that are given, without a
   * restart. New connections use them. Where an authority is gone, or the revocation lists are
   * others than before, all connections end and are made again at once; otherwise those that are
   * open stay.
   *
   * @throws TransportError (`TRANSPORT_INVALID`) for what cannot be used, and without the option
   * `tls`; `TRANSPORT_CLOSED` before the start and after the end. Then nothing has changed.
   */
  reloadTls(files: HttpTransportTlsFiles): void {
    if (this.#running === undefined || this.#closing !== undefined) throw closed();
    const { wire } = this.#running;
    const credentials = reloadable(wire.credentials);
    credentials.reload(checkTlsFiles(files, credentials.tls));
    tellOfOwnCertificate(wire);
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
      const { to } = message;
      if (this.#members.membership.has(to)) this.#peer(this.#running.wire, to).send(message);
      else if (!this.#members.isRemoved(to)) this.#sendToUnknown(this.#running, message);
      else this.#countersOfRemoved.droppedMessages += 1;
    }
  }

  /** To a node that the membership does not have: back on its own stream, or as a joiner does. */
  #sendToUnknown({ wire, server }: Running, message: Message): void {
    if (server.reply(message)) return;
    const { to } = message;
    if (this.#members.routeOf(to) !== undefined) {
      this.#peer(wire, to).send(message);
      return;
    }
    this.#countersOf(to).droppedMessages += 1;
    if (this.#unreached.has(to)) return;
    this.#unreached.add(to);
    // Not within the call of the node.
    queueMicrotask(() => {
      this.#unreached.delete(to);
      if (this.#closing === undefined) wire.handler.unreachable(to);
    });
  }

  /**
   * Rejects with a TransportError: `TRANSPORT_UNREACHABLE`, `TRANSPORT_BROKEN` after several
   * attempts that got no further, `TRANSPORT_REFUSED` (the receiver's reason in the message),
   * `TRANSPORT_CLOSED`; with the reason of the signal, or with what went wrong with the stream of
   * `open`.
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
    const settings = this.#settings;
    const { address, tls } = settings;
    const { membership } = this.#members;
    const isMember = (id: bigint): boolean => membership.has(id);
    const framePayloadMax = framePayloadMaxOf(messageBytesMax);
    const features = [repliesFeature];
    const common = { protocol: protocolVersions, clusterId, groupId, from: nodeId, address };
    return {
      settings,
      clock,
      random,
      names: this.#names,
      logger,
      strangersLog: new StrangersLog(clock, logger),
      memberAddresses: new MemberAddresses(isMember),
      isMember,
      credentials: tls === undefined ? undefined : new Credentials(tls),
      certificates: new MemberCertificates({ settings, clusterId, nodeId, membership }),
      handler,
      openers: new WeakMap(),
      clusterId,
      groupId,
      nodeId,
      handshakeTo: (to) => ({ ...common, to, entryBytesMax, messageBytesMax, features }),
      framePayloadMax,
      budget: this.#budgetOf(snapshotFrameMaxOf(framePayloadMax)),
      countersOf: (id) => this.#countersOf(id),
    };
  }

  /** @throws TransportError (`TRANSPORT_INVALID`) where the largest frame does not fit. */
  #budgetOf(frameBytesMax: number): IncomingBudget {
    const { incomingBytesMax, stallTimeoutMs } = this.#settings;
    if (frameBytesMax > incomingBytesMax) {
      const problem = `the option incomingBytesMax must be at least ${frameBytesMax}, the largest frame with entries and messages of this size; got ${incomingBytesMax}`;
      throw new TransportError('TRANSPORT_INVALID', problem);
    }
    return new IncomingBudget({
      clock: this.#identity.clock,
      bytesMax: incomingBytesMax,
      frameBytesMax,
      patienceMs: stallTimeoutMs,
      isMember: (id) => this.#members.membership.has(id),
      memberCount: () => this.#members.membership.size,
    });
  }

  #countersOf(id: bigint): PeerCounters {
    const known = this.#counters.get(id);
    if (known !== undefined) return known;
    const counters = newCounters();
    this.#counters.set(id, counters);
    this.#forgetUnknown();
    return counters;
  }

  /**
   * Whoever makes up ids has the place of the older ones: those count among the removed from then
   * on.
   */
  #forgetUnknown(): void {
    const unknown = [...this.#counters.keys()].filter((id) => !this.#members.membership.has(id));
    for (const id of unknown.slice(0, Math.max(0, unknown.length - learnedMax))) {
      addCounters(this.#countersOfRemoved, this.#counters.get(id) ?? newCounters());
      this.#counters.delete(id);
      this.#peers.get(id)?.close();
      this.#peers.delete(id);
    }
  }

  #peer(wire: Wire, id: bigint): Peer {
    const known = this.#peers.get(id);
    if (known !== undefined) return known;
    const routeOf = () => this.#members.routeOf(id);
    const peer = new Peer(
      wire,
      id,
      () => routeOf()?.address,
      () => routeOf()?.onlyIp,
    );
    this.#peers.set(id, peer);
    return peer;
  }

  #addressOf(id: bigint): string {
    const route = this.#members.membership.has(id) ? this.#members.routeOf(id) : undefined;
    if (route !== undefined) return route.address;
    throw new TransportError('TRANSPORT_UNREACHABLE', `member ${id} has no address`);
  }

  #startPulse(): void {
    const { clock } = this.#identity;
    const pulseMs = this.#settings.stallTimeoutMs / pulsesPerStall;
    this.#pulse = clock.startTimer(pulseMs, () => {
      const nowMs = clock.monotonicMs();
      const isLate = nowMs - this.#pulsedMs > 3 * pulseMs;
      this.#pulsedMs = nowMs;
      const { server, wire } = this.#running ?? {};
      wire?.budget.pulse(nowMs);
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

function tellOfOwnCertificate({ credentials, certificates, logger }: Wire): void {
  if (credentials === undefined) return;
  const problem = certificates.problemOfOwn(credentials.tls.cert);
  if (problem === undefined) return;
  logger?.warn('other members will refuse the certificate of this one', { problem });
}

const closed = (): TransportError =>
  new TransportError('TRANSPORT_CLOSED', 'the transport is closed, or was not started');

const removed = (id: bigint): TransportError =>
  new TransportError('TRANSPORT_REFUSED', `member ${id} was removed`, { reason: 'removed' });
