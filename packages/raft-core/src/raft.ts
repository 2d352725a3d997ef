/**
 * The state machine of one Raft node: a function of the messages and ticks it is given. What it
 * wants done collects in `messages`, `messagesAfterAppend`, `readStates` and its log, and is taken
 * out by `RawNode`.
 *
 * This file has the state, the entry of messages (terms, then roles) and the ticks. What a message
 * does is in files of its own: `election.ts`, `proposal.ts`, `replication.ts`, `follower.ts`,
 * `leader.ts`, `snapshot.ts`, `membership.ts`, `reads.ts`, `transfer.ts`, `withdrawal.ts`,
 * `storage-done.ts`; how roles change in `roles.ts`. Their functions are the only ones that change
 * the fields here.
 *
 * Everything that must be durable before others may learn of it goes into `messagesAfterAppend`,
 * also the node's own vote and its acknowledgment of its own entries. So one path serves clusters
 * of any size.
 *
 * Source: etcd-io/raft `raft.go`; docs/raft-behaviour.md, sections 1, 2 and 3.1.
 */

import {
  draftMessage,
  MessageType,
  type HardState,
  type Message,
  type MessageDraft,
  type MessageType as Type,
} from '@babuza/raftpb';
import type { ResolvedConfig } from './config.ts';
import {
  campaignOnTimeout,
  checkQuorum,
  handleVoteRequest,
  inLease,
  rejectStalePreVote,
} from './election.ts';
import { stepCandidate, stepFollower } from './follower.ts';
import { none } from './ids.ts';
import { stepLeader } from './leader.ts';
import type { RaftLog } from './log.ts';
import { send } from './outbox.ts';
import { ReadOnlyQueue, type ReadState } from './read-only.ts';
import { StateType, type SoftState } from './ready.ts';
import { broadcastHeartbeat } from './replication.ts';
import { becomeFollower } from './roles.ts';
import { openLog, start } from './start.ts';
import { handleApplied, handleAppended, handleAppendedAtOlderTerm } from './storage-done.ts';
import { logIgnoredLowerTerm, logHigherTerm, logLeaseNotExpired } from './term-lines.ts';
import { traceReceive } from './trace.ts';
import { Tracker } from './tracker.ts';

export class Raft {
  readonly config: ResolvedConfig;
  readonly id: bigint;

  // Durable, as far as it was in an accepted Ready and written.
  term = 0;
  vote: bigint = none;
  readonly log: RaftLog;

  // Known only while the node runs.
  state: StateType = StateType.Follower;
  lead: bigint = none;
  readonly tracker: Tracker;
  isLearner = false;
  /** To be sent at once. */
  messages: Message[] = [];
  /** To be delivered, also to this node, once everything that is unstable now is durable. */
  messagesAfterAppend: Message[] = [];
  readStates: ReadState[] = [];

  // Leader only.
  /** Leadership is being handed to this node; nothing may be proposed meanwhile. */
  leadTransferee: bigint = none;
  /**
   * Up to here the log may hold a change of the membership that is not applied: no other is
   * accepted.
   */
  pendingConfIndex = 0;
  /** Payloads appended as leader and not yet applied. */
  uncommittedBytes = 0;
  readOnly: ReadOnlyQueue = new ReadOnlyQueue();
  /** How many impossible claims were dropped in this role, by member and kind. */
  readonly impossibleClaims: Map<string, number> = new Map();
  /** Reads that came before the first commit of the term. They outlive a change of role. */
  pendingReads: Message[] = [];

  /** Ticks since the leader was heard from; at a leader, since the last check of the quorum. */
  electionElapsed = 0;
  /** Leader only: ticks since the last heartbeats. */
  heartbeatElapsed = 0;
  randomizedElectionTimeout = 0;
  /** The node does not campaign, whoever asks it to. See `withdrawal.ts`. */
  withholdsCampaigns = false;

