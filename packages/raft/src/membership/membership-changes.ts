/**
 * Changes of the membership at the leader. A change is checked against the applied membership,
 * proposed as one change of the core, and resolves when it is applied; one that needs joint
 * consensus when that was left.
 *
 * Decisions: docs/decisions/0025-membership-is-replicated-state.md.
 */
import { ConfChangeTransition, encodeConfChangeV2, type ConfChangeV2 } from '@babuza/raftpb';
import type { CoreDriver } from '../driver/core-driver.ts';
import { addressProblem } from '../support/checks.ts';
import { entryOverheadBytes } from '../proposals/envelope.ts';
import { eachTick, type EachTickParts } from '../support/each-tick.ts';
import { NotLeaderError, RaftError, type LeaderHint } from '../errors.ts';
import { changedMembership, coreChanges, type MembershipOperation } from './membership.ts';
import { decodeOperations, encodeOperations } from './membership-codec.ts';
import { isMembershipEntry, type Proposals } from '../proposals/proposals.ts';
import type { Transport } from '../ports/transport.ts';
import { quorumProblem } from './quorum-safety.ts';
import type { ReplicatedState } from '../apply/replicated-state.ts';
import { waiting, type Waiter } from '../proposals/waiters.ts';

export interface ChangeOptions {
  /** Ends the wait. A change that was proposed before may still take effect. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Makes the change even if it leaves fewer than a quorum of voters that answer, or promotes a
   * learner whose log lags. Nothing is then committed before enough voters answer. Default false.
   */
  readonly force?: boolean | undefined;
}

/** The core takes one change at a time; nothing was changed. */
export class ChangeUnderWayError extends RaftError {
  constructor() {
    super(
      'RAFT_CONF_CHANGE_REFUSED',
      'another change of the membership is under way; nothing was changed',
    );
  }
}

export interface MembershipChangeParts extends EachTickParts {
  readonly nodeId: bigint;
  readonly state: ReplicatedState;
  readonly proposals: Proposals;
  readonly learnerReadyShare: number;
  readonly electionTicks: number;
  readonly entryBytesMax: number;
  readonly transport: Transport;
  readonly leader: () => LeaderHint | undefined;
  readonly core: Pick<CoreDriver, 'run'>;
}

export class MembershipChanges {
  readonly #parts: MembershipChangeParts;
  /** Callers that wait for the end of joint consensus. */
  #untilLeft: Waiter<void>[] = [];
  #stopCause: Error | undefined;

  constructor(parts: MembershipChangeParts) {
    this.#parts = parts;
  }

  /**
   * Throws the errors that `change` would reject with before it proposes anything, except those of
   * the quorum check.
   */
  check(given: readonly MembershipOperation[], { signal, force = false }: ChangeOptions): void {
    signal?.throwIfAborted();
    this.#check(asRead(given), force);
  }

  /** Resolves when the whole change is in effect. */
  async change(
    given: readonly MembershipOperation[],
    { signal, force = false }: ChangeOptions = {},
  ): Promise<void> {
    signal?.throwIfAborted();
    const operations = asRead(given);
    this.#check(operations, force);
    if (!force && this.#quorumProblem(operations) !== undefined) {
      await this.#untilQuorumIsKept(operations, signal);
    }
    const change: ConfChangeV2 = {
      transition: ConfChangeTransition.Auto,
      changes: coreChanges(operations),
      context: encodeOperations(operations),
    };
    this.#checkSize(change);
    const { entry } = await this.#parts.proposals.placed(
      (node) => node.proposeConfChange(change),
      signal,
    );
    if (!isMembershipEntry(entry)) {
      throw new ChangeUnderWayError();
    }
    if (this.#isJoint()) {
      await waiting<void>(signal, (waiter) => {
        // The node may have stopped since the change was applied.
        if (this.#stopCause !== undefined) throw this.#stopCause;
        this.#untilLeft.push(waiter);
        return undefined;
      });
    }
  }

