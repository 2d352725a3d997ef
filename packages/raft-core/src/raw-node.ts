/**
 * The door to a Raft node. Feed it ticks, proposals and the messages of the others; whenever
 * `hasReady` says so, take a `Ready`, do what it asks for, and say so with `advance`. It never
 * blocks, keeps no time and does no I/O but reading its storage. Calls must not overlap, and none
 * may be made from within one.
 *
 * Source: etcd-io/raft `rawnode.go`; docs/raft-behaviour.md, sections 9, 10 and 16.2.
 */

import {
  confChangeAsV2,
  ConfChangeType,
  emptyHardState,
  encodeConfChange,
  EntryType,
  MessageType,
  newMessage,
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
} from '@babuza/raftpb';
import { resolveConfig, type RaftConfig } from './config.ts';
import { BootstrapError, LocalMessageError, PeerNotFoundError } from './errors.ts';
import { isLocalThread, none } from './ids.ts';
import { panic } from './logger.ts';
import { applyConfChange } from './membership.ts';
import { changeEntry, normalEntry } from './proposed-entry.ts';
import { checkMessage, isLocalMessage, isResponseMessage } from './message-class.ts';
import type { Progress } from './progress.ts';
import { Raft } from './raft.ts';
import {
  isEmptyHardState,
  mustSync,
  sameHardState,
  StateType,
  type Ready,
  type SoftState,
} from './ready.ts';
import { becomeFollower } from './roles.ts';
import { basicStatusOf, statusOf, type BasicStatus, type Status } from './status.ts';
import {
  storageAppend,
  storageAppendDone,
  storageApply,
  storageApplyDone,
} from './storage-messages.ts';
import { traceEvent } from './trace.ts';
import { doubtMembers, stepDown } from './withdrawal.ts';

/** Where a proposal lies in the log of this leader. It is not committed yet, and may never be. */
export interface ProposedEntry {
  readonly index: number;
  readonly term: number;
}

/** A first member, for `bootstrap`. */
export interface BootstrapPeer {
  readonly id: bigint;
  /** For the application; it comes back as the context of the change that adds the member. */
  readonly context?: Uint8Array | undefined;
}

/** How the sending of a snapshot ended. */
export type SnapshotOutcome = 'finish' | 'failure';

export class RawNode {
  readonly #raft: Raft;
  readonly #asyncStorageWrites: boolean;
  #previousSoftState: SoftState;
  #previousHardState: HardState;
  /** What `advance` steps; only without asynchronous writes. */
  #stepsOnAdvance: Message[] = [];

  /**
   * @throws InvalidConfigError (`RAFT_CORE_CONFIG`) for a configuration that no node can run with,
   * RaftPanicError (`RAFT_CORE_PANIC`) when the storage does not hold a state to start from.
   */
  constructor(config: RaftConfig) {
    const resolved = resolveConfig(config);
    this.#raft = new Raft(resolved);
    this.#asyncStorageWrites = resolved.asyncStorageWrites;
    this.#previousSoftState = this.#raft.softState();
    this.#previousHardState = this.#raft.hardState();
  }

  /** The state machine itself: for tests and tools. Its fields are no part of the interface. */
  get unsafeRaft(): Raft {
    return this.#raft;
  }

  /**
   * Starts a new group with these voters, on an empty storage. Every member has to be started with
   * the same list. The changes come as committed entries, and must be applied as such. A storage
   * that begins with a snapshot, which holds the membership, does the same and needs no call.
   *
   * @throws BootstrapError (`RAFT_CORE_BOOTSTRAP`) without peers, or when the storage is not empty.
   */
  bootstrap(peers: readonly BootstrapPeer[]): void {
    const raft = this.#raft;
    if (peers.length === 0) throw new BootstrapError('must provide at least one peer to Bootstrap');
    if (raft.config.storage.lastIndex() !== 0) {
      throw new BootstrapError("can't bootstrap a nonempty Storage");
    }
    // So that the first Ready has a hard state.
    this.#previousHardState = emptyHardState;
    becomeFollower(raft, 1, none);
    const changes = peers.map(({ id, context }): ConfChange =>
      context === undefined
        ? { id: 0n, type: ConfChangeType.AddNode, nodeId: id }
        : { id: 0n, type: ConfChangeType.AddNode, nodeId: id, context },
    );
    raft.log.append(
      changes.map((change, at): Entry => {
        const data = encodeConfChange(change);
        return { index: at + 1, term: 1, type: EntryType.ConfChange, data };
      }),
    );
    // Nothing can be voted or counted without members, so these are committed by decree.
    raft.log.committed = changes.length;
    for (const change of changes) applyConfChange(raft, confChangeAsV2(change));
  }

