/**
 * A Raft node: it replicates a state machine of yours over the members of a cluster. This is its
 * door; what happens behind it is in `loop.ts` (around the core), `append-path.ts` (to the log),
 * `apply-path.ts` (to the state machine), `snapshots.ts`, `reads.ts`, `proposals.ts` and
 * `membership-changes.ts`. A node is made by `bootstrap.ts`.
 *
 * Calls that wait never throw synchronously. Errors have the codes of `errors.ts`; a signal ends
 * the waiting of its caller with the signal's reason, never what is waited for.
 */
import type { TailReport } from '@babuza/wal-core';
import { DroppedError, NotLeaderError, RaftError, type LeaderHint } from './errors.ts';
import { EnvelopeKind } from './proposals/envelope.ts';
import type { RaftEventListener } from './events.ts';
import { encodeExport } from './snapshots/exported-snapshot.ts';
import type { MemberRole, MembershipOperation } from './membership/membership.ts';
import type { ChangeOptions } from './membership/membership-changes.ts';
import { NodeParts, type OpenedNode } from './start/node-parts.ts';
import type { RaftComponent } from './ports/component.ts';
import type { SessionCall } from './ports/session-manager.ts';
import type { StateMachine } from './ports/state-machine.ts';
import { checkSession, resultOf, type ProposeResult } from './proposals/propose-result.ts';
import type { SnapshotPlace } from './snapshots/recorded-snapshots.ts';
import { timerMsMax } from './config.ts';
import { bestSuccessor, handOver } from './leadership/leadership-transfer.ts';
import { statusOf, type ClusterInfo, type RaftStatus, type Readiness } from './status.ts';
import {
  addVoter,
  changeWithNewVoters,
  type AddVoterOptions,
} from './membership/voter-through-learner.ts';
import { unlessAborted, untilAborted, waiting } from './proposals/waiters.ts';

