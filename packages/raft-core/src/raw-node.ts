/**
 * The interface of a Raft node. Its user calls it with ticks, proposals and the messages of other
 * nodes. Whenever `hasReady` returns true, the user takes a `Ready`, does its work, and calls
 * `advance`. The node never blocks, has no clock, and does no I/O except reading its storage. A
 * call must not be made during another one.
 *
 * Source: etcd-io/raft `rawnode.go`; docs/raft-behaviour.md, sections 9, 10 and 16.2.
 */

import {
  confChangeAsV2,
  emptyHardState,
  EntryType,
  MessageType,
  newMessage,
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type Message,
} from '@babuza/raftpb';
import { bootstrapGroup, type BootstrapPeer } from './bootstrap.ts';
import type { RaftConfig } from './config.ts';
import { doubtMembers, stepDown } from './election/withdrawal.ts';
import { LocalMessageError, PeerNotFoundError } from './errors.ts';
import { isLocalThread } from './ids.ts';
import { panic } from './logger.ts';
import { applyConfChange } from './membership/membership.ts';
import { checkMessage } from './messages/check-message.ts';
import { isLocalMessage, isResponseMessage } from './messages/message-class.ts';
import { StateType, type Ready } from './ready.ts';
import { ReadySource } from './ready/ready-source.ts';
import { changeEntry, normalEntry } from './replication/proposed-entry.ts';
import { resolveConfig } from './resolved-config.ts';
import { startRaft } from './start.ts';
import type { RaftState } from './state/raft-state.ts';
import { basicStatusOf, statusOf, type BasicStatus, type Status } from './status.ts';
import { step } from './step.ts';
import { tick } from './tick.ts';
import type { Progress } from './tracker/progress.ts';

/** The position of a proposal in the log of this leader. It may never be committed. */
export interface ProposedEntry {
  readonly index: number;
  readonly term: number;
}

/** Whether a snapshot has reached the member that it was sent to. */
export type SnapshotOutcome = 'finish' | 'failure';

export class RawNode {
  readonly #raft: RaftState;
  readonly #readySource: ReadySource;

  /**
   * @throws InvalidConfigError (`RAFT_CORE_CONFIG`) for an invalid configuration, RaftPanicError
   * (`RAFT_CORE_PANIC`) when the storage does not hold a state to start from.
   */
  constructor(config: RaftConfig) {
    this.#raft = startRaft(resolveConfig(config));
    this.#readySource = new ReadySource(this.#raft);
  }

  /** The state of the node, for tests and tools. Its fields may change in any release. */
  get unsafeRaft(): RaftState {
    return this.#raft;
  }

