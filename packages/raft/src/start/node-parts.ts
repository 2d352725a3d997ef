/**
 * The parts of a running node and their wiring: which part calls which, and in which order they
 * stop.
 */
import { RawNode, type SoftState } from '@babuza/raft-core';
import { MessageType, type Message } from '@babuza/raftpb';
import type { Clock, Timer } from '@babuza/vfs';
import type { EntryStorage, OpenedWal, TailReport, Wal } from '@babuza/wal-core';
import { AppendPath } from '../driver/append-path.ts';
import { ApplyLag } from '../apply/apply-lag.ts';
import { ApplyPath, type ApplyParts } from '../apply/apply-path.ts';
import { closeInOrder, closingSteps } from './closing.ts';
import type { BabuzaConfig } from '../config.ts';
import { BusyError, StoppedError, type LeaderHint } from '../errors.ts';
import { CoreDriver } from '../driver/core-driver.ts';
import { coreConfig } from '../driver/core-config.ts';
import { errorText } from '../support/error-text.ts';
import { RaftEventHub, type RaftEvent } from '../events.ts';
import type { IdentityKeeper } from '../identity/identity-keeper.ts';
import { NodeIdentity } from '../identity/node-identity.ts';
import type { SnapshotOwnership } from '../identity/snapshot-owner.ts';
import { incomingOf } from '../incoming/incoming.ts';
import { IncomingRoom, incomingBytesMaxOf } from '../incoming/incoming-room.ts';
import { LeadershipGuard } from '../leadership/leadership-guard.ts';
import { leads, Loop, type LoopParts } from '../driver/loop.ts';
import { LostEntries } from '../incoming/lost-entries.ts';
import { MembershipChanges } from '../membership/membership-changes.ts';
import { MemberClock } from '../apply/member-clock.ts';
import { isMember } from '../membership/membership.ts';
import { OwnAddress } from '../membership/own-address.ts';
import type { RaftComponent } from '../ports/component.ts';
import type { Logger } from '../ports/logger.ts';
import type { StateMachine } from '../ports/state-machine.ts';
import type { TransportHandler } from '../ports/transport.ts';
import { plausibleIncoming } from '../incoming/plausible-incoming.ts';
import { Proposals } from '../proposals/proposals.ts';
import { ReadRounds } from '../reads/reads.ts';
import { RefusedMessages } from '../incoming/refused-messages.ts';
import type { ReplicatedState } from '../apply/replicated-state.ts';
import type { SnapshotPlace } from '../snapshots/recorded-snapshots.ts';
import { Snapshots, type SnapshotParts } from '../snapshots/snapshots.ts';
import { matchIndexOf } from '../snapshots/snapshot-pauses.ts';
import type { Readiness } from '../status.ts';
import { TermLimits } from '../incoming/term-limits.ts';
import { TransportPeers } from '../driver/transport-peers.ts';
import type { VoterParts } from '../membership/voter-through-learner.ts';
import { UnreadableEntries } from '../apply/unreadable-entries.ts';
import { IndexWaiters } from '../proposals/waiters.ts';

/** A node whose log is open and whose state is restored; nothing runs yet. */
export interface OpenedNode<Query, Answer> {
  readonly config: BabuzaConfig;
  readonly component: RaftComponent;
  /** The component's logger, wrapped so that its errors cannot fail the node. */
  readonly logger: Logger | undefined;
  readonly opened: OpenedWal;
  readonly state: ReplicatedState;
  readonly keeper: IdentityKeeper;
  readonly ownership: SnapshotOwnership;
  readonly stateMachine: StateMachine<Query, Answer>;
  readonly machineAppliedIndex: number;
  /** The snapshot records of the log. */
  readonly markers: readonly SnapshotPlace[];
  readonly tail: TailReport;
}

