/**
 * The messages between Raft nodes, and between a node and its own storage threads
 * (`raftpb.Message`). One interface serves all types, as on the wire; the name of each type says
 * which fields it uses. Source: etcd-io/raft `raftpb/raft.proto` and `doc.go`.
 */

import type { Entry, Snapshot } from './types.ts';

/** The type of a message, with the numbers of the wire format. Names are etcd's without `Msg`. */
export const MessageType = {
  /** Local: start an election. */
  Hup: 0,
  /** Local: the leader sends heartbeats. */
  Beat: 1,
  /** Proposed `entries`, without term and index. Without `term`, because it may be forwarded. */
  Prop: 2,
  /** `entries` that follow the entry (`logTerm`, `index`), and the leader's `commit`. */
  App: 3,
  /**
   * The log matches up to `index`; or `reject` with the rejected `index`, `rejectHint` and
   * `logTerm`.
   */
  AppResp: 4,
  /** Asks for a vote; `logTerm` and `index` are the candidate's last entry. */
  Vote: 5,
  VoteResp: 6,
  /** Carries `snapshot`. */
  Snap: 7,
  /** The leader is alive; `commit`, and in `context` the position of an unconfirmed read. */
  Heartbeat: 8,
  HeartbeatResp: 9,
  /** Local: the last message to `from` could not be sent. */
  Unreachable: 10,
  /** Local: the snapshot to `from` arrived, or failed (`reject`). */
  SnapStatus: 11,
  /** Local: the leader checks that a quorum is active. */
  CheckQuorum: 12,
  /** Asks the leader to transfer leadership to `from`. */
  TransferLeader: 13,
  /** The leader asks the receiver to campaign at once. */
  TimeoutNow: 14,
  /** Asks for an index to read at; the request is the data of the only entry. */
  ReadIndex: 15,
  ReadIndexResp: 16,
  /** Like `Vote`, but the answer changes no state: the first phase of a two-phase election. */
  PreVote: 17,
  PreVoteResp: 18,
  /**
   * Local, to the append thread: make `entries`, hard state and `snapshot` durable, then deliver
   * `responses`.
   */
  StorageAppend: 19,
  /** Local, from the append thread. */
  StorageAppendResp: 20,
  /** Local, to the apply thread: apply `entries`, then deliver `responses`. */
  StorageApply: 21,
  /** Local, from the apply thread. */
  StorageApplyResp: 22,
  /** Makes a follower forget its leader, so that it may vote for another node. */
  ForgetLeader: 23,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** The highest number of a message type. */
export const messageTypeMax = 23;

/**
 * One message. It is immutable once it was passed on. Fields that are absent on the wire have their
 * defaults.
 */
export interface Message {
  readonly type: MessageType;
  /** The receiver. `0n` if there is no specific one. */
  readonly to: bigint;
  readonly from: bigint;
  /** The sender's term; 0 for local and forwarded messages, which have none. */
  readonly term: number;
  /**
   * The term of the entry at `index`. In a storage message: the term of the last entry of the log.
   */
  readonly logTerm: number;
  readonly index: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  readonly snapshot?: Snapshot | undefined;
  readonly reject: boolean;
  /** The index at which the log of the rejecting follower may match. */
  readonly rejectHint: number;
  readonly context?: Uint8Array | undefined;
  /** The vote of a hard state, in storage messages. */
  readonly vote: bigint;
  /** The messages to deliver once the work of a storage message is done. */
  readonly responses: readonly Message[];
}

/** A message under construction. Set its fields, then pass it on and never change it again. */
export type MessageDraft = { -readonly [Field in keyof Message]: Message[Field] };

const noEntries: readonly Entry[] = Object.freeze([]);
const noResponses: readonly Message[] = Object.freeze([]);

/**
 * A message with the defaults of the wire in every other field. All code of this project creates
 * messages here, so that all have the same hidden class in V8.
 */
export function draftMessage(
  type: MessageType,
  to: bigint,
  from: bigint,
  term: number,
): MessageDraft {
  return {
    type,
    to,
    from,
    term,
    logTerm: 0,
    index: 0,
    entries: noEntries,
    commit: 0,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: undefined,
    vote: 0n,
    responses: noResponses,
  };
}

/** A message with these fields and the defaults of the wire in the others. */
export function newMessage(fields: Partial<Message> & Pick<Message, 'type'>): Message {
  const { type, to = 0n, from = 0n, term = 0, ...rest } = fields;
  return Object.assign(draftMessage(type, to, from, term), rest);
}
