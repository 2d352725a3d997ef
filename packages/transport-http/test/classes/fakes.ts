/**
 * A member without a network: a clock that tests control, and a record of the calls to its node.
 */
import type { TransportHandler } from '@babuza/raft/ports';
import type { Message } from '@babuza/raftpb';
import { SeededRandom, SimulatedClock } from '@babuza/testkit';
import { MemberAddresses } from '../../src/access/member-addresses.ts';
import { Credentials } from '../../src/access/certificate/credentials.ts';
import { MemberCertificates } from '../../src/access/certificate/member-certificates.ts';
import { StrangersLog } from '../../src/access/strangers-log.ts';
import { IncomingBudget } from '../../src/budget/incoming-budget.ts';
import { protocolVersions, type Handshake } from '../../src/connections/handshake.ts';
import { NameBook, type NameBookParts } from '../../src/connections/name-book.ts';
import { checkOptions, type HttpTransportOptions } from '../../src/options.ts';
import {
  framePayloadMaxOf,
  newCounters,
  snapshotFrameMaxOf,
  type PeerCounters,
  type Wire,
} from '../../src/wire.ts';

export const mebibyte: number = 1024 * 1024;
export const stallTimeoutMs = 1000;

/** A name book that records the calls. */
class RecordedNames extends NameBook {
  readonly #told: string[];

  constructor(parts: NameBookParts, told: string[]) {
    super(parts);
    this.#told = told;
  }

  override worked(host: string): void {
    this.#told.push(`worked ${host}`);
    super.worked(host);
  }

  override failed(host: string): void {
    this.#told.push(`failed ${host}`);
    super.failed(host);
  }

  override appeared(host: string): void {
    this.#told.push(`appeared ${host}`);
    super.appeared(host);
  }
}

/** A `Wire` for member 1 of cluster 1. */
export class FakeMember {
  readonly clock = new SimulatedClock();
  readonly received: Message[] = [];
  readonly unreachable: bigint[] = [];
  readonly logged: string[] = [];
  /** The errors of log lines with a message. */
  readonly loggedErrors: unknown[] = [];
  /** The recorded calls of the name book, such as `failed two.example`. */
  readonly toldNames: string[] = [];
  readonly counters = new Map<bigint, PeerCounters>();
  /** The ids in the membership. */
  readonly memberIds = new Set<bigint>([2n, 3n]);
  readonly wire: Wire;

  constructor(
    handler: Partial<TransportHandler> = {},
    options: Partial<HttpTransportOptions> = {},
    framePayloadMax: number = framePayloadMaxOf(mebibyte),
  ) {
    const log = (message: string, details?: object): void => {
      this.logged.push(message);
      if (details !== undefined && 'error' in details) this.loggedErrors.push(details.error);
    };
    const random = new SeededRandom(1);
    const { clock } = this;
    const settings = checkOptions({ address: 'one.example:1', stallTimeoutMs, ...options });
    const { tls } = settings;
    this.wire = {
      settings,
      credentials: tls === undefined ? undefined : new Credentials(tls),
      certificates: new MemberCertificates({
        settings,
        clusterId: 1n,
        nodeId: 1n,
        membership: new Map(),
      }),
      clock,
      random,
      names: new RecordedNames(
        {
          clock,
          random,
          names: { lookUp: async () => [{ address: '127.0.0.1', family: 4 }] },
          closing: new AbortController().signal,
        },
        this.toldNames,
      ),
      logger: { debug: log, info: log, warn: log, error: log },
      strangersLog: new StrangersLog(clock, { debug: log, info: log, warn: log, error: log }),
      isMember: (id) => this.memberIds.has(id),
      memberAddresses: new MemberAddresses((id) => this.memberIds.has(id)),
      handler: { ...this.#handler(), ...handler },
      openers: new WeakMap(),
      clusterId: 1n,
      groupId: 0n,
      nodeId: 1n,
      handshakeTo: (to) => handshakeOf({ from: 1n, to, address: 'one.example:1' }),
      framePayloadMax,
      budget: new IncomingBudget({
        clock,
        bytesMax: options.incomingBytesMax ?? 128 * mebibyte,
        frameBytesMax: snapshotFrameMaxOf(framePayloadMax),
        patienceMs: stallTimeoutMs,
        isMember: (id) => this.memberIds.has(id),
        memberCount: () => this.memberIds.size,
      }),
      countersOf: (id) => this.countersOf(id),
    };
  }

  countersOf(id: bigint): PeerCounters {
    const counters = this.counters.get(id) ?? newCounters();
    this.counters.set(id, counters);
    return counters;
  }

  #handler(): TransportHandler {
    return {
      receive: (message) => void this.received.push(message),
      receiveSnapshot: async () => undefined,
      receivedSnapshotBytes: async () => 0,
      unreachable: (id) => void this.unreachable.push(id),
      introduction: () => '',
      admit: () => undefined,
      refusedBy: () => undefined,
      admittedBy: () => undefined,
    };
  }
}

/** The handshake of member 2 to member 1, with changes. */
export const handshakeOf = (given: Partial<Handshake> = {}): Handshake => ({
  protocol: protocolVersions,
  clusterId: 1n,
  groupId: 0n,
  from: 2n,
  to: 1n,
  address: 'two.example:2',
  entryBytesMax: mebibyte,
  messageBytesMax: mebibyte,
  features: [],
  ...given,
});
