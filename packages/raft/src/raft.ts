/**
 * A Raft node: it replicates a state machine of the user over the members of a cluster. This class
 * is the public entry point. The work is done by the folders beside it: `driver/` runs the core and
 * saves to the log, `apply/` applies committed entries, and `proposals/`, `reads/`, `snapshots/`
 * and `membership/` serve the calls. `start/bootstrap.ts` makes a node.
 *
 * Calls that wait never throw synchronously. Errors have the codes of `errors.ts`. A signal ends
 * only the caller's wait, with the signal's reason; the operation itself may still take effect.
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
import { bestSuccessor, transferLeadership } from './leadership/leadership-transfer.ts';
import { statusOf, type ClusterInfo, type RaftStatus, type Readiness } from './status.ts';
import {
  addVoter,
  changeWithNewVoters,
  type AddVoterOptions,
} from './membership/voter-through-learner.ts';
import { unlessAborted, untilAborted, waiting } from './proposals/waiters.ts';

export interface WaitOptions {
  /** Ends the wait; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface ProposeOptions extends WaitOptions {
  /**
   * The session of the proposal. A proposal that is sent again within its session is applied once.
   * Default: no session.
   */
  readonly session?: SessionCall | undefined;
}

export interface ShutdownOptions {
  /** A leader transfers leadership first, within two election timeouts. Default false. */
  readonly transferLeadership?: boolean | undefined;
  /**
   * How long the node waits for its components to close, in ms; `Infinity` for no limit. Default:
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

  /**
   * Makes a node that does not run yet. For `bootstrapRaftCluster` and the other starting
   * functions.
   */
  static make<Query, Answer>(opened: OpenedNode<Query, Answer>): Raft<Query, Answer> {
    return new Raft(opened);
  }

  /**
   * Starts a node that `make` returned. When it rejects, the node has stopped and closed
   * everything.
   */
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

  /** The state machine of this node. Its state may be behind; `read` waits until it is current. */
  get stateMachine(): StateMachine<Query, Answer> {
    return this.#parts.stateMachine;
  }

  /** Adds a listener and returns the function that removes it. */
  subscribe(listener: RaftEventListener): () => void {
    return this.#parts.events.subscribe(listener);
  }

  /**
   * Proposes `data`, which is copied. Resolves when the entry is durable on a quorum and this node
   * has applied it.
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

  /** Proposes several payloads at once, in order. Each one has a result of its own. */
  async proposeBatch(
    batch: readonly Uint8Array[],
    options: WaitOptions = {},
  ): Promise<PromiseSettledResult<ProposeResult>[]> {
    return Promise.allSettled(batch.map((data) => this.propose(data, options)));
  }