export class NodeParts<Query, Answer> {
  readonly config: BabuzaConfig;
  readonly clock: Clock;
  readonly wal: Wal;
  readonly storage: EntryStorage;
  readonly state: ReplicatedState;
  readonly stateMachine: StateMachine<Query, Answer>;
  readonly events: RaftEventHub = new RaftEventHub();
  readonly node: RawNode;
  readonly core: CoreDriver;
  readonly append: AppendPath;
  readonly apply: ApplyPath<Query, Answer>;
  readonly snapshots: Snapshots<Query, Answer>;
  readonly reads: ReadRounds;
  readonly proposals: Proposals;
  readonly membershipChanges: MembershipChanges;
  readonly identity: NodeIdentity;
  readonly memberClock: MemberClock;
  readonly refused: RefusedMessages;
  readonly lostEntries: LostEntries;
  readonly appliedWaiters: IndexWaiters;
  readonly applyLag: ApplyLag;
  readonly guard: LeadershipGuard;
  readonly #component: RaftComponent;
  readonly #logger: Logger | undefined;
  readonly #loop: Loop<Query, Answer>;
  readonly #room: IncomingRoom;
  readonly #peers: TransportPeers;
  readonly #ownAddress: OwnAddress;
  #ownAddressTimer: Timer | undefined;
  /** The commit index when the node first knew a leader. The node is ready when it is applied. */
  #readyIndex = Infinity;
  #role: SoftState;
  #stopCause: StoppedError | undefined;
  readonly #atStop = new Set<(cause: StoppedError) => void>();
  readonly #entryBytesMax: number;
  readonly #onFailure: (error: unknown) => void;
  #stopWatching: () => void = () => undefined;