  /** One unit of time has passed. */
  tick(): void {
    this.#raft.tick();
  }

  /** Starts an election, if this node may. */
  campaign(): void {
    this.#raft.step(newMessage({ type: MessageType.Hup }));
  }

  /**
   * Proposes `data`, which must not be changed any more. The leader returns where it lies in its
   * log; a follower sends it to the leader and returns nothing: whether it arrives is not known.
   *
   * @throws ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`) when it entered no log, with the
   * reason.
   */
  propose(data: Uint8Array): ProposedEntry | undefined {
    return this.proposeAll([data]);
  }

  /**
   * Proposes several at once, at least one: all of them enter the log, or none. They are said to
   * each other member in one message, where proposals one by one would be a message each. Returns
   * where the first of them lies; the others follow it. Otherwise as `propose`.
   *
   * @throws ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`) when they entered no log, with the
   * reason.
   */
  proposeAll(data: readonly Uint8Array[]): ProposedEntry | undefined {
    return this.#propose(data.map(normalEntry));
  }

  /**
   * Proposes a change of the membership. One is under way at a time: a leader that cannot take it
   * appends an empty normal entry in its place, so look at what is committed at the index returned.
   *
   * @throws ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`) as `propose`, RaftpbEncodeError
   * (`RAFTPB_ENCODE`) when the change cannot be written.
   */
  proposeConfChange(change: ConfChange | ConfChangeV2): ProposedEntry | undefined {
    return this.#propose([changeEntry(change)]);
  }

