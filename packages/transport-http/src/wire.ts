/**
 * The state that all connections of one member share: its identity, its limits and its settings.
 */
import type { Duplex } from 'node:stream';
import type { Logger } from '@babuza/raft';
import type { TransportHandler } from '@babuza/raft/ports';
import type { Clock, Random } from '@babuza/vfs';
import type { MemberAddresses } from './access/member-addresses.ts';
import type { Credentials } from './access/certificate/credentials.ts';
import type { MemberCertificates } from './access/certificate/member-certificates.ts';
import type { StrangersLog } from './access/strangers-log.ts';
import type { IncomingBudget } from './budget/incoming-budget.ts';
import type { Handshake } from './connections/handshake.ts';
import type { NameBook } from './connections/name-book.ts';
import type { HttpSettings } from './options.ts';

export interface Wire {
  readonly settings: HttpSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly names: NameBook;
  readonly logger: Logger | undefined;
  /** Rate-limited logger for events that programs which are not members can cause. */
  readonly strangersLog: StrangersLog;
  /** Whether the id belongs to a member of the committed membership. */
  readonly isMember: (id: bigint) => boolean;
  readonly memberAddresses: MemberAddresses;
  /** The certificates that this member presents and trusts; absent without TLS. */
  readonly credentials: Credentials | undefined;
  /**
   * Checks that the certificate of a connection names the member that the other side claims to be.
   */
  readonly certificates: MemberCertificates;
  readonly handler: TransportHandler;
  /**
   * For each connection that was opened with the secret: the node id that the other side has
   * proven.
   */
  readonly openers: WeakMap<Duplex, bigint>;
  readonly clusterId: bigint;
  readonly groupId: bigint;
  readonly nodeId: bigint;
  /** The handshake that this member sends to the given member. */
  readonly handshakeTo: (id: bigint) => Handshake;
  /** The largest payload of a frame of messages that this member takes, in bytes. */
  readonly framePayloadMax: number;
  /** Limits the memory that incoming frames may use. */
  readonly budget: IncomingBudget;
  readonly countersOf: (id: bigint) => PeerCounters;
}

/** Adds the current introduction of the node to a handshake. */
export function introduced({ handler }: Wire, handshake: Handshake): Handshake {
  return { ...handshake, introduction: handler.introduction() };
}

/** Counts since the transport was created. */
export interface PeerCounters {
  sentMessages: number;
  sentBytes: number;
  /**
   * Messages that were dropped because the queue was full, the peer was not connected, or the
   * message was too large.
   */
  droppedMessages: number;
  receivedMessages: number;
  receivedBytes: number;
  /** Bytes of snapshots; bytes that are sent again count again. */
  sentSnapshotBytes: number;
  receivedSnapshotBytes: number;
  /** Attempts to send a snapshot that resumed where an earlier attempt had ended. */
  continuedSnapshots: number;
  /** Connections that were opened to the peer. */
  connections: number;
  /** Attempts to connect that failed, and connections that broke. */
  failedConnections: number;
}

export function newCounters(): PeerCounters {
  return {
    sentMessages: 0,
    sentBytes: 0,
    droppedMessages: 0,
    receivedMessages: 0,
    receivedBytes: 0,
    sentSnapshotBytes: 0,
    receivedSnapshotBytes: 0,
    continuedSnapshots: 0,
    connections: 0,
    failedConnections: 0,
  };
}

export function addCounters(sum: PeerCounters, more: PeerCounters): void {
  sum.sentMessages += more.sentMessages;
  sum.sentBytes += more.sentBytes;
  sum.droppedMessages += more.droppedMessages;
  sum.receivedMessages += more.receivedMessages;
  sum.receivedBytes += more.receivedBytes;
  sum.sentSnapshotBytes += more.sentSnapshotBytes;
  sum.receivedSnapshotBytes += more.receivedSnapshotBytes;
  sum.continuedSnapshots += more.continuedSnapshots;
  sum.connections += more.connections;
  sum.failedConnections += more.failedConnections;
}

export const paths = {
  stream: '/raft/v1/stream',
  messages: '/raft/v1/messages',
  snapshotReceived: '/raft/v1/snapshots/received',
  snapshot: '/raft/v1/snapshots',
} as const;

/** The name of the protocol in the `Upgrade` header. */
export const streamProtocol = 'babuza-raft';
/** The header that marks an answer as a refusal; its value is the reason. */
export const refusalHeader = 'babuza-refusal';

/**
 * A generous bound on the bytes that framing adds, and on the fields of a message apart from its
 * entries.
 */
const frameSlackBytes = 1024 * 1024;

/**
 * The largest payload of a frame of messages. A queue closes a frame once it holds 1 MiB, and the
 * last message in it may have `messageBytesMax` bytes of entries.
 */
export function framePayloadMaxOf(messageBytesMax: number): number {
  return messageBytesMax + 2 * frameSlackBytes;
}

/** The largest chunk of a snapshot. The transport port allows chunks of up to 3 MiB. */
const snapshotChunkBytesMax = 3 * 1024 * 1024;

/**
 * The largest frame of a snapshot request: the first frame is the message, each later frame is one
 * chunk.
 */
export function snapshotFrameMaxOf(framePayloadMax: number): number {
  return Math.max(snapshotChunkBytesMax, framePayloadMax);
}

/** The upper bound on the `messageBytesMax` that is honoured from another member. */
const foreignMessageBytesMax = 32 * 1024 * 1024;

/**
 * The largest frame to accept from a member whose messages have up to `messageBytesMax` bytes. A
 * member that is configured with larger messages than this one is still accepted: it would send a
 * refused message again and again.
 */
export function framePayloadMaxFor(own: number, messageBytesMax: number): number {
  return Math.max(own, framePayloadMaxOf(Math.min(messageBytesMax, foreignMessageBytesMax)));
}