  constructor(opened: OpenedNode<Query, Answer>, onFailure: (error: unknown) => void) {
    const { config, component, state, stateMachine } = opened;
    const { clock } = component;
    const { wal, storage } = opened.opened;
    this.#onFailure = onFailure;
    this.config = config;
    this.clock = clock;
    this.wal = wal;
    this.storage = storage;
    this.state = state;
    this.stateMachine = stateMachine;
    this.#component = component;
    this.#peers = new TransportPeers(config.nodeId, state, component.transport);
    this.#logger = opened.logger;
    this.#ownAddress = new OwnAddress(config, state, opened.logger);
    this.node = new RawNode(coreConfig(opened, (event) => this.events.emit(event)));
    this.core = new CoreDriver(this.node, {
      wake: () => this.#loop.wake(),
      onFailure,
      stopCause: () => this.#stopCause,
    });
    this.#role = this.node.basicStatus();
    this.memberClock = new MemberClock({
      clock,
      nodeId: config.nodeId,
      isMember: (id) => state.membership.members.has(id),
      logger: opened.logger,
      tell: (event) => this.events.emit(event),
    });
    this.refused = new RefusedMessages({
      clock,
      logger: opened.logger,
      tell: (event) => this.events.emit(event),
      isMember: (id) => this.state.membership.members.has(id),
    });
    this.lostEntries = new LostEntries({
      nodeId: config.nodeId,
      log: storage,
      status: () => this.node.basicStatus(),
    });
    this.identity = new NodeIdentity({
      nodeId: config.nodeId,
      keeper: opened.keeper,
      ownership: opened.ownership,
      state,
      storage,
      component,
      logger: opened.logger,
      node: this.node,
      forwardsProposals: config.forwardProposals,
      tell: (event) => this.events.emit(event),
      leaderId: () => this.leader()?.id,
      isLeader: () => this.isLeader(),
      core: this.core,
      memberClock: this.memberClock,
    });
    this.appliedWaiters = new IndexWaiters(() => state.appliedIndex);
    this.applyLag = new ApplyLag({
      clock,
      lagMsMax: config.applyLagMsMax,
      commitIndex: () => this.node.basicStatus().commit,
      appliedIndex: () => state.appliedIndex,
      logger: this.#logger,
      tell: (event) => this.events.emit(event),
    });
    const onFull = (full: boolean): void => this.#diskFull(full);
    const onShort = (reason: string | undefined): void => this.#systemShort(reason);
    this.#room = new IncomingRoom(incomingBytesMaxOf(config.inflightBytesMax));
    this.append = new AppendPath({ wal, clock, room: this.#room, onFull, onShort, onFailure });
    this.guard = new LeadershipGuard({
      config,
      node: this.node,
      saves: this.append,
      mayHaveLostEntries: () => this.lostEntries.isPossible,
      logger: this.#logger,
      isLeader: this.isLeader,
      core: this.core,
      tell: (event) => this.events.emit(event),
      giveUpProposals: () => this.proposals.diskHangs(),
    });
    this.apply = new ApplyPath(this.#applyParts(opened, onFailure));
    this.snapshots = new Snapshots(this.#snapshotParts(opened));
    this.#loop = new Loop(this.#loopParts(onFailure));
    const incarnation = component.random.uint32();
    this.reads = new ReadRounds({
      clock,
      nodeId: config.nodeId,
      incarnation,
      timeoutMs: config.readTimeoutMs,
      // Reads that have timed out are only detected when a round is repeated.
      retryMs: Math.min(config.readRetryMs, config.readTimeoutMs),
      ask: (context) => {
        if (this.#trustsLease()) this.core.tryRun((node) => node.readIndex(context));
      },
      appliedIndex: () => state.appliedIndex,
    });
    const { entryBytesMax } = opened.opened.metadata;
    this.#entryBytesMax = entryBytesMax;
    this.proposals = new Proposals({
      nodeId: config.nodeId,
      incarnation,
      clock: this.memberClock,
      entryBytesMax,
      batchBytesMax: Math.min(config.messageBytesMax, config.uncommittedBytesMax),
      forwards: config.forwardProposals,
      forwardTimeoutMs: config.forwardTimeoutMs,
      leader: () => this.leader(),
      gate: this.identity.gate,
      checkOpen: () => this.#checkOpen(),
      core: this.core,
      wake: () => this.#loop.wake(),
    });
    this.membershipChanges = new MembershipChanges({
      nodeId: config.nodeId,
      state,
      proposals: this.proposals,
      learnerReadyShare: config.learnerReadyShare,
      electionTicks: config.electionTicks,
      tickMs: config.tickMs,
      clock,
      onStop: this.onStop,
      entryBytesMax,
      transport: this.#component.transport,
      leader: () => this.leader(),
      core: this.core,
    });
  }

  async start(): Promise<void> {
    const { transport } = this.#component;
    this.#watchStores();
    this.#peers.tellAll();
    const { groupId, messageBytesMax } = this.config;
    const entryBytesMax = this.#entryBytesMax;
    await transport.start(this.#incoming(), { groupId, entryBytesMax, messageBytesMax });
    this.#loop.start();
    this.applyLag.start();
    // If no leader is known by then, a wrong address may be the reason. With a leader, the
    // membership is compared when it was applied.
    const { electionTicks, tickMs } = this.config;
    const leaderWaitMs = 2 * electionTicks * tickMs;
    this.#ownAddressTimer = this.clock.startTimer(leaderWaitMs, () => {
      if (this.leader() === undefined) this.#ownAddress.tell();
    });
  }

  /**
   * A log or a snapshot folder that is lost stops the node at once, even when nothing is to be
   * saved.
   */
  #watchStores(): void {
    const { groupId } = this.config;
    this.#stopWatching = this.wal.events.subscribe((event) => {
      if (event.type === 'poisoned' && event.groupId === groupId) this.#onFailure(event.error);
    });
    this.#component.snapshotManager.onLost?.(this.#onFailure);
  }

  readonly isLeader = (): boolean => leads(this.#role);

  leader(): LeaderHint | undefined {
    const { lead } = this.#role;
    if (lead === 0n) return undefined;
    return { id: lead, address: this.state.membership.members.get(lead)?.address };
  }

  voterParts(): VoterParts {
    const { clock, state, membershipChanges, core, onStop } = this;
    const { nodeId, tickMs, learnerReadyShare } = this.config;
    const leader = (): LeaderHint | undefined => this.leader();
    return {
      nodeId,
      tickMs,
      learnerReadyShare,
      clock,
      state,
      membershipChanges,
      core,
      onStop,
      leader,
    };
  }

  readiness(): Readiness {
    if (this.#stopCause !== undefined) return notReady('the node has stopped');
    const { reason } = this.guard;
    if (reason !== undefined) return notReady(reason);
    const { problem: addressProblem } = this.#ownAddress;
    const problems = [...this.identity.admission.problems()];
    const { problem: clockProblem } = this.memberClock;
    const { problem: lossProblem } = this.lostEntries;
    if (lossProblem !== undefined) problems.unshift(lossProblem);
    if (addressProblem !== undefined) problems.unshift(addressProblem);
    if (this.leader() === undefined) {
      return notReady(['no leader is known', ...problems].join('; '));
    }
    // The node leads a cluster of its own, while others take it for a member of theirs.
    const isAlone = this.state.membership.members.size === 1;
    if (isAlone && problems.length > 0) return notReady(problems.join('; '));
    const { appliedIndex } = this.state;
    const { problem: lagProblem } = this.applyLag;
    if (lagProblem !== undefined) return notReady(lagProblem);
    if (appliedIndex < this.#readyIndex) {
      return notReady(`${appliedIndex} of ${this.#readyIndex} entries were applied`);
    }
    if (addressProblem !== undefined) return notReady(addressProblem);
    if (clockProblem !== undefined) problems.push(clockProblem);
    return problems.length === 0 ? { ready: true } : { ready: true, concerns: problems };
  }

  /**
   * Calls `call` when the node begins to stop, or at once if it has stopped already. The returned
   * function removes the call.
   */
  readonly onStop = (call: (cause: StoppedError) => void): (() => void) => {
    if (this.#stopCause === undefined) this.#atStop.add(call);
    else call(this.#stopCause);
    return () => void this.#atStop.delete(call);
  };

  /** Why the node has stopped or is stopping; `undefined` while it runs. */
  get stopCause(): StoppedError | undefined {
    return this.#stopCause;
  }

  checkRunning(): void {
    if (this.#stopCause !== undefined) throw this.#stopCause;
  }

  /**
   * Stops in this order: input ends, the work ends, pending callers are rejected, everything is
   * closed. Returns the components that did not close in time; never rejects.
   */
  async stop(cause: unknown, timeoutMs: number): Promise<readonly string[]> {
    const stopped = new StoppedError(cause);
    this.#stopCause = stopped;
    if (cause !== undefined) {
      const { nodeId, clusterId } = this.config;
      const text = `the node has stopped on an error: ${errorText(cause)}`;
      this.#logger?.error(text, { nodeId, clusterId, error: cause });
    }
    this.#stopWatching();
    this.#loop.stop();
    this.applyLag.stop();
    this.#ownAddressTimer?.cancel();
    this.append.stop();
    this.snapshots.stop();
    this.reads.rejectAll(stopped);
    this.proposals.stop(stopped);
    this.membershipChanges.stop(stopped);
    this.identity.gate.stop(stopped);
    this.appliedWaiters.stop(stopped);
    for (const call of this.#atStop) call(stopped);
    const left = await closeInOrder(closingSteps(this, this.#component), {
      clock: this.clock,
      timeoutMs,
      onError: (part, error) =>
        this.#logger?.warn('a component of the node did not close cleanly', { part, error }),
    });
    if (left.length > 0) {
      this.#logger?.error('the node has stopped, but some of its components have not closed', {
        left,
        timeoutMs,
      });
    }
    this.events.emit({ type: 'stopped', cause });
    return left;
  }

  #applyParts(
    { machineAppliedIndex }: OpenedNode<Query, Answer>,
    onFailure: (error: unknown) => void,
  ): ApplyParts<Query, Answer> {
    const { clock, state, stateMachine } = this;
    const unreadable = new UnreadableEntries({
      clock,
      logger: this.#logger,
      tell: (event) => this.events.emit(event),
    });
    return {
      clock,
      state,
      stateMachine,
      machineAppliedIndex,
      syncCommit: () => this.append.sync(),
      applyToCore: (change, index) => this.#loop.applyToCore(change, index),
      onOutcome: (entry, envelope, outcome) => this.proposals.reached(entry, envelope, outcome),
      onMembership: (operations) => {
        this.#peers.changed(operations);
        this.identity.membershipChanged(operations);
        this.memberClock.membershipChanged();
        const members = [...this.state.membership.members.values()];
        this.events.emit({ type: 'membership', operations, members });
      },
      onUnreadable: (entry, error) => unreadable.passedOver(entry, error),
      onIdentity: (entry) => this.identity.applied(entry),
      onProgress: () => this.#progressed(),
      onFailure,
    };
  }

  #snapshotParts({
    markers,
    machineAppliedIndex,
    ownership,
  }: OpenedNode<Query, Answer>): SnapshotParts<Query, Answer> {
    const { config, clock, wal, storage, append, apply, state, stateMachine } = this;
    const logger = this.#logger;
    const { snapshotManager: manager, transport } = this.#component;
    const tell = (event: RaftEvent): void => this.events.emit(event);
    return {
      config,
      clock,
      manager,
      wal,
      storage,
      append,
      apply,
      state,
      markers,
      stateMachine,
      machineAppliedIndex,
      transport,
      logger,
      tell,
      ownership,
      checkIdentity: (nodePart) => this.identity.checkSnapshot(nodePart),
      matchOf: (member) => matchIndexOf(this.node, member),
    };
  }

  #loopParts(onFailure: (error: unknown) => void): LoopParts<Query, Answer> {
    const { config, clock, core, storage, append, apply, snapshots } = this;
    return {
      core,
      nodeId: config.nodeId,
      clock,
      tickMs: config.tickMs,
      storage,
      append,
      apply,
      snapshots,
      transport: this.#component.transport,
      lostEntries: this.lostEntries,
      onTick: (passedMs) => this.guard.tick(passedMs),
      beforeTurn: () => this.proposals.flush(),
      onRole: (role) => this.#roleChanged(role),
      onReads: (reads) => {
        for (const { index, requestContext } of reads) this.reads.answered(index, requestContext);
      },
      onInstalled: (metadata) => {
        this.identity.installed();
        this.memberClock.membershipChanged();
        this.proposals.skipTo(metadata.index);
        this.#peers.tellAll();
        this.events.emit({ type: 'snapshot-installed', metadata });
        this.#progressed();
      },
      onFailure,
    };
  }

  #incoming(): TransportHandler {
    const { node, clock, memberClock, refused, state, config, snapshots } = this;
    const give = (message: Message): void => {
      // A follower asks for a read index. A leader whose event loop has stalled may not be the
      // leader any more.
      if (message.type === MessageType.ReadIndex && !this.#trustsLease()) return;
      this.#room.given(message);
      this.#loop.receive(message);
    };
    const handler = incomingOf({
      node,
      snapshots: this.snapshots,
      manager: this.#component.snapshotManager,
      checkRunning: () => this.checkRunning(),
      give,
      room: this.#room,
      core: this.core,
      identity: this.identity,
    });
    return plausibleIncoming(handler, {
      terms: new TermLimits(clock, () => node.basicStatus().term),
      refused,
      takesFrom: (id) => this.identity.admission.takesFrom(id),
      isMember: (id) => state.membership.members.has(id),
      leader: () => node.basicStatus().lead,
      lostEntries: this.lostEntries,
      wanted: {
        nodeId: config.nodeId,
        status: () => node.basicStatus(),
        membership: () => state.membership,
      },
      give,
      discardUntaken: async (metadata) => {
        if (this.#loop.takesOver(metadata)) return;
        await snapshots.discard(metadata);
      },
      nowMs: () => memberClock.wallMs(),
    });
  }

  #checkOpen(): void {
    this.checkRunning();
    if (this.append.full) throw new BusyError('the disk of this node is full');
    const { waitReason } = this.append;
    if (waitReason !== undefined) throw new BusyError(`this node cannot write: ${waitReason}`);
  }

  /** While this is false, no read is started; it is retried later. */
  #trustsLease(): boolean {
    return !this.config.leaseReads || this.guard.trustsLease(this.#loop.sinceTickMs);
  }

  #progressed(): void {
    const { confState } = this.state;
    if (confState !== undefined && !isMember(confState, this.config.nodeId)) {
      this.proposals.leftCluster();
    }
    this.identity.progressed();
    if (this.state.appliedIndex >= this.#readyIndex) this.#ownAddress.tell();
    this.reads.applied();
    this.appliedWaiters.applied();
    this.membershipChanges.applied();
    this.snapshots.maybeTake();
  }

  #roleChanged(role: SoftState): void {
    const before = this.#role;
    this.#role = role;
    const { term, commit } = this.node.basicStatus();
    if (role.lead !== 0n) this.#readyIndex = Math.min(this.#readyIndex, commit);
    if (!leads(before) && leads(role)) {
      this.identity.leads();
      this.events.emit({ type: 'leadership-acquired', term });
    }
    if (leads(before) && !leads(role)) {
      this.guard.leadershipLost();
      this.events.emit({ type: 'leadership-lost', term });
    }
    if (before.lead !== role.lead) {
      this.proposals.leaderChanged();
      this.identity.leaderChanged();
      this.events.emit({ type: 'leader', leader: role.lead, term });
    }
  }

  /** A leader with a full disk cannot do its work; another member may be able to. */
  #diskFull(full: boolean): void {
    this.events.emit({ type: 'disk-full', full });
    this.guard.savesRejected();
  }

  /** Handles a shortage of the system like a full disk. */
  #systemShort(reason: string | undefined): void {
    this.events.emit({ type: 'system-short', reason });
    if (reason !== undefined) {
      this.#logger?.warn('a save was rejected; it is submitted again after a pause', { reason });
    }
    this.guard.savesRejected();
  }
}

const notReady = (reason: string): Readiness => ({ ready: false, reason });