  /** Called when an entry was applied. */
  applied(): void {
    if (this.#untilLeft.length === 0 || this.#isJoint()) return;
    const waiters = this.#untilLeft;
    this.#untilLeft = [];
    for (const waiter of waiters) waiter.resolve();
  }

  stop(cause: Error): void {
    this.#stopCause = cause;
    for (const waiter of this.#untilLeft) waiter.reject(cause);
  }

  #isJoint(): boolean {
    return (this.#parts.state.confState?.votersOutgoing.length ?? 0) > 0;
  }

  /**
   * Checks with the leader's knowledge before it proposes; all replicas check again when they
   * apply.
   */
  #check(operations: readonly MembershipOperation[], force: boolean): void {
    const { state, leader, nodeId } = this.#parts;
    if (operations.length === 0) {
      throw new RaftError('RAFT_CONF_CHANGE_REFUSED', 'a change needs at least one operation');
    }
    const hint = leader();
    if (hint?.id !== nodeId) throw new NotLeaderError(hint);
    const next = changedMembership(state.membership, operations);
    if (typeof next === 'string') throw new RaftError('RAFT_CONF_CHANGE_REFUSED', next);
    for (const operation of operations) {
      this.#checkAddress(operation);
      const isPromotion =
        operation.op === 'set' &&
        operation.role === 'voter' &&
        state.membership.members.get(operation.id)?.role === 'learner';
      if (isPromotion && !force) this.#checkReady(operation.id);
    }
  }

  #quorumProblem(operations: readonly MembershipOperation[]): string | undefined {
    const { state, nodeId, core } = this.#parts;
    const next = changedMembership(state.membership, operations);
    if (typeof next === 'string') return next;
    const { progress } = core.run((node) => node.status());
    const answers = (id: bigint): boolean => {
      // The core counts a member as active from its addition on. A member that has acknowledged
      // something has certainly answered.
      const known = progress.get(id);
      return known !== undefined && known.recentActive && known.match > 0;
    };
    return quorumProblem(state.membership, next, { nodeId, answers });
  }

  /**
   * The core forgets at each check of the quorum which members have answered, and learns it again
   * from the next heartbeat. So a member counts as silent only after an election timeout.
   * Everything else is checked again with each tick.
   */
  #untilQuorumIsKept(
    operations: readonly MembershipOperation[],
    signal: AbortSignal | undefined,
  ): Promise<true> {
    let ticksLeft = this.#parts.electionTicks;
    return eachTick(this.#parts, signal, () => {
      this.#check(operations, false);
      const problem = this.#quorumProblem(operations);
      if (problem === undefined) return true;
      ticksLeft -= 1;
      if (ticksLeft >= 0) return undefined;
      throw new RaftError('RAFT_CONF_CHANGE_REFUSED', problem);
    });
  }

  #checkAddress(operation: MembershipOperation): void {
    if (operation.op !== 'set' && operation.op !== 'address') return;
    const { id, address } = operation;
    if (address === undefined) return;
    const problem = addressProblem(this.#parts.transport, address);
    if (problem === undefined) return;
    const text = `the address of member ${id} cannot be used: ${problem.message}`;
    throw new RaftError('RAFT_INVALID', text, problem);
  }

  /** An entry that is too large would stop every node that has to save it. */
  #checkSize(change: ConfChangeV2): void {
    const bytes = encodeConfChangeV2(change).length;
    const bytesMax = this.#parts.entryBytesMax - entryOverheadBytes;
    if (bytes <= bytesMax) return;
    throw new RaftError(
      'RAFT_TOO_LARGE',
      `a change of the membership has at most ${bytesMax} bytes; got ${bytes}`,
    );
  }

  /** A voter that lags counts for the quorum and cannot contribute to it. */
  #checkReady(id: bigint): void {
    const { core, learnerReadyShare, nodeId } = this.#parts;
    const { progress } = core.run((node) => node.status());
    const match = progress.get(id)?.match ?? 0;
    const lastIndex = progress.get(nodeId)?.match ?? 0;
    if (match >= lastIndex * learnerReadyShare && match > 0) return;
    throw new RaftError(
      'RAFT_LEARNER_NOT_READY',
      `learner ${id} has the log up to index ${match}, and this leader up to index ${lastIndex}; it may be promoted from ${learnerReadyShare * 100} % on`,
    );
  }
}

/**
 * The operations as every replica will decode them. An operation that no replica can read must not
 * enter the log.
 */
export function asRead(operations: readonly MembershipOperation[]): MembershipOperation[] {
  try {
    return decodeOperations(encodeOperations(operations));
  } catch (error) {
    throw new RaftError(
      'RAFT_CONF_CHANGE_REFUSED',
      'a change of the membership has an unknown operation',
      error,
    );
  }
}