  /**
   * Waits until this node's state machine reflects everything that any member acknowledged before
   * the call. Returns an index that the state reflects at least.
   *
   * Rejects with `RAFT_OUTCOME_UNKNOWN` when no leader with a quorum has confirmed the read within
   * `readTimeoutMs`, and with `RAFT_STOPPED`. A confirmed read then waits for the state machine
   * without a limit. The signal bounds both waits, as the context of a call does in etcd:
   * `AbortSignal.timeout(ms)`.
   */
  async linearizableRead(options: WaitOptions = {}): Promise<number> {
    this.#parts.checkRunning();
    return waiting(options.signal, (waiter) => this.#parts.reads.wait(waiter));
  }

  /**
   * Waits as `linearizableRead` does, then queries the state machine. Rejects like
   * `linearizableRead`, and with whatever `query` throws. The signal bounds the whole call.
   */
  async read(query: Query, options: WaitOptions = {}): Promise<Answer> {
    await this.linearizableRead(options);
    return this.#query(query, options);
  }

  /** Queries the state machine of this node without waiting. Its state may be behind. */
  async staleRead(query: Query, options: WaitOptions = {}): Promise<Answer> {
    this.#parts.checkRunning();
    return this.#query(query, options);
  }

  /**
   * Leader only. Resolves with an index when this node has applied everything that was proposed
   * before.
   */
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
   * Resolves when this node has applied this index. Rejects with `RAFT_INVALID` for a number that
   * cannot be an index, and with `RAFT_STOPPED`.
   */
  async waitForApplied(index: number, options: WaitOptions = {}): Promise<void> {
    this.#parts.checkRunning();
    if (!Number.isSafeInteger(index)) {
      throw new RaftError('RAFT_INVALID', `an index is an integer below 2^53; got ${index}`);
    }
    options.signal?.throwIfAborted();
    await this.#parts.appliedWaiters.wait(index, options.signal);
  }

  /** The leader, as far as this node knows. */
  leader(): LeaderHint | undefined {
    return this.#parts.leader();
  }

  /** Resolves with the leader when this node knows one. */
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
   * Adds a voter. Leader only, as is every change of the membership. The member joins as a learner,
   * and is promoted when it has caught up (`learnerReadyShare`) and answers. The call waits for
   * that until its signal fires, so start the new node meanwhile: a member that never answers never
   * gets a vote. `onProgress` reports how far the learner has come.
   *
   * If the call ends early, by its signal or an error, the learner stays in the membership. The
   * same call resumes with it, and `removePeer` removes it. `{ force: true }` adds the voter at
   * once.
   *
   * Rejects with `RAFT_CONF_CHANGE_REFUSED` and the reason, `RAFT_INVALID` when the transport
   * cannot use the address, `RAFT_NOT_LEADER` (also when leadership is lost while the learner
   * catches up), `RAFT_STOPPED`.
   */
  async addVotingPeer({ id, address }: NewMember, options: AddVoterOptions = {}): Promise<void> {
    this.#checkLeads(options);
    await addVoter(this.#parts.voterParts(), { id, address }, options);
  }

  /** Adds a learner: a member that receives all entries and has no vote. */
  async addLearner({ id, address }: NewMember, options: WaitOptions = {}): Promise<void> {
    return this.changeMembership([{ op: 'set', id, role: 'learner', address }], options);
  }

  /**
   * Makes a learner a voter. Rejects with `RAFT_LEARNER_NOT_READY` while its log lags, and like
   * `changeMembership` when the change would cost the quorum.
   */
  promoteLearner(id: bigint, options: ChangeOptions = {}): Promise<void> {
    return this.#changeRole(id, 'voter', options);
  }

  /**
   * Makes a voter a learner. Rejects like `changeMembership` when the change would cost the quorum.
   */
  demoteVoter(id: bigint, options: ChangeOptions = {}): Promise<void> {
    return this.#changeRole(id, 'learner', options);
  }

  /**
   * Removes a member. Its id can never be used again. A leader that removes itself steps down. When
   * one of two voters is removed, the other one may not know yet that it is alone, and needs the
   * vote of the removed one. So keep the removed one running until the other leads, or transfer
   * leadership first. Rejects like `changeMembership` when the change would cost the quorum.
   */
  removePeer(id: bigint, options: ChangeOptions = {}): Promise<void> {
    return this.changeMembership([{ op: 'remove', id }], options);
  }

  /** Changes the address by which the other members reach this member. */
  async updatePeer({ id, address }: NewMember, options: WaitOptions = {}): Promise<void> {
    return this.changeMembership([{ op: 'address', id, address }], options);
  }

  /**
   * Publishes the address at which a member serves clients. Without `address` the service is
   * withdrawn.
   */
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
   * Makes several changes at once; all are in effect when it resolves. More than one change uses
   * joint consensus. A new voter first joins as a learner, and the change waits until it has caught
   * up, as in `addVotingPeer`. A new voter that takes over the address of a member joins with the
   * change itself.
   *
   * Rejects with `RAFT_CONF_CHANGE_REFUSED` when fewer than a quorum of the voters after the change
   * have answered this leader within an election timeout (without `checkQuorum`: since it leads),
   * unless `force` is true.
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
   * Leader only. Transfers leadership to a voter; by default to the voter with the most complete
   * log. Resolves when that voter leads. Rejects with `RAFT_DROPPED` when it does not lead within
   * two election timeouts.
   */
  async transferLeader(to?: bigint, options: WaitOptions = {}): Promise<void> {
    this.#checkLeads(options);
    const target = to ?? bestSuccessor(this.#parts.node.status());
    const role =
      target === undefined ? undefined : this.#parts.state.membership.members.get(target)?.role;
    if (target === undefined || role !== 'voter') {
      throw new DroppedError(
        `leadership cannot be transferred to ${String(target)}: it is not another voter`,
      );
    }
    if (target === this.nodeId) return;
    await transferLeadership(this.#parts, target, options.signal);
  }

  /** Makes a follower forget its leader, so that it may vote for another node in the same term. */
  async forgetLeader(): Promise<void> {
    this.#parts.checkRunning();
    this.#parts.core.run((node) => node.forgetLeader());
  }

  /**
   * Makes a durable snapshot of the applied state. Returns the newest snapshot when nothing was
   * applied since.
   *
   * Rejects with `RAFT_BUSY` while a state on disk is ahead of what the node has applied since it
   * started, with `RAFT_STOPPED`, and with the errors of the state machine and the snapshot
   * manager.
   */
  async manualSnapshot(options: WaitOptions = {}): Promise<SnapshotPlace> {
    this.#parts.checkRunning();
    return waiting(options.signal, (waiter) => {
      this.#parts.snapshots.take(waiter);
      return undefined;
    });
  }

  /**
   * Streams the applied state, to be kept outside of the cluster; see `BootstrapOptions.snapshot`.
   * The call makes a snapshot for it when the first chunk is requested, and keeps that snapshot
   * until the stream ends or is returned.
   *
   * Rejects with `RAFT_STOPPED`, and with the errors of the snapshot manager.
   */
  async *exportSnapshot(options: WaitOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    const place = await this.manualSnapshot(options);
    await using open = await this.#parts.snapshots.open(place, options.signal);
    const { config, identity } = this.#parts;
    const stream = encodeExport(config.clusterId, identity.cluster, open);
    yield* untilAborted(stream, options.signal);
  }

  /** Registers a session and returns its id. */
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
   * Ends a session. Rejects with `RAFT_SESSION_EXPIRED` when there is no such session,
   * `RAFT_INVALID` for a number that cannot be a session id.
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
   * For a load balancer. A node is ready when it knows a leader, the log takes saves and finishes
   * them, the state machine keeps up, everything that was committed at the start is applied, and
   * the node's own address is the one in the membership. `concerns` are for an operator, such as
   * nodes that use an id of this cluster but belong to another one.
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
   * Stops the node and closes the log, the snapshots, the transport and the state machine. With
   * `transferLeadership` a leader transfers leadership first. Pending calls reject with
   * `RAFT_STOPPED` or `RAFT_OUTCOME_UNKNOWN`. A second call waits for the same end.
   *
   * Rejects with `RAFT_SHUTDOWN_TIMEOUT` when a component did not close within the timeout, such as
   * a state machine that never answers. The node has stopped all the same, at most a second later,
   * and every component that could be closed is closed; the message names the rest. `close` of a
   * state machine is not called while one of its calls is running.
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const { timeoutMs = this.#parts.config.shutdownTimeoutMs } = options;
    checkTimeout(timeoutMs);
    const handsOver =
      options.transferLeadership === true && this.#stopping === undefined && this.#parts.isLeader();
    // There may be no other voter to take over; the node stops in any case.
    if (handsOver) await this.transferLeader().catch(() => undefined);
    const left = await this.#stop(undefined, timeoutMs);
    if (left.length === 0) return;
    throw new RaftError(
      'RAFT_SHUTDOWN_TIMEOUT',
      `the node has stopped, but some of its components did not close in time: ${left.join(', ')}; end the process before anything uses its directory again`,
    );
  }

  /**
   * Resolves when the node has stopped because `shutdown` was called. Rejects with `RAFT_STOPPED`
   * and the cause when it has stopped by itself, so that a program that awaits this call ends with
   * an error and not silently.
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

  /** Returns the names of the components that did not close in time; never rejects. */
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
    // A follower may not have applied the addition of this member yet, so the role is checked
    // first.
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
