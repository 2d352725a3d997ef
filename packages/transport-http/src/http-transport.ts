/**
 * The transport of one member over HTTP. Each member opens one stream to every peer and sends its
 * messages over it. Snapshots travel in separate requests, so that they never delay a heartbeat.
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
} from '@babuza/raft/ports';
import type { Message } from '@babuza/raftpb';
import { nodeNames, type HostNames, type Timer } from '@babuza/vfs';
import { MemberAddresses } from './access/member-addresses.ts';
import { Credentials, reloadable } from './access/certificate/credentials.ts';
import { checkTlsFiles } from './access/certificate/check-options.ts';
import type { HttpTransportTlsFiles } from './access/certificate/options.ts';
import { MemberCertificates } from './access/certificate/member-certificates.ts';
import { StrangersLog } from './access/strangers-log.ts';
import { hostPortOf } from './address.ts';
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

/** The parts that exist once the transport was started. */
interface Running {
  readonly wire: Wire;
  readonly server: MessageServer;
  readonly snapshots: SnapshotReceiver;
  readonly pacer: Pacer;
}

/** How many times per stall timeout every connection is checked. */
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
  /** Aborts the snapshots that are being sent to a member when that member is removed. */
  readonly #removals = new Map<bigint, Set<AbortController>>();
  /**
   * Nodes outside the membership for which a call of `handler.unreachable` is already scheduled.
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
   * `names` resolves host names; by default with the resolver of the machine.
   *
   * @throws TransportError (`TRANSPORT_INVALID`) that names the option, the value that was given
   * and the values that are allowed.
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

  /** The address at which the other members reach this one, from the options. */
  get address(): string {
    return this.#settings.address;
  }

  /**
   * The port that it listens on, which is useful when the system chose it. `undefined` until
   * `start` has resolved.
   */
  get listeningPort(): number | undefined {
    return this.#listeningPort;
  }

  /** The counters of each peer since the transport was created, in ascending order of id. */
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
   * Starts to listen and opens connections to all peers. Rejects with `TRANSPORT_LISTEN` if the
   * port is not available, with `TRANSPORT_INSECURE` if the options do not allow to listen without
   * protection, with `TRANSPORT_INVALID` if the certificates cannot be used or `incomingBytesMax`
   * is smaller than the largest frame, and with `TRANSPORT_CLOSED` after `close`.
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
    // Connect only after listening has begun, because each peer connects back at once.
    for (const id of this.#members.ids) this.#peer(wire, id).keep();
    this.#pulsedMs = wire.clock.monotonicMs();
    this.#startPulse();
  }

  /**
   * Opens a connection back to a member that has just connected. A joining node has no membership
   * yet, so it connects back to every node that reaches it: the handshake on its own connection
   * tells it whether that node admits it, and why not.
   */
  #connectBack(wire: Wire, id: bigint): void {
    const peer = this.#members.knowsNobody ? this.#peer(wire, id) : this.#peers.get(id);
    peer?.appeared();
  }

  /**
   * Replaces the given certificate, key, authorities and revocation lists without a restart. New
   * connections use them. If an authority was removed or the revocation lists changed, all
   * connections are closed and opened again at once; otherwise open connections are kept.
   *
   * @throws TransportError (`TRANSPORT_INVALID`) if the files cannot be used or the transport has
   * no option `tls`; `TRANSPORT_CLOSED` before `start` and after `close`. After an error nothing
   * has changed.
   */
  reloadTls(files: HttpTransportTlsFiles): void {
    if (this.#running === undefined || this.#closing !== undefined) throw closed();
    const { wire } = this.#running;
    const credentials = reloadable(wire.credentials);
    credentials.reload(checkTlsFiles(files, credentials.tls));
    tellOfOwnCertificate(wire);
  }

  /**
   * @throws TransportError (`TRANSPORT_INVALID`) if this transport could not connect to the
   * address.
   */
  checkAddress(address: string): void {
    hostPortOf(address, this.#settings.tls !== undefined);
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

  /**
   * Sends to a node outside the membership: as a reply on the stream that the node has opened or,
   * at a joining node, to the address that the node has claimed.
   */
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
    // Report it in a later microtask: the node must not be called back from within its own call.
    queueMicrotask(() => {
      this.#unreached.delete(to);
      if (this.#closing === undefined) wire.handler.unreachable(to);
    });
  }

  /**
   * Sends a snapshot; resolves when the receiver has made it durable.
   *
   * Rejects with a TransportError: `TRANSPORT_UNREACHABLE`; `TRANSPORT_BROKEN` after several
   * attempts without progress; `TRANSPORT_REFUSED` with the receiver's reason in the message;
   * `TRANSPORT_INSECURE`; or `TRANSPORT_CLOSED`. Also rejects with the reason of `signal`, or with
   * the error that the stream of `open` threw.
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
    // A server cannot be closed before it listens. `start` itself rejects with the outcome.
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

  /** @throws TransportError (`TRANSPORT_INVALID`) if the largest frame does not fit. */
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
   * Limits the counters and peers that are kept for ids outside the membership, because a stranger
   * can make up any number of ids. The oldest are dropped; their counts are added to those of
   * removed members.
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
  /** Whether a connection to the peer is open. */
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
