/**
 * How messages reach the other members. The port knows messages and streams of bytes, no addresses'
 * meaning, no protocol. Loss, duplication and reordering are allowed: Raft copes. What a message
 * says must arrive unaltered or not at all, and `from` must be who sent it.
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

/** What the members of a group agree about, and what of it a transport must know. */
export interface TransportGroup {
  readonly groupId: bigint;
  /** The largest entry, encoded, in bytes: one value for all members, fixed with their logs. */
  readonly entryBytesMax: number;
  /** What the entries of a message take together, in bytes, unless a single one is larger. */
  readonly messageBytesMax: number;
}

/** What the node does with what arrives. None of these throws. */
export interface TransportHandler {
  /**
   * A message that arrived; it belongs to the node from now on. `impossible`: the node has refused
   * it, and no member sends such a message. The transport then ends the connection that it came on.
   */
  receive(message: Message): 'impossible' | undefined;
  /**
   * Whether the node can hold more entries than it has been given and has not made durable:
   * `undefined`, or a promise that resolves when it can, or the node has ended. It never rejects. A
   * transport that can make its senders wait asks before it hands over messages with entries;
   * others count as ready always.
   */
  room?(): Promise<void> | undefined;
  /**
   * A snapshot arrives: its message (`MsgSnap`) and its files as one stream. It resolves when the
   * files are durable and the message was taken; it rejects when they could not be taken, and the
   * sender is told so.
   */
  receiveSnapshot(
    message: Message,
    stream: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
  /** How many bytes of the stream of this snapshot message are here already. */
  receivedSnapshotBytes(message: Message): Promise<number>;
  /**
   * What this member says of itself at the head of each connection, to be given to `admit` of the
   * other side: one line of ASCII, at most 2,048 characters, which the transport does not read.
   */
  introduction(): string;
  /**
   * Judges the introduction of a member, at both ends of a connection and before any message
   * counts; `undefined` where there was none. What it returns is the word that the other side is
   * refused with, and nothing else travels. This node tells the reason itself.
   */
  admit(id: bigint, introduction: string | undefined): 'other-cluster' | undefined;
  /** Another member has refused this one with the word `other-cluster`. */
  refusedBy(id: bigint): void;
  /** Another member has let this one in: it has answered a connection or a request. */
  admittedBy(id: bigint): void;
  /**
   * A message to this peer could not be sent, was dropped from a full queue, or was not taken
   * there.
   */
  unreachable(id: bigint): void;
}

/** A kind of transport, as its package presents it. */
export interface TransportBackend<Options extends object = object> {
  /** The names of the transport type, the canonical one first; the rest are documented synonyms. */
  readonly types: readonly [string, ...string[]];
  /**
   * Nothing is opened before `start`. What the options cannot be, it says with an error that has a
   * code.
   */
  create(identity: TransportIdentity, options?: Options): Transport;
}

/** Whose messages a transport carries, and the world it lives in. */
export interface TransportIdentity {
  readonly clusterId: bigint;
  readonly nodeId: bigint;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger | undefined;
}

/** What passed, over all peers, since the start. */
export interface TransportCounts {
  readonly connectedPeers: number;
  readonly queuedMessages: number;
  readonly sentMessages: number;
  readonly sentBytes: number;
  /** From a full queue, or while the peer was away. */
  readonly droppedMessages: number;
  readonly receivedMessages: number;
  readonly receivedBytes: number;
  /** Of snapshots; what is sent again counts again. */
  readonly sentSnapshotBytes: number;
  readonly receivedSnapshotBytes: number;
  /** Attempts to send a snapshot that went on where an earlier one had ended. */
  readonly continuedSnapshots: number;
  /** Connections to peers that were made. */
  readonly connections: number;
  /** Connections that could not be made, or broke. */
  readonly failedConnections: number;
  /**
   * Of others that were not let in: no member, another cluster, a certificate that does not count
   * here, garbage.
   */
  readonly refusedConnections: number;
}

export interface Transport extends AsyncDisposable {
  /**
   * The address of this member, as the transport tells it to the others. A start is refused where
   * the configuration of the node has another one. Absent where the transport does not know it.
   */
  readonly address?: string;
  /**
   * Begins to take messages of this group of the cluster; other groups do not exist for it. Called
   * once, before anything is sent; peers may be told before.
   */
  start(handler: TransportHandler, group: TransportGroup): Promise<void>;
  /**
   * Throws where no member can have this address: it is asked before an address gets into the
   * membership, where it could cut off a healthy member. Absent where every text can be one.
   */
  checkAddress?(address: string): void;
  /**
   * A member, or a member at another address. A way to it should be open from now on, also while
   * nothing is said: where requests for votes wait for connections, two candidates are likely to
   * split the votes.
   */
  setPeer(peer: TransportPeer): void;
  /** Not a member any more: nothing is sent to it or taken from it. */
  removePeer(id: bigint): void;
  /**
   * Sends without waiting; what cannot be sent is dropped and reported. Snapshots do not come this
   * way.
   */
  send(messages: readonly Message[]): void;
  /**
   * Sends a snapshot message with its files; `open` gives the stream from an offset on. Resolves
   * when the receiver has taken it, and rejects otherwise: the node reports either to the Raft
   * core. Where it rejects the receiver may have taken it all the same, when its answer got lost.
   * The stream is ended before, unless it hangs in a read.
   */
  sendSnapshot(
    message: Message,
    open: (offset: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Absent where nothing is counted. */
  counts?(): TransportCounts;
  /** Ends all connections. A second call returns the same promise. */
  close(): Promise<void>;
}
