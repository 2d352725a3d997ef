/**
 * Proposals of this node: checked, put into an envelope, given to the core, and resolved when the
 * apply path reaches the entry with their index and term, never earlier. So an acknowledged
 * proposal is always durable on a quorum.
 */
import { EntryType, type Entry } from '@babuza/raftpb';
import { ProposalDroppedError, type ProposedEntry, type RawNode } from '@babuza/raft-core';
import type { CoreDriver } from '../driver/core-driver.ts';
import type { Clock } from '@babuza/vfs';
import type { Outcome } from './outcome.ts';
import {
  encodeEnvelope,
  entryOverheadBytes,
  envelopeOverheadMax,
  nextRequestNumber,
  requestsPerIncarnation,
  type EnvelopeKind,
  type Envelope,
  type RequestId,
} from './envelope.ts';
import {
  BusyError,
  NotLeaderError,
  OutcomeUnknownError,
  RaftError,
  type LeaderHint,
} from '../errors.ts';
import type { IdentityGate } from '../identity/identity-gate.ts';
import type { SessionCall } from '../ports/session-manager.ts';
import type { CallCounts } from '../status.ts';
import { leads } from '../driver/loop.ts';
import { ProposalQueue } from './proposal-queue.ts';
import { ProposalWaiters, waiting, type Waiter } from './waiters.ts';

/** The applied entry and its outcome. */
export interface Reached {
  readonly entry: Entry;
  readonly outcome: Outcome;
}

export interface ProposalParts {
  readonly nodeId: bigint;
  /**
   * Random 32 bits for each start of the node, so that the answer to a proposal from before a
   * restart is not taken for one to a new proposal.
   */
  readonly incarnation: number;
  readonly clock: Clock;
  readonly entryBytesMax: number;
  /** The most bytes of entries that go to the core together. */
  readonly batchBytesMax: number;
  readonly forwards: boolean;
  readonly forwardTimeoutMs: number;
  readonly leader: () => LeaderHint | undefined;
  /** Delays proposals until the cluster has a birth id. */
  readonly gate: IdentityGate;
  /** Throws when nothing may be proposed at the moment. */
  readonly checkOpen: () => void;
  readonly core: Pick<CoreDriver, 'run'>;
  /** Asks for a turn of the loop, which begins with `flush`. */
  readonly wake: () => void;
}

const noPayload = new Uint8Array(0);

export class Proposals {
  readonly #parts: ProposalParts;
  readonly #waiters = new ProposalWaiters<Reached>();
  readonly #queue: ProposalQueue;
  /** The request number of the newest proposal that could be forwarded. */
  #lastRequest: number;
  #answered = 0;
  #failed = 0;

