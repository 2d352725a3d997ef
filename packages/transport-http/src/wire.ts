/** What all connections of one member share: who it is, what it may take, and how it talks. */
import type { Duplex } from 'node:stream';
import type { Logger, TransportHandler } from '@babuza/raft';
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
  /** For what others cause without being members. */
  readonly strangersLog: StrangersLog;
  /** Whether the membership has it. */
  readonly isMember: (id: bigint) => boolean;
  readonly memberAddresses: MemberAddresses;
  /** What this member shows and trusts; absent without TLS. */
  readonly credentials: Credentials | undefined;
  /** Says whether the other side of a connection is the member that it claims to be. */
  readonly certificates: MemberCertificates;
  readonly handler: TransportHandler;
  /** The id that the other side of a connection has proven with the secret to speak for. */
  readonly openers: WeakMap<Duplex, bigint>;
  readonly clusterId: bigint;
  readonly groupId: bigint;
  readonly nodeId: bigint;
  /** What this member says of itself to that one. */
  readonly handshakeTo: (id: bigint) => Handshake;
  /** The largest payload of a frame of messages that this member takes, in bytes. */
  readonly framePayloadMax: number;
  /** The memory of the frames that arrive. */
  readonly budget: IncomingBudget;
  readonly countersOf: (id: bigint) => PeerCounters;
}

/** A handshake with what the node says of itself, as of now. */
export function introduced({ handler }: Wire, handshake: Handshake): Handshake {
  return { ...handshake, introduction: handler.introduction() };
}

/** Since the start of this member. */
export interface PeerCounters {
  sentMessages: number;
  sentBytes: number;
  /** From a full queue, while the peer was away, or too large for it. */
  droppedMessages: number;
  receivedMessages: number;
  receivedBytes: number;
  /** Of snapshots; what is sent again counts again. */
  sentSnapshotBytes: number;
  receivedSnapshotBytes: number;
  /** Attempts to send a snapshot that went on where an earlier one had ended. */
  continuedSnapshots: number;
  /** Connections to the peer that were made. */
  connections: number;
  /** Attempts that failed, and connections that broke. */
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

/** The protocol that a connection is upgraded to. */
export const streamProtocol = 'babuza-raft';
/** Marks the answer of a member that takes nothing, with the reason. */
export const refusalHeader = 'babuza-refusal';

/**
 * What frames add to the messages in them, and what a message of a response may have beside its
 * entries, amply.
 */
const frameSlackBytes = 1024 * 1024;

/**
 * A frame is closed when it has 1 MiB, and a message has one entry of the largest size, or more up
 * to its own limit.
 */
export function framePayloadMaxOf(messageBytesMax: number): number {
  return messageBytesMax + 2 * frameSlackBytes;
}

/** Of one frame of a snapshot, as the contract allows. */
const snapshotChunkBytesMax = 3 * 1024 * 1024;

/** The first frame of a snapshot is a message, those behind it are its chunks. */
export function snapshotFrameMaxOf(framePayloadMax: number): number {
  return Math.max(snapshotChunkBytesMax, framePayloadMax);
}

/** What another member may ask for. */
const foreignMessageBytesMax = 32 * 1024 * 1024;

/**
 * From a member with messages of that size. Where it makes larger ones than this member they are
 * taken all the same: it would say them again and again.
 */
export function framePayloadMaxFor(own: number, messageBytesMax: number): number {
  return Math.max(own, framePayloadMaxOf(Math.min(messageBytesMax, foreignMessageBytesMax)));
}
