/**
 * The state of one Raft node: the fields of etcd's `raft` struct, and what can be read from them
 * directly. This file decides nothing and calls no rule of Raft. The rules are functions that take
 * the state; `step.ts` and `tick.ts` choose among them, and `start.ts` makes the state.
 *
 * A node acts only through its state: messages collect in `messages` and `messagesAfterAppend`,
 * answered reads in `readStates`, entries in the log. `RawNode` takes them out.
 *
 * Source: etcd-io/raft `raft.go`, `type raft struct`.
 */

import {
  draftMessage,
  type HardState,
  type Message,
  type MessageDraft,
  type MessageType,
} from '@babuza/raftpb';
import type { ResolvedConfig } from '../resolved-config.ts';
import { none } from '../ids.ts';
import type { RaftLog } from '../log/raft-log.ts';
import { StateType, type ReadState, type SoftState } from '../ready.ts';
import { Tracker } from '../tracker/tracker.ts';
import { ReadOnlyQueue } from './read-only-queue.ts';

export class RaftState {
  readonly config: ResolvedConfig;
  readonly id: bigint;

  // Hard state, together with the commit index of the log.
  term = 0;
  vote: bigint = none;
  readonly log: RaftLog;

  // Soft state: a restarted node begins without it.
  state: StateType = StateType.Follower;
  lead: bigint = none;
  readonly tracker: Tracker;
  isLearner = false;
  /** Messages that may be sent at once. */
  messages: Message[] = [];
  /**
   * Messages that may be delivered once everything that is unstable now is durable: votes and
   * acknowledgments, including those of this node to itself.
   */
  messagesAfterAppend: Message[] = [];
  readStates: ReadState[] = [];

  // Leader only.
  /** The target of a leadership transfer; no proposal is accepted while one is under way. */
  leadTransferee: bigint = none;
  /**
   * The log may hold an unapplied membership change up to this index. No other change is accepted
   * until the application has reached it.
   */
  pendingConfIndex = 0;
  /** Bytes of the payloads that this leader has appended and that are not applied yet. */
  uncommittedBytes = 0;
  readOnly: ReadOnlyQueue = new ReadOnlyQueue();
  /** The number of impossible claims dropped since the last change of role, by member and kind. */
  readonly impossibleClaims: Map<string, number> = new Map();
  /** Reads that arrived before the first commit of the term. A change of role keeps them. */
  pendingReads: Message[] = [];

  /** Ticks since the last message of the leader; at a leader, since its last quorum check. */
  electionElapsed = 0;
  /** Ticks since the last heartbeats were sent. Leader only. */
  heartbeatElapsed = 0;
  /** Ticks without a leader until this node campaigns; drawn again with each change of role. */
  randomizedElectionTimeout = 0;
  /** While true, this node starts no campaign. See `election/withdrawal.ts`. */
  withholdsCampaigns = false;

  constructor(config: ResolvedConfig, log: RaftLog) {
    this.config = config;
    this.id = config.id;
    this.log = log;
    this.tracker = new Tracker(config.maxInflightMsgs, config.maxInflightBytes);
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  softState(): SoftState {
    return { lead: this.lead, raftState: this.state };
  }

  /** Whether this node may become leader: it is a voter and has no snapshot left to store. */
  promotable(): boolean {
    const own = this.tracker.progress.get(this.id);
    return own !== undefined && !own.isLearner && this.log.unstable.snapshot === undefined;
  }

  /** A new message from this node. Its term is set by `send` in `messages/outbox.ts`. */
  draft(type: MessageType, to: bigint): MessageDraft {
    return draftMessage(type, to, this.id, 0);
  }
}