  /**
   * Makes a committed change take effect, and returns the new membership. To be called for every
   * change among the committed entries, in order. One that the application rejects is not applied,
   * or with node id 0; every node must decide the same. Two things are the caller's to see to,
   * because a change does not say where it lies in the log:
   *
   * - The commit index that covers the change is durable first, also where `mustSync` does not ask
   *   for it. After a crash the node would otherwise be a member by a change of which it does not
   *   know that it is committed: it could campaign by an older membership, or not start with what
   *   it had applied.
   * - A change at or below the index of a snapshot that was received since it was handed out is
   *   skipped, as all entries there: the membership of the snapshot has it. With asynchronous
   *   writes such entries may still wait in the queue of the apply thread; without, they are those
   *   of a Ready during which the snapshot came.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) when the change is not possible.
   */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState {
    return applyConfChange(this.#raft, confChangeAsV2(change));
  }

  /**
   * Takes a message of another node, or the answer of a storage thread. The transport must have
   * made sure that `from` is who sent it.
   *
   * @throws LocalMessageError (`RAFT_CORE_LOCAL_MESSAGE`), PeerNotFoundError
   * (`RAFT_CORE_PEER_NOT_FOUND`), InvalidMessageError (`RAFT_CORE_INVALID_MESSAGE`): nothing
   * happened, go on. ProposalDroppedError (`RAFT_CORE_PROPOSAL_DROPPED`) for a proposal.
   * RaftPanicError (`RAFT_CORE_PANIC`): the node must stop.
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
    this.#raft.step(message);
  }

  /** Whether `ready` would have anything to do. */
  hasReady(): boolean {
    const { log, messages, messagesAfterAppend, readStates } = this.#raft;
    if (messages.length > 0 || messagesAfterAppend.length > 0 || readStates.length > 0) return true;
    if (log.unstable.hasNextEntries() || log.unstable.nextSnapshot() !== undefined) return true;
    if (log.hasNextCommittedEntries(!this.#asyncStorageWrites)) return true;
    return this.#changedSoftState() !== undefined || this.#changedHardState() !== undefined;
  }

  /**
   * Takes the next batch of work. Without asynchronous writes, do this, then call `advance`:
   *
   * 1. Make entries, hard state and snapshot durable, in one step or the snapshot first. Entries
   *    replace all that are stored at their indexes or behind. Before the next step when
   *    `mustSync`.
   * 2. Send the messages. A leader may do so while it writes: what it says to followers does not
   *    depend on its own disk. After a snapshot message call `reportSnapshot`, in any outcome.
   * 3. Apply the snapshot, then the committed entries, in order, calling `applyConfChange` for
   *    changes.
   *
   * `advance` may be called after step 1; the entries of one Ready are applied before those of the
   * next.
   *
   * With asynchronous writes, the messages hold the work for the two storage threads: each does its
   * messages in order, and then delivers their `responses`, those to this node by `step`. The other
   * parts of the Ready are for information, and several may be under way. Other messages may be
   * sent at once, except requests for votes (`MessageType.Vote`): they wait until the hard state of
   * their Ready is durable, or a node that crashes could lead the same term twice, with different
   * entries. Entries of the log must stay there as long as `basicStatus().applied` has not reached
   * them.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) when the one before was not advanced.
   */
  ready(): Ready {
    const ready = this.peekReady();
    this.acceptReady(ready);
    return ready;
  }

  /** The next batch of work, without taking it: it grows until it is taken by `acceptReady`. */
  peekReady(): Ready {
    const raft = this.#raft;
    const entries = raft.log.unstable.nextEntries();
    const snapshot = raft.log.unstable.nextSnapshot();
    const hardState = this.#changedHardState();
    const committedEntries = raft.log.nextCommittedEntries(!this.#asyncStorageWrites);
    return {
      softState: this.#changedSoftState(),
      hardState,
      readStates: raft.readStates.slice(),
      entries,
      snapshot,
      committedEntries,
      messages: this.#asyncStorageWrites
        ? this.#messagesWithWork({ hardState, entries, snapshot }, committedEntries)
        : this.#messagesToOthers(),
      mustSync: mustSync(raft.hardState(), this.#previousHardState, entries.length),
    };
  }

  /**
   * Takes the batch that `peekReady` has just returned; nothing else may have happened in between.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) when the one before was not advanced.
   */
  acceptReady(ready: Ready): void {
    const raft = this.#raft;
    if (ready.softState !== undefined) this.#previousSoftState = ready.softState;
    if (ready.hardState !== undefined) this.#previousHardState = ready.hardState;
    if (raft.readStates.length > 0) raft.readStates = [];
    if (!this.#asyncStorageWrites) this.#planAdvance(ready);
    raft.messages = [];
    raft.messagesAfterAppend = [];
    raft.log.unstable.acceptInProgress();
    raft.log.acceptApplying(ready.committedEntries, !this.#asyncStorageWrites);
    traceEvent(raft, 'Ready');
  }

  /**
   * The work of the last Ready is done, at least the writing. Not with asynchronous writes.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) with asynchronous writes, or when the node cannot go
   * on.
   */
  advance(): void {
    if (this.#asyncStorageWrites) {
      panic(this.#raft.config.logger, 'Advance must not be called when using AsyncStorageWrites');
    }
    const steps = this.#stepsOnAdvance;
    this.#stepsOnAdvance = [];
    for (const message of steps) this.#raft.step(message);
  }

  /**
   * Asks the leader to hand leadership to `id`. It may fail without notice; an election timeout
   * ends it.
   */
  transferLeader(id: bigint): void {
    this.#raft.step(newMessage({ type: MessageType.TransferLeader, from: id }));
  }

  /**
   * As a follower, forgets who leads, so that this node may vote for another within the same term.
   */
  forgetLeader(): void {
    this.#raft.step(newMessage({ type: MessageType.ForgetLeader }));
  }

  /**
   * As a leader, becomes a follower at once, without a successor: for a leader that cannot do its
   * work. The others elect a new leader when they have not heard from this one for an election
   * timeout. In another role it has no effect.
   *
   * etcd's raft has no such call.
   */
  stepDown(): void {
    stepDown(this.#raft);
  }

  /**
   * While `withheld`, this node does not campaign: not when it hears of no leader, and not when a
   * leader hands leadership to it. A campaign that has begun goes on. Followers still vote.
   * Default: false.
   *
   * etcd's raft has no such call.
   */
  withholdCampaigns(withheld: boolean): void {
    this.#raft.withholdsCampaigns = withheld;
  }

  /**
   * As a leader, counts no other member as active until it answers again, and sends heartbeats: for
   * a leader whose process stood still, and which does not know what happened meanwhile. In another
   * role it has no effect.
   *
   * etcd's raft has no such call.
   */
  doubtMembers(): void {
    doubtMembers(this.#raft);
  }

  /**
   * Asks for an index to read at; a read state with this context follows, or nothing does (no
   * leader, a change of leader). Try again with another context.
   */
  readIndex(context: Uint8Array): void {
    const entries = [{ index: 0, term: 0, type: EntryType.Normal, data: context }];
    this.#raft.step(newMessage({ type: MessageType.ReadIndex, entries }));
  }

  /** The last message to `id` could not be sent. */
  reportUnreachable(id: bigint): void {
    this.#raft.step(newMessage({ type: MessageType.Unreachable, from: id }));
  }

  /**
   * The snapshot that was to be sent to `id` arrived or did not. Until then nothing else is sent to
   * it.
   */
  reportSnapshot(id: bigint, outcome: SnapshotOutcome): void {
    const reject = outcome === 'failure';
    this.#raft.step(newMessage({ type: MessageType.SnapStatus, from: id, reject }));
  }

  /** The state, with membership and, on a leader, the progress of all members. */
  status(): Status {
    return statusOf(this.#raft);
  }

  /** The state alone, cheaply. */
  basicStatus(): BasicStatus {
    return basicStatusOf(this.#raft);
  }

  /**
   * Visits the progress of all members, ascending by id, without copying: it must not be changed or
   * kept.
   */
  visitProgress(visit: (member: Readonly<Progress>) => void): void {
    for (const member of this.#raft.tracker.members) visit(member);
  }

  #propose(entries: readonly Entry[]): ProposedEntry | undefined {
    const raft = this.#raft;
    raft.step(newMessage({ type: MessageType.Prop, from: raft.id, entries }));
    if (raft.state !== StateType.Leader) return undefined;
    return { index: raft.log.lastIndex() - entries.length + 1, term: raft.term };
  }

  #changedSoftState(): SoftState | undefined {
    const { lead, state } = this.#raft;
    const previous = this.#previousSoftState;
    if (lead === previous.lead && state === previous.raftState) return undefined;
    return this.#raft.softState();
  }

  #changedHardState(): HardState | undefined {
    const hardState = this.#raft.hardState();
    if (isEmptyHardState(hardState)) return undefined;
    return sameHardState(hardState, this.#previousHardState) ? undefined : hardState;
  }

  #messagesToOthers(): Message[] {
    const { messages, messagesAfterAppend, id } = this.#raft;
    const all = messages.slice();
    for (const message of messagesAfterAppend) if (message.to !== id) all.push(message);
    return all;
  }

  #messagesWithWork(
    work: Pick<Ready, 'hardState' | 'entries' | 'snapshot'>,
    committedEntries: readonly Entry[],
  ): Message[] {
    const all = this.#raft.messages.slice();
    const append = storageAppend(this.#raft, work);
    if (append !== undefined) all.push(append);
    const apply = storageApply(this.#raft, committedEntries);
    if (apply !== undefined) all.push(apply);
    return all;
  }

  /**
   * The own vote and acknowledgment first, then that the writing, then that the applying is done.
   */
  #planAdvance(ready: Ready): void {
    const raft = this.#raft;
    if (this.#stepsOnAdvance.length > 0) {
      panic(raft.config.logger, 'two accepted Ready structs without call to Advance');
    }
    const steps = raft.messagesAfterAppend.filter(({ to }) => to === raft.id);
    const appended = storageAppendDone(raft, ready.snapshot);
    if (appended !== undefined) steps.push(appended);
    const applied = storageApplyDone(raft, ready.committedEntries);
    if (applied !== undefined) steps.push(applied);
    this.#stepsOnAdvance = steps;
  }
}
