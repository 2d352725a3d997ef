/**
 * The data types of etcd raft (package `raftpb`) that a log stores. `message.ts` has the messages
 * between nodes, `conf-change.ts` the changes of the membership. Ids are `bigint`, because etcd's
 * member ids use all 64 bits. Terms and indexes are `number` and checked to be safe integers
 * wherever they enter. A value is immutable once it was passed to a log or a core, or returned by a
 * decoder.
 *
 * Source: etcd-io/raft `raftpb/raft.proto`.
 */

/** The kind of an entry, with the numbers of the wire format. */
export const EntryType = {
  /** A proposal of the application. */
  Normal: 0,
  /** `data` holds an encoded `ConfChange`. */
  ConfChange: 1,
  /** `data` holds an encoded `ConfChangeV2`. */
  ConfChangeV2: 2,
} as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** One entry of the Raft log. */
export interface Entry {
  /** Position in the log, from 1; at most 2^53 − 1. */
  readonly index: number;
  /** The leader's term when the entry was created, from 1; at most 2^53 − 1. */
  readonly term: number;
  readonly type: EntryType;
  /**
   * The payload. Absent and empty mean the same to Raft, but differ on the wire and stay different.
   */
  readonly data?: Uint8Array | undefined;
}

/**
 * The durable state of a Raft node: "persistent state" in figure 2 of the Raft paper, and the
 * commit index.
 */
export interface HardState {
  /** The newest term this node has seen; 0 at first. */
  readonly term: number;
  /** The candidate that got this node's vote in `term`; `0n` when none. */
  readonly vote: bigint;
  /** The highest index known to be committed. It may be older than the truth after a crash. */
  readonly commit: number;
}

/** The membership of a Raft group as of one index. */
export interface ConfState {
  /** The voters; during joint consensus those of the incoming configuration. */
  readonly voters: readonly bigint[];
  readonly learners: readonly bigint[];
  /** The voters of the outgoing configuration; empty outside joint consensus. */
  readonly votersOutgoing: readonly bigint[];
  /** Voters that become learners when joint consensus is left. */
  readonly learnersNext: readonly bigint[];
  /** Whether joint consensus is left automatically. */
  readonly autoLeave: boolean;
}

/** The position of a snapshot in the log: it contains the effect of all entries up to `index`. */
export interface SnapshotMetadata {
  readonly confState: ConfState;
  readonly index: number;
  readonly term: number;
}

/** A snapshot as it is sent in Raft messages. */
export interface Snapshot {
  /**
   * Bytes of the application. In Babuza they are a manifest that names the files, never the state
   * itself.
   */
  readonly data?: Uint8Array | undefined;
  readonly metadata: SnapshotMetadata;
}

/** The hard state of a new node. */
export const emptyHardState: HardState = Object.freeze({ term: 0, vote: 0n, commit: 0 });

/** A membership without members. */
export const emptyConfState: ConfState = Object.freeze({
  voters: Object.freeze([]),
  learners: Object.freeze([]),
  votersOutgoing: Object.freeze([]),
  learnersNext: Object.freeze([]),
  autoLeave: false,
});