  /**
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) when the storage does not hold a state to start
   * from.
   */
  constructor(config: ResolvedConfig) {
    this.config = config;
    this.id = config.id;
    this.tracker = new Tracker(config.maxInflightMsgs, config.maxInflightBytes);
    this.log = openLog(config);
    start(this);
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  softState(): SoftState {
    return { lead: this.lead, raftState: this.state };
  }

  /** Whether this node may campaign at all. */
  promotable(): boolean {
    const own = this.tracker.progress.get(this.id);
    return own !== undefined && !own.isLearner && this.log.unstable.snapshot === undefined;
  }

  /** A message from this node; `outbox.ts` gives it its term. */
  draft(type: Type, to: bigint): MessageDraft {
    return draftMessage(type, to, this.id, 0);
  }

  /**
   * Takes one message, from another node, from a storage thread or from this node itself.
   *
   * @throws ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`) for a proposal that entered no log,
   * RaftPanicError (`RAFT_CORE_PANIC`) when the node cannot go on.
   */
  step(message: Message): void {
    traceReceive(this, message);
    if (message.term > this.term) {
      if (!this.#enterHigherTerm(message)) return;
    } else if (message.term !== 0 && message.term < this.term) {
      this.#answerLowerTerm(message);
      return;
    }
    switch (message.type) {
      case MessageType.Hup:
        campaignOnTimeout(this);
        return;
      case MessageType.StorageAppendResp:
        handleAppended(this, message);
        return;
      case MessageType.StorageApplyResp:
        handleApplied(this, message.entries);
        return;
      case MessageType.Vote:
      case MessageType.PreVote:
        handleVoteRequest(this, message);
        return;
      default:
        this.#stepRole(message);
    }
  }

  tick(): void {
    this.log.tick();
    if (this.state === StateType.Leader) this.#tickLeader();
    else this.#tickFollower();
  }

  #stepRole(message: Message): void {
    if (this.state === StateType.Leader) stepLeader(this, message);
    else if (this.state === StateType.Follower) stepFollower(this, message);
    else stepCandidate(this, message);
  }

  /** False when the message must not be looked at any further. */
  #enterHigherTerm(message: Message): boolean {
    const { type, from, term } = message;
    const isVoteRequest = type === MessageType.Vote || type === MessageType.PreVote;
    if (isVoteRequest && inLease(this, message)) {
      logLeaseNotExpired(this, message);
      return false;
    }
    // A pre-vote asks about a future term, and its grant answers about one: neither changes ours.
    if (type === MessageType.PreVote) return true;
    if (type === MessageType.PreVoteResp && !message.reject) return true;
    logHigherTerm(this, message);
    const isFromLeader =
      type === MessageType.App || type === MessageType.Heartbeat || type === MessageType.Snap;
    becomeFollower(this, term, isFromLeader ? from : none);
    return true;
  }

  #answerLowerTerm(message: Message): void {
    const { type, from } = message;
    const { checkQuorum: checksQuorum, preVote } = this.config;
    const isFromLeader = type === MessageType.Heartbeat || type === MessageType.App;
    if (isFromLeader && (checksQuorum || preVote)) {
      // The stale leader must learn of our term: with a lease or pre-votes nobody else tells it.
      send(this, this.draft(MessageType.AppResp, from));
    } else if (type === MessageType.PreVote) rejectStalePreVote(this, message);
    else if (type === MessageType.StorageAppendResp) handleAppendedAtOlderTerm(this, message);
    else logIgnoredLowerTerm(this, message);
  }

  #tickFollower(): void {
    this.electionElapsed += 1;
    if (this.electionElapsed < this.randomizedElectionTimeout || !this.promotable()) return;
    this.electionElapsed = 0;
    campaignOnTimeout(this);
  }

  #tickLeader(): void {
    this.heartbeatElapsed += 1;
    this.electionElapsed += 1;
    if (this.electionElapsed >= this.config.electionTick) {
      this.electionElapsed = 0;
      if (this.config.checkQuorum) checkQuorum(this);
      // A transfer that did not come about within an election timeout is given up.
      if (this.state === StateType.Leader) this.leadTransferee = none;
    }
    if (this.state !== StateType.Leader) return;
    if (this.heartbeatElapsed >= this.config.heartbeatTick) {
      this.heartbeatElapsed = 0;
      broadcastHeartbeat(this);
    }
  }
}
