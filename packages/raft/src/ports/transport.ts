/**
 * The transport: how messages reach the other members. The port defines messages and streams of
 * bytes; the meaning of addresses and the protocol are the transport's own. Loss, duplication and
 * reordering are allowed, because Raft tolerates them. A message must arrive unaltered or not at
 * all, and `from` must be its real sender.
 *
 * Decisions: docs/decisions/0028-transport-port.md.
 */
import type { Message } from '@babuza/raftpb';
import type { Clock, Random } from '@babuza/vfs';
import type { Logger } from './logger.ts';

export interface TransportPeer {
  readonly id: bigint;
  /** As the member advertises it. */
  readonly address: string;
}

/** The values that all members of a group share and that a transport must know. */
export interface TransportGroup {
  readonly groupId: bigint;
  /** The largest entry, encoded, in bytes: one value for all members, fixed with their logs. */
  readonly entryBytesMax: number;
  /**
   * The most bytes that the entries of one message have together, unless a single entry is larger.
   */
  readonly messageBytesMax: number;
}

/** The node's side of the transport: it is given what arrives. No method throws. */
export interface TransportHandler {
  /**
   * Takes a message that arrived; it belongs to the node from now on. `impossible`: the node has
   * refused it, and no member sends such a message. The transport then closes the connection of
   * that message.
   */
  receive(message: Message): 'impossible' | undefined;
  /**
   * Whether the node can hold more entries that are not durable yet: `undefined` when it can,
   * otherwise a promise that resolves when it can, or when the node has stopped. The promise never
   * rejects. A transport that can make its senders wait calls this before it delivers messages with
   * entries; other transports need not.
   */
  room?(): Promise<void> | undefined;
  /**
   * Takes a snapshot: its message (`MsgSnap`) and its files as one stream. Resolves when the files
   * are durable and the message was taken. Rejects when they could not be taken, and the transport
   * tells the sender.
   */
  receiveSnapshot(
    message: Message,
    stream: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
  /** How many bytes of the stream of this snapshot message are stored already. */
  receivedSnapshotBytes(message: Message): Promise<number>;
  /**
   * The introduction of this member, which the transport sends at the start of each connection to
   * `admit` of the other side: one line of ASCII, at most 2,048 characters. The transport does not
   * interpret it.
   */
  introduction(): string;
  /**
   * Judges the introduction of a member. It is called at both ends of a connection before any
   * message is delivered, with `undefined` when there was no introduction. The result is the only
   * reason that the other side is told; this node reports the details itself.
   */
  admit(id: bigint, introduction: string | undefined): 'other-cluster' | undefined;
  /** Another member has refused this one with `other-cluster`. */
  refusedBy(id: bigint): void;
  /** Another member has admitted this one: it has answered a connection or a request. */
  admittedBy(id: bigint): void;
  /**
   * A message to this peer could not be sent, was dropped from a full queue, or was refused by the
   * peer.
   */
  unreachable(id: bigint): void;
}

/** A kind of transport, as its package exports it. */
export interface TransportBackend<Options extends object = object> {
  /**
   * The names of the transport type. The first is the canonical one; the others are documented
   * synonyms.
   */
  readonly types: readonly [string, ...string[]];
  /**
   * Creates a transport. It opens nothing before `start`. Throws an error with a code for invalid
   * options.
   */
  create(identity: TransportIdentity, options?: Options): Transport;
}

/** The node whose messages a transport carries, and the clock, random source and logger to use. */
export interface TransportIdentity {
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger | undefined;
}

/** Counts over all peers since the start. */
export interface TransportCounts {
  readonly connectedPeers: number;
  readonly queuedMessages: number;
  readonly sentMessages: number;
  readonly sentBytes: number;
  /** Messages that were dropped from a full queue, or while the peer could not be reached. */
  readonly droppedMessages: number;
  readonly receivedMessages: number;
  readonly receivedBytes: number;
  /** Bytes of snapshots; bytes that are sent again are counted again. */
  readonly sentSnapshotBytes: number;
  readonly receivedSnapshotBytes: number;
  /** Attempts to send a snapshot that resumed where an earlier one had ended. */
  readonly continuedSnapshots: number;
  /** Connections to peers that were established. */
  readonly connections: number;
  /** Connections that could not be established, or broke. */
  readonly failedConnections: number;
  /**
   * Connections from others that were refused: not a member, another cluster, an untrusted
   * certificate, or invalid bytes.
   */
  readonly refusedConnections: number;
}

export interface Transport extends AsyncDisposable {
  /**
   * The address of this member, as the transport tells it to the others. A start is refused when
   * the configuration of the node has another one. Absent when the transport does not know it.
   */
  readonly address?: string;
  /**
   * Begins to take messages of this group of the cluster; messages of other groups are refused.
   * Called once, before anything is sent. `setPeer` may be called before it.
   */
  start(handler: TransportHandler, group: TransportGroup): Promise<void>;
  /**
   * Throws when no member can have this address. It is called before an address enters the
   * membership, because an address that cannot be used could cut off a healthy member. Absent when
   * any text can be an address.
   */
  checkAddress?(address: string): void;
  /**
   * Adds a member, or changes its address. The transport should connect to it at once, even when
   * there is nothing to send: if requests for votes wait for connections, two candidates are likely
   * to split the votes.
   */
  setPeer(peer: TransportPeer): void;
  /** Removes a member: nothing is sent to it or taken from it any more. */
  removePeer(id: bigint): void;
  /**
   * Sends without waiting. A message that cannot be sent is dropped and reported. Snapshots are
   * sent with `sendSnapshot` instead.
   */
  send(messages: readonly Message[]): void;
  /**
   * Sends a snapshot message with its files; `open` returns the stream from an offset on. Resolves
   * when the receiver has taken it, and rejects otherwise; the node reports either to the Raft
   * core. When it rejects the receiver may still have taken it, because the answer may have been
   * lost. The stream is ended before this settles, unless it hangs in a read.
   */
  sendSnapshot(
    message: Message,
    open: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Absent when the transport does not count. */
  counts?(): TransportCounts;
  /** Closes all connections. A second call returns the same promise. */
  close(): Promise<void>;
}