  /**
   * Starts a new group with these voters, on an empty storage. All of them must be started with the
   * same list. The changes that add them are handed out as committed entries, and must be applied
   * as such. A storage that starts with a snapshot has a membership and needs no call.
   *
   * @throws BootstrapError (`RAFT_CORE_BOOTSTRAP`) without peers, or when the storage is not empty.
   */
  bootstrap(peers: readonly BootstrapPeer[]): void {
    bootstrapGroup(this.#raft, peers);
    // The first Ready then has the hard state.
    this.#readySource.setPreviousHardState(emptyHardState);
  }

  /** Tells the node that one tick has passed. */
  tick(): void {
    tick(this.#raft);
  }

  /** Starts a campaign, unless this node must not campaign; the log then says why. */
  campaign(): void {
    step(this.#raft, newMessage({ type: MessageType.Hup }));
  }

  /**
   * Proposes `data`, which the caller must not change afterwards. A leader returns the position in
   * its log. A follower sends the proposal to the leader and returns nothing; it does not learn
   * whether the proposal arrives.
   *
   * @throws ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`), with the reason, when the proposal
   * has entered no log.
   */
  propose(data: Uint8Array): ProposedEntry | undefined {
    return this.proposeAll([data]);
  }

  /**
   * Proposes one or more entries at once: all of them enter the log, or none does. The leader sends
   * them to each member in one message. Returns the position of the first one; the others follow
   * it. Otherwise like `propose`.
   *
   * @throws ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`), with the reason, when they have
   * entered no log.
   */
  proposeAll(data: readonly Uint8Array[]): ProposedEntry | undefined {
    return this.#propose(data.map(normalEntry));
  }

  /**
   * Proposes a membership change. Only one may be unapplied at a time: a leader that must refuse
   * the change appends an empty normal entry instead. The caller must therefore look at the entry
   * that is committed at the returned index.
   *
   * @throws ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`) like `propose`, RaftpbEncodeError
   * (`RAFTPB_ENCODE`) when the change cannot be encoded.
   */
  proposeConfChange(change: ConfChange | ConfChangeV2): ProposedEntry | undefined {
    return this.#propose([changeEntry(change)]);
  }

  /**
   * Puts a committed change into effect, and returns the new membership. It must be called for each
   * change among the committed entries, in order. For a change that the application rejects, it is
   * not called, or called with node id 0; all nodes must decide the same. A change does not tell
   * its index, so the caller must ensure two things:
   *
   * - The commit index that covers the change is durable first, even where `mustSync` does not
   *   require it. After a crash, the node would otherwise have a membership from an entry that it
   *   does not know to be committed: it could campaign with an older membership, or fail to start
   *   with the applied index that it has stored.
   * - A change at or below the index of a snapshot that was received after the change was handed
   *   out is skipped, as are all entries there: the snapshot's membership includes it. With
   *   asynchronous writes, such entries may still be in the queue of the apply thread. Without
   *   them, they belong to a Ready during which the snapshot arrived.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) when the membership does not allow the change.
   */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState {
    return applyConfChange(this.#raft, confChangeAsV2(change));
  }

  /**
   * Handles a message of another node, or the answer of a storage thread. The transport must have
   * verified that `from` is the sender.
   *
   * @throws LocalMessageError (`RAFT_CORE_LOCAL_MESSAGE`), PeerNotFoundError
   * (`RAFT_CORE_PEER_NOT_FOUND`), InvalidMessageError (`RAFT_CORE_INVALID_MESSAGE`): the message
   * was ignored, and the node goes on. ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`) for a
   * proposal that has entered no log. RaftPanicError (`RAFT_CORE_PANIC`): the node must stop.
   */
  step(message: Message): void {
    const isFromThread = isLocalThread(message.from);
    if (!isFromThread && isLocalMessage(message.type)) throw new LocalMessageError();
    if (
      !isFromThread &&
      isResponseMessage(message.type) &&
      !this.#raft.tracker.progress.has(message.from)
    ) {
      throw new PeerNotFoundError();
    }
    checkMessage(message, this.#raft.id, this.#raft.term);
    step(this.#raft, message);
  }

  /** Whether `ready` would return any work. */
  hasReady(): boolean {
    return this.#readySource.hasReady();
  }

  /**
   * Takes the next batch of work. Without asynchronous writes, the caller does these steps and then
   * calls `advance`:
   *
   * 1. Make entries, hard state and snapshot durable, in one step or the snapshot first. The
   *    entries replace all stored ones at their indexes and behind. If `mustSync`, this must be
   *    durable before step 2.
   * 2. Send the messages. A leader may send them while it writes, because its messages to followers
   *    do not depend on its own disk. For each snapshot message, call `reportSnapshot` once it has
   *    arrived or failed.
   * 3. Apply the snapshot, then the committed entries, in order. Call `applyConfChange` for each
   *    membership change.
   *
   * `advance` may be called after step 1. The entries of one Ready must be applied before those of
   * the next.
   *
   * With asynchronous writes, the messages hold the work for the two storage threads. Each thread
   * handles its messages in order and then delivers their `responses`; those to this node go to
   * `step`. The other parts of the Ready are for information. Several Readys may be under way at
   * the same time. Messages to other nodes may be sent at once, with one exception: requests for
   * votes (`MessageType.Vote`) must wait until the hard state of their Ready is durable. Otherwise
   * a node that crashes could lead the same term twice, with different entries. Entries must stay
   * in the log until `basicStatus().applied` has reached them.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) when `advance` was not called for the last Ready.
   */
  ready(): Ready {
    const ready = this.peekReady();
    this.acceptReady(ready);
    return ready;
  }

  /** Returns the next batch of work without taking it. It may grow until it is accepted. */
  peekReady(): Ready {
    return this.#readySource.peek();
  }

  /**
   * Takes the batch that `peekReady` has returned. No other call may be made between the two.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) when `advance` was not called for the last Ready.
   */
  acceptReady(ready: Ready): void {
    this.#readySource.accept(ready);
  }

  /**
   * Reports that at least the writes of the last Ready are done. Not for asynchronous writes.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) with asynchronous writes, or when the node cannot go
   * on.
   */
  advance(): void {
    if (this.#raft.config.asyncStorageWrites) {
      panic(this.#raft.config.logger, 'Advance must not be called when using AsyncStorageWrites');
    }
    for (const message of this.#readySource.takeStepsOnAdvance()) step(this.#raft, message);
  }

  /**
   * Asks the leader to transfer leadership to `id`. The transfer may fail without notice. It ends
   * after an election timeout at the latest.
   */
  transferLeader(id: bigint): void {
    step(this.#raft, newMessage({ type: MessageType.TransferLeader, from: id }));
  }

  /**
   * Makes a follower forget its leader, so that it may grant pre-votes, and votes if it has not
   * voted, in the same term. In another role it has no effect.
   */
  forgetLeader(): void {
    step(this.#raft, newMessage({ type: MessageType.ForgetLeader }));
  }

  /**
   * Makes a leader a follower at once, without a successor. It is for a leader that cannot do its
   * work. The other members elect a leader once they have heard from none for an election timeout.
   * In another role it has no effect.
   *
   * etcd's raft has no such call.
   */
  stepDown(): void {
    stepDown(this.#raft);
  }

  /**
   * While `withheld` is true, this node starts no campaign, neither after an election timeout nor
   * as the target of a leadership transfer. An election that has started goes on. The node still
   * votes. Default: false.
   *
   * etcd's raft has no such call.
   */
  withholdCampaigns(withheld: boolean): void {
    this.#raft.withholdsCampaigns = withheld;
  }

  /**
   * Makes a leader treat all other members as inactive until they answer, and send heartbeats. It
   * is for a leader whose process was stopped for a while, and that another leader may have
   * replaced meanwhile. In another role it has no effect.
   *
   * etcd's raft has no such call.
   */
  doubtMembers(): void {
    doubtMembers(this.#raft);
  }

  /**
   * Asks for a read index. A Ready later has a read state with this context, unless there is no
   * leader or the leader changes; the caller then tries again with another context.
   */
  readIndex(context: Uint8Array): void {
    const entries = [{ index: 0, term: 0, type: EntryType.Normal, data: context }];
    step(this.#raft, newMessage({ type: MessageType.ReadIndex, entries }));
  }

  /** Reports that the last message to `id` could not be sent. */
  reportUnreachable(id: bigint): void {
    step(this.#raft, newMessage({ type: MessageType.Unreachable, from: id }));
  }

  /**
   * Reports whether the snapshot for `id` has arrived. Until then, the leader sends it no other
   * entries.
   */
  reportSnapshot(id: bigint, outcome: SnapshotOutcome): void {
    const reject = outcome === 'failure';
    step(this.#raft, newMessage({ type: MessageType.SnapStatus, from: id, reject }));
  }

  /** Returns the state with the membership and, on a leader, the progress of all members. */
  status(): Status {
    return statusOf(this.#raft);
  }

  /** Returns the state without membership and progress, which is cheap. */
  basicStatus(): BasicStatus {
    return basicStatusOf(this.#raft);
  }

  /**
   * Visits the progress of all members, ascending by id. The objects are not copies: `visit` must
   * not change or keep them.
   */
  visitProgress(visit: (member: Readonly<Progress>) => void): void {
    for (const member of this.#raft.tracker.members) visit(member);
  }

  #propose(entries: readonly Entry[]): ProposedEntry | undefined {
    const raft = this.#raft;
    step(raft, newMessage({ type: MessageType.Prop, from: raft.id, entries }));
    if (raft.state !== StateType.Leader) return undefined;
    return { index: raft.log.lastIndex() - entries.length + 1, term: raft.term };
  }
}
