/**
 * The data types of etcd raft (package `raftpb`) that a log stores; what nodes say to each other is
 * in `message.ts`, how a membership changes in `conf-change.ts`. Ids are `bigint`, because real
 * etcd member ids use all 64 bits; terms and indexes are `number`, checked to be safe integers at
 * every boundary. All values are immutable once they were handed to a log, a core or a decoder's
 * caller.
 *
 * Source: etcd-io/raft `raftpb/raft.proto`; docs/raft-behaviour.md, section 20.
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
 * What a Raft node must not forget: Raft paper, figure 2, "persistent state", and the commit index.
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

/** Where a snapshot stands in the log: it holds the effect of all entries up to `index`. */
export interface SnapshotMetadata {
  readonly confState: ConfState;
  readonly index: number;
  readonly term: number;
}

/** A snapshot as Raft passes it around. */
export interface Snapshot {
  /**
   * Bytes of the application; in Babuza a manifest that names the files, never the state itself.
   */
  readonly data?: Uint8Array | undefined;
  readonly metadata: SnapshotMetadata;
}

/** The hard state of a node that has seen nothing. */
export const emptyHardState: HardState = Object.freeze({ term: 0, vote: 0n, commit: 0 });

/** A membership without members. */
export const emptyConfState: ConfState = Object.freeze({
  voters: Object.freeze([]),
  learners: Object.freeze([]),
  votersOutgoing: Object.freeze([]),
  learnersNext: Object.freeze([]),
  autoLeave: false,
});