  constructor(parts: ProposalParts) {
    this.#parts = parts;
    this.#lastRequest = parts.incarnation * requestsPerIncarnation;
    this.#queue = new ProposalQueue({
      batchBytesMax: parts.batchBytesMax,
      give: (give) => this.#give(give),
      notLeader: () => new NotLeaderError(this.#otherLeader()),
      wake: parts.wake,
    });
  }

  get counts(): CallCounts {
    const pending = this.#queue.length + this.#waiters.count + this.#parts.gate.length;
    return { pending, answered: this.#answered, failed: this.#failed };
  }

  /** Resolves when this node has applied the entry. */
  propose(
    kind: EnvelopeKind,
    payload: Uint8Array,
    session: SessionCall | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Reached> {
    const { entryBytesMax, clock } = this.#parts;
    const bytesMax = entryBytesMax - envelopeOverheadMax - entryOverheadBytes;
    if (!(payload instanceof Uint8Array) || payload.length > bytesMax) {
      const got = payload instanceof Uint8Array ? `${payload.length} bytes` : typeof payload;
      this.#failed += 1;
      return Promise.reject(
        new RaftError(
          'RAFT_TOO_LARGE',
          `a proposal must be bytes, at most ${bytesMax}; got ${got}`,
        ),
      );
    }
    return this.#counted(signal, (waiter) => {
      this.#checkAcceptsProposals();
      const proposedAtMs = Math.max(0, Math.floor(clock.wallMs()));
      const request = this.#newRequest();
      const envelope: Envelope = { kind, proposedAtMs, session, request, payload };
      return this.#queue.add({
        data: encodeEnvelope(envelope),
        request,
        placed: ({ index, term }) => this.#waiters.place(index, term, waiter),
        forwarded: (handed) => this.#waitForForwarded(handed, waiter),
        refused: waiter.reject,
      });
    });
  }

  /** Gives the core everything that was proposed since the last turn of the loop. */
  flush(): void {
    this.#queue.flush();
  }

  /** Proposes an entry without effect. When it is applied, so are all entries before it. */
  barrier(signal: AbortSignal | undefined): Promise<Reached> {
    return this.placed((node) => node.propose(noPayload), signal);
  }

  /**
   * Proposes something other than a payload, directly in the log of this leader. Ask the core
   * whether it leads, not the cached role: it may have heard of another leader a moment ago, and
   * would forward this.
   */
  placed(
    give: (node: RawNode) => ProposedEntry | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Reached> {
    return this.#counted(signal, (waiter) => {
      this.flush();
      const place = this.#give((node) => (leads(node.basicStatus()) ? give(node) : undefined));
      if (place === undefined) throw new NotLeaderError(this.#otherLeader());
      return this.#waiters.place(place.index, place.term, waiter);
    });
  }

  /** Called when the apply path has reached an entry. */
  reached(entry: Entry, envelope: Envelope | undefined, outcome: Outcome): void {
    const waiter = this.#waiters.take(entry.index, entry.term) ?? this.#requestOf(envelope);
    if (waiter === undefined) return;
    if (outcome.kind === 'refused') waiter.reject(outcome.error);
    else waiter.resolve({ entry, outcome });
  }

  /** Forwarded proposals may have been lost with the previous leader. */
  leaderChanged(): void {
    this.#waiters.rejectRequests(
      new OutcomeUnknownError('the leader changed while it had the proposal'),
    );
  }

  /** See `ProposalWaiters.skipTo`. */
  skipTo(index: number): void {
    this.#waiters.skipTo(index);
  }

  /**
   * Called when this node does not belong to the cluster any more: it will not learn the outcome of
   * its pending entries.
   */
  leftCluster(): void {
    this.#waiters.rejectPlaced(
      (index) => new OutcomeUnknownError(`the node was removed before entry ${index} was applied`),
    );
  }

  /**
   * Called when this node has lost leadership and its disk does not work: it cannot learn the
   * outcome of its proposals for a while.
   */
  diskHangs(): void {
    this.#waiters.rejectPlaced(
      (index) =>
        new OutcomeUnknownError(
          `leadership was lost, and the disk of this node does not answer: entry ${index} may be applied or not`,
        ),
    );
  }

  stop(cause: Error): void {
    this.#queue.refuseAll(cause);
    this.#waiters.rejectAll(
      (index) =>
        new OutcomeUnknownError(
          index === undefined
            ? 'the node stopped while the leader had the proposal'
            : `the node stopped before entry ${index} was applied`,
          cause,
        ),
    );
  }

  async #counted(...wait: Parameters<typeof waiting<Reached>>): Promise<Reached> {
    const [signal] = wait;
    const { gate } = this.#parts;
    try {
      if (gate.mustWait) await gate.pass(signal);
      const reached = await waiting(...wait);
      this.#answered += 1;
      return reached;
    } catch (error) {
      if (signal?.aborted !== true) this.#failed += 1;
      throw error;
    }
  }

  #newRequest(): RequestId | undefined {
    const { nodeId, forwards, leader } = this.#parts;
    if (!forwards || leader()?.id === nodeId) return undefined;
    this.#lastRequest = nextRequestNumber(this.#lastRequest);
    return { nodeId, number: this.#lastRequest };
  }

  /**
   * The forwarded message, or the leader's entry, may get lost without a notice, so this wait has a
   * timeout.
   */
  #waitForForwarded(request: RequestId, waiter: Waiter<Reached>): () => void {
    const { clock, forwardTimeoutMs } = this.#parts;
    const remove = this.#waiters.placeRequest(request, waiter);
    const timer = clock.startTimer(forwardTimeoutMs, () => {
      waiter.reject(
        new OutcomeUnknownError(`no answer to the forwarded proposal in ${forwardTimeoutMs} ms`),
      );
    });
    return () => {
      timer.cancel();
      remove();
    };
  }

  #requestOf(envelope: Envelope | undefined): ReturnType<ProposalWaiters<Reached>['takeRequest']> {
    const request = envelope?.request;
    if (request === undefined || request.nodeId !== this.#parts.nodeId) return undefined;
    return this.#waiters.takeRequest(request);
  }

  #give<T>(give: (node: RawNode) => T): T {
    this.#checkAcceptsProposals();
    try {
      return this.#parts.core.run(give);
    } catch (error) {
      throw this.#refusal(error);
    }
  }

  #checkAcceptsProposals(): void {
    const { leader, forwards, nodeId, checkOpen } = this.#parts;
    checkOpen();
    const hint = leader();
    if (hint === undefined || (hint.id !== nodeId && !forwards)) throw new NotLeaderError(hint);
  }

  /** Never names this node, which may not have heard yet that it does not lead any more. */
  #otherLeader(): LeaderHint | undefined {
    const hint = this.#parts.leader();
    return hint?.id === this.#parts.nodeId ? undefined : hint;
  }

  #refusal(error: unknown): unknown {
    if (!(error instanceof ProposalDroppedError)) return error;
    switch (error.reason) {
      case 'uncommitted-limit':
        return new BusyError('too much is proposed and not committed yet', error);
      case 'transferring':
        return new BusyError(
          'leadership is being transferred; propose again when a leader is known',
          error,
        );
      default:
        return new NotLeaderError(this.#otherLeader());
    }
  }
}

/**
 * Whether the entry is a membership change, and not the empty entry by which the core replaces a
 * refused one.
 */
export function isMembershipEntry({ type }: Entry): boolean {
  return type !== EntryType.Normal;
}