export interface WaitOptions {
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

export interface ProposeOptions extends WaitOptions {
  /** Within a session a proposal that is sent again applies once. Default: none. */
  readonly session?: SessionCall | undefined;
}

export interface ShutdownOptions {
  /** A leader hands over first, within two election timeouts. Default false. */
  readonly transferLeadership?: boolean | undefined;
  /**
   * How long the node waits for its parts, in ms; `Infinity` for no limit. Default:
   * `shutdownTimeoutMs` of the configuration.
   */
  readonly timeoutMs?: number | undefined;
}

/** A member to add. */
export interface NewMember {
  readonly id: bigint;
  readonly address: string;
}

const noPayload = new Uint8Array(0);

export class Raft<Query = unknown, Answer = unknown> implements AsyncDisposable {
  readonly #parts: NodeParts<Query, Answer>;
  readonly #tail: TailReport;
  #stopping: Promise<readonly string[]> | undefined;
  #end: () => void = () => undefined;
  readonly #ended: Promise<void> = new Promise((resolve) => {
    this.#end = resolve;
  });

  private constructor(opened: OpenedNode<Query, Answer>) {
    this.#parts = new NodeParts(opened, (error) => void this.#stop(error));
    this.#tail = opened.tail;
  }

  /** For `bootstrapRaftCluster` and its like. Nothing runs yet. */
  static make<Query, Answer>(opened: OpenedNode<Query, Answer>): Raft<Query, Answer> {
    return new Raft(opened);
  }

  /** For the same. Where it rejects the node has ended and closed everything. */
  static async start<Query, Answer>(
    raft: Raft<Query, Answer>,
    component: RaftComponent,
  ): Promise<void> {
    try {
      await raft.#parts.start();
      raft.#observe(component);
    } catch (error) {
      await raft.#stop(error);
      throw error;
    }
  }

  get nodeId(): bigint {
    return this.#parts.config.nodeId;
  }

  /** The state machine of this node, as it is: what it shows may be behind. See `read`. */
  get stateMachine(): StateMachine<Query, Answer> {
    return this.#parts.stateMachine;
  }

  /** Adds a listener and returns the function that removes it. */
  subscribe(listener: RaftEventListener): () => void {
    return this.#parts.events.subscribe(listener);
  }

  /**
   * Proposes `data`, which is copied. Resolves when it is durable on a quorum and was applied here.
   *
   * Rejects with `RAFT_INVALID`, `RAFT_NOT_LEADER`, `RAFT_BUSY`, `RAFT_TOO_LARGE` (nothing
   * happened), `RAFT_DROPPED` (certainly not applied), `RAFT_OUTCOME_UNKNOWN` (perhaps applied),
   * `RAFT_SESSION_EXPIRED`, `RAFT_SEQUENCE_STALE`, `RAFT_STOPPED`.
   */
  async propose(data: Uint8Array, options: ProposeOptions = {}): Promise<ProposeResult> {
    const { session, signal } = options;
    if (session !== undefined) checkSession(session);
    const reached = await this.#parts.proposals.propose(
      EnvelopeKind.Payload,
      data,
      session,
      signal,
    );
    return resultOf(reached);
  }

  /** Proposes several, in order and at once. Each has an answer of its own. */
  async proposeBatch(
    batch: readonly Uint8Array[],
    options: WaitOptions = {},
  ): Promise<PromiseSettledResult<ProposeResult>[]> {
    return Promise.allSettled(batch.map((data) => this.propose(data, options)));
  }

  /**
   * Waits until this node's state machine reflects everything that was acknowledged, anywhere,
   * before the call. Returns the index that it reflects at least.
   *
   * Rejects with `RAFT_OUTCOME_UNKNOWN` when no leader with a quorum has confirmed the read within
   * `readTimeoutMs`, `RAFT_STOPPED`. A read that is confirmed waits for the state machine as long
   * as that takes. The signal bounds both, as the context of a call does in etcd:
   * `AbortSignal.timeout(ms)`.
   */
  async linearizableRead(options: WaitOptions = {}): Promise<number> {
    this.#parts.checkRunning();
    return waiting(options.signal, (waiter) => this.#parts.reads.wait(waiter));
  }

  /**
   * A linearizable read, and the question to the state machine. Rejects like `linearizableRead`,
   * and with what `query` throws. The signal bounds all of it.
   */
  async read(query: Query, options: WaitOptions = {}): Promise<Answer> {
    await this.linearizableRead(options);
    return this.#query(query, options);
  }

  /** Asks the state machine as it is here and now: it may be behind. */
  async staleRead(query: Query, options: WaitOptions = {}): Promise<Answer> {
    this.#parts.checkRunning();
    return this.#query(query, options);
  }

  /** Leader only. Resolves when everything that was proposed before is applied here. */
  async barrier(options: WaitOptions = {}): Promise<number> {
    const { entry } = await this.#parts.proposals.barrier(options.signal);
    return entry.index;
  }

  /** Resolves when a quorum has confirmed that this node leads. Rejects with `RAFT_NOT_LEADER`. */
  async verifyLeader(options: WaitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    if (!this.#parts.isLeader()) throw new NotLeaderError(this.leader());
    await this.linearizableRead(options);
    if (!this.#parts.isLeader()) throw new NotLeaderError(this.leader());
  }

  /**
   * Resolves when this node has applied this index. Rejects with `RAFT_INVALID` for what no index
   * can be, `RAFT_STOPPED`.
   */
  async waitForApplied(index: number, options: WaitOptions = {}): Promise<void> {
    this.#parts.checkRunning();
    if (!Number.isSafeInteger(index)) {
      throw new RaftError('RAFT_INVALID', `an index is an integer below 2^53; got ${index}`);
    }
    options.signal?.throwIfAborted();
    await this.#parts.appliedWaiters.wait(index, options.signal);
  }

  /** Who leads, as far as this node knows. */
  leader(): LeaderHint | undefined {
    return this.#parts.leader();
  }

  /** Resolves when this node knows who leads. */
  async waitForLeader(options: WaitOptions = {}): Promise<LeaderHint> {
    this.#parts.checkRunning();
    options.signal?.throwIfAborted();
    const known = this.leader();
    if (known !== undefined) return known;
    return waiting(options.signal, (waiter) => {
      const unsubscribe = this.subscribe((event) => {
        const hint = this.leader();
        if (event.type === 'leader' && hint !== undefined) waiter.resolve(hint);
      });
      const endWatch = this.#parts.onStop(waiter.reject);
      return () => {
        unsubscribe();
        endWatch();
      };
    });
  }

  /**
   * Adds a member with a vote; leader only, as all changes of the membership. The member joins as a
   * learner, and is promoted when it has caught up (`learnerReadyShare`) and answers. The call
   * waits for that as long as its signal lets it, so start the new node meanwhile: an address where
   * nobody answers never gets a vote. `onProgress` tells how far the learner has come.
   *
   * Where the call ends before, by its signal or an error, the learner stays in the membership: the
   * same call goes on with it, and `removePeer` takes it out. `{ force: true }` adds the vote at
   * once.
   *
   * Rejects with `RAFT_CONF_CHANGE_REFUSED` and why, `RAFT_INVALID` where the transport knows
   * nobody of that address, `RAFT_NOT_LEADER` also where leadership goes while the learner catches
   * up, `RAFT_STOPPED`.
   */
  async addVotingPeer({ id, address }: NewMember, options: AddVoterOptions = {}): Promise<void> {
    this.#checkLeads(options);
    await addVoter(this.#parts.voterParts(), { id, address }, options);
  }

  /** A member that gets everything and has no vote. */
  async addLearner({ id, address }: NewMember, options: WaitOptions = {}): Promise<void> {
    return this.changeMembership([{ op: 'set', id, role: 'learner', address }], options);
  }

  /**
   * Gives a learner its vote. Rejects with `RAFT_LEARNER_NOT_READY` while its log lags, and like
   * `changeMembership` where it would cost the quorum.
   */
  promoteLearner(id: bigint, options: ChangeOptions = {}): Promise<void> {
    return this.#changeRole(id, 'voter', options);
  }

  /** Takes the vote. Rejects like `changeMembership` where it would cost the quorum. */
  demoteVoter(id: bigint, options: ChangeOptions = {}): Promise<void> {
    return this.#changeRole(id, 'learner', options);
  }

  /**
   * Its id never returns. The leader may remove itself; it then steps down. Of two voters, the one
   * that is left may not know yet that it is alone, and needs the vote of the other: let that one
   * run until the one that is left leads, or hand leadership over first. Rejects like
   * `changeMembership` where it would cost the quorum.
   */
  removePeer(id: bigint, options: ChangeOptions = {}): Promise<void> {
    return this.changeMembership([{ op: 'remove', id }], options);
  }

  /** The address where the others reach it. */
  async updatePeer({ id, address }: NewMember, options: WaitOptions = {}): Promise<void> {
    return this.changeMembership([{ op: 'address', id, address }], options);
  }

  /** Makes known where a member serves clients; without address, that it does not. */
  async publishApplicationService(
    service: { readonly name: string; readonly address?: string; readonly id?: bigint },
    options: WaitOptions = {},
  ): Promise<void> {
    const { name, address, id = this.nodeId } = service;
    const operation = { op: 'service', id, name } as const;
    return this.changeMembership(
      [address === undefined ? operation : { ...operation, address }],
      options,
    );
  }

  /**
   * Several changes at once: all are in effect when it resolves. More than one goes by joint
   * consensus. A new voter joins as a learner before, and the change waits until it has caught up,
   * as in `addVotingPeer`; one that takes over the address of a member joins with the change
   * itself.
   *
   * Rejects with `RAFT_CONF_CHANGE_REFUSED` where fewer than a quorum of the voters after the
   * change have answered this leader within an election timeout (without `checkQuorum`: since it
   * leads), unless it is forced.
   */
  async changeMembership(
    operations: readonly MembershipOperation[],
    options: AddVoterOptions = {},
  ): Promise<void> {
    this.#parts.checkRunning();
    options.signal?.throwIfAborted();
    await changeWithNewVoters(this.#parts.voterParts(), operations, options);
  }

  /**
   * Leader only. Hands leadership to a voter; without one named, to the one whose log is furthest.
   * Resolves when it leads; rejects with `RAFT_DROPPED` when that did not come about within two
   * election timeouts.
   */
  async transferLeader(to?: bigint, options: WaitOptions = {}): Promise<void> {
    this.#checkLeads(options);
    const target = to ?? bestSuccessor(this.#parts.node.status());
    const role =
      target === undefined ? undefined : this.#parts.state.membership.members.get(target)?.role;
    if (target === undefined || role !== 'voter') {
      throw new DroppedError(
        `leadership cannot go to ${String(target)}: there is no such other voter`,
      );
    }
    if (target === this.nodeId) return;
    await handOver(this.#parts, target, options.signal);
  }

  /** As a follower, forgets who leads, so that it may vote for another within the term. */
  async forgetLeader(): Promise<void> {
    this.#parts.checkRunning();
    this.#parts.core.run((node) => node.forgetLeader());
  }

  /**
   * Makes a snapshot of what is applied, durably, or returns the newest when nothing was applied
   * since.
   *
   * Rejects with `RAFT_BUSY` while a state on disk is ahead of what the node has applied since it
   * started, `RAFT_STOPPED`, or what the state machine or the snapshot manager says.
   */
  async manualSnapshot(options: WaitOptions = {}): Promise<SnapshotPlace> {
    this.#parts.checkRunning();
    return waiting(options.signal, (waiter) => {
      this.#parts.snapshots.take(waiter);
      return undefined;
    });
  }

  /**
   * The state as applied now as one stream, to be kept outside of the cluster; see
   * `BootstrapOptions.snapshot`. A snapshot is made for it, and stays until the stream ends or is
   * returned. It begins when the first chunk is asked for.
   *
   * Rejects with `RAFT_STOPPED`, or what the snapshot manager says.
   */
  async *exportSnapshot(options: WaitOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    const place = await this.manualSnapshot(options);
    await using open = await this.#parts.snapshots.open(place, options.signal);
    const { config, identity } = this.#parts;
    const stream = encodeExport(config.clusterId, identity.cluster, open);
    yield* untilAborted(stream, options.signal);
  }

  /** Opens a session; returns its id. */
  async registerSession(options: WaitOptions = {}): Promise<number> {
    const { entry } = await this.#parts.proposals.propose(
      EnvelopeKind.RegisterSession,
      noPayload,
      undefined,
      options.signal,
    );
    return entry.index;
  }

  /**
   * Ends a session. Rejects with `RAFT_SESSION_EXPIRED` when there is none, `RAFT_INVALID` for what
   * is no id of one.
   */
  async unregisterSession(sessionId: number, options: WaitOptions = {}): Promise<void> {
    if (!Number.isSafeInteger(sessionId) || sessionId < 1) {
      throw new RaftError('RAFT_INVALID', `a sessionId is an integer from 1; got ${sessionId}`);
    }
    const { outcome } = await this.#parts.proposals.propose(
      EnvelopeKind.UnregisterSession,
      noPayload,
      { sessionId, sequence: 0, lowestUnanswered: 0 },
      options.signal,
    );
    if (outcome.kind === 'session' && outcome.ended) return;
    throw new RaftError('RAFT_SESSION_EXPIRED', `there is no session ${sessionId}`);
  }

  /** Throws `RAFT_STOPPED`. */
  status(): RaftStatus {
    this.#parts.checkRunning();
    return statusOf(this.#parts, this.#tail);
  }

  /**
   * For a load balancer: a leader is known, the log takes saves and finishes them, the state
   * machine keeps up, what was committed at the start was applied, and the node's own address is
   * the one in the membership. `concerns` are for an operator, such as members that do not belong
   * here.
   */
  readiness(): Readiness {
    return this.#parts.readiness();
  }

  /** Throws `RAFT_STOPPED`. */
  clusterInfo(): ClusterInfo {
    this.#parts.checkRunning();
    const { config, state, node, identity } = this.#parts;
    return {
      clusterId: config.clusterId,
      leader: node.basicStatus().lead,
      members: [...state.membership.members.values()],
      removed: [...state.membership.removed],
      identity: identity.cluster,
    };
  }

  /**
   * Ends the node and gives everything back: log, snapshots, transport, state machine. With
   * `transferLeadership` a leader hands over first. What waits gets `RAFT_STOPPED` or
   * `RAFT_OUTCOME_UNKNOWN`. A second call waits for the same end.
   *
   * Rejects with `RAFT_SHUTDOWN_TIMEOUT` where a part did not end within the timeout, such as a
   * state machine that never answers. The node has ended all the same, at most a second later, and
   * every part that could be closed is closed; the message names the rest. `close` of a state
   * machine is not called while one of its calls is under way.
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const { timeoutMs = this.#parts.config.shutdownTimeoutMs } = options;
    checkTimeout(timeoutMs);
    const handsOver =
      options.transferLeadership === true && this.#stopping === undefined && this.#parts.isLeader();
    // Nobody may be there to take over: the node stops in any case.
    if (handsOver) await this.transferLeader().catch(() => undefined);
    const left = await this.#stop(undefined, timeoutMs);
    if (left.length === 0) return;
    throw new RaftError(
      'RAFT_SHUTDOWN_TIMEOUT',
      `the node has ended, and parts of it have not ended in time: ${left.join(', ')}; end the process before anything uses its directory again`,
    );
  }

  /**
   * Resolves when the node has ended because it was asked to (`shutdown`). Rejects with
   * `RAFT_STOPPED`, and the cause, when it has stopped by itself: a program that awaits this call
   * ends with an error then, and not in silence.
   */
  async whenStopped({ signal }: WaitOptions = {}): Promise<void> {
    const ended = this.#ended;
    await (signal === undefined ? ended : unlessAborted(ended, signal));
    const { stopCause } = this.#parts;
    if (stopCause?.cause !== undefined) throw stopCause;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** Returns the parts that did not end in time; never rejects. */
  #stop(
    cause: unknown,
    timeoutMs = this.#parts.config.shutdownTimeoutMs,
  ): Promise<readonly string[]> {
    this.#stopping ??= this.#parts.stop(cause, timeoutMs).finally(() => this.#end());
    return this.#stopping;
  }

  #observe({ observer, transport }: RaftComponent): void {
    const end = observer?.observe({
      status: () => this.status(),
      readiness: () => this.readiness(),
      subscribe: (listener) => this.subscribe(listener),
      transport: transport.counts === undefined ? undefined : transport.counts.bind(transport),
      wal: this.#parts.wal,
    });
    if (end === undefined) return;
    this.subscribe((event) => {
      if (event.type === 'stopped') end();
    });
  }

  async #changeRole(id: bigint, role: MemberRole, options: ChangeOptions): Promise<void> {
    // Who does not lead may not know of a member yet.
    this.#checkLeads(options);
    if (!this.#parts.state.membership.members.has(id)) {
      throw new RaftError('RAFT_CONF_CHANGE_REFUSED', `${id} is not a member`);
    }
    await this.changeMembership([{ op: 'set', id, role }], options);
  }

  #checkLeads({ signal }: WaitOptions): void {
    this.#parts.checkRunning();
    signal?.throwIfAborted();
    if (!this.#parts.isLeader()) throw new NotLeaderError(this.leader());
  }

  async #query(query: Query, { signal }: WaitOptions): Promise<Answer> {
    signal?.throwIfAborted();
    const answer = this.stateMachine.query(query);
    return signal === undefined ? answer : unlessAborted(Promise.resolve(answer), signal);
  }
}

function checkTimeout(timeoutMs: unknown): void {
  const isFine = typeof timeoutMs === 'number' && timeoutMs >= 1 && timeoutMs <= timerMsMax;
  if (isFine || timeoutMs === Infinity) return;
  const text = `timeoutMs must be a number from 1 to ${timerMsMax}, or Infinity; got ${String(timeoutMs)}`;
  throw new RaftError('RAFT_INVALID', text);
}
