/**
 * The identity parts of a running node and their wiring: which part is called when the identity
 * changes.
 */
import type { CoreDriver } from '../driver/core-driver.ts';
import type { RawNode } from '@babuza/raft-core';
import { MessageType, type Message } from '@babuza/raftpb';
import type { Clock } from '@babuza/vfs';
import type { Storage } from '@babuza/wal-core/storage';
import { RaftError } from '../errors.ts';
import type { RaftEvent } from '../events.ts';
import type { MembershipOperation } from '../membership/membership.ts';
import type { RaftComponent } from '../ports/component.ts';
import type { Logger } from '../ports/logger.ts';
import type { MemberClock } from '../apply/member-clock.ts';
import { identityInNodePart, type ReplicatedState } from '../apply/replicated-state.ts';
import type { ClusterIdentity } from './cluster-identity.ts';
import { FixIdentity } from './fix-identity.ts';
import { IdentityGate } from './identity-gate.ts';
import { mergedIdentity, type IdentityKeeper } from './identity-keeper.ts';
import type { IdentityEntry } from './identity-entries.ts';
import { MemberAdmission } from './member-admission.ts';
import type { SnapshotOwnership } from './snapshot-owner.ts';

export interface NodeIdentityParts {
  readonly nodeId: bigint;
  readonly keeper: IdentityKeeper;
  readonly ownership: SnapshotOwnership;
  readonly state: ReplicatedState;
  readonly storage: Storage;
  readonly component: RaftComponent;
  readonly logger: Logger | undefined;
  readonly node: RawNode;
  readonly forwardsProposals: boolean;
  readonly tell: (event: RaftEvent) => void;
  readonly leaderId: () => bigint | undefined;
  readonly isLeader: () => boolean;
  readonly core: Pick<CoreDriver, 'tryRun'>;
  /** The clock for the timestamps of entries; it is told the clocks of the others. */
  readonly memberClock: MemberClock;
}

/** How often a leader stores what the others have acknowledged, in ms. */
const keepAcknowledgedMs = 30_000;

export class NodeIdentity {
  readonly gate: IdentityGate;
  readonly admission: MemberAdmission;
  readonly #parts: NodeIdentityParts;
  readonly #clock: Clock;
  readonly #fix: FixIdentity;
  /** The commit index of the log when the node started. */
  readonly #firstCommit: number;
  #keptMs: number;

  constructor(parts: NodeIdentityParts) {
    this.#parts = parts;
    const { keeper, state, storage, logger, tell, nodeId, node, isLeader, core } = parts;
    const { clock, random } = parts.component;
    this.#clock = clock;
    this.#keptMs = clock.monotonicMs();
    const { commit } = storage.initialState().hardState;
    this.#firstCommit = Math.min(commit, storage.lastIndex());
    this.gate = new IdentityGate(
      () => this.#mustWait(),
      () => this.#fix.birth(),
    );
    this.admission = new MemberAdmission({
      nodeId,
      keeper,
      state,
      storage,
      clock,
      logger,
      tell,
      commitIndex: () => this.#committedInLog(),
      matchIndex: (id) => (isLeader() ? (node.status().progress.get(id)?.match ?? 0) : 0),
      onAdmitted: () => this.#fix.bind(),
      onClock: (id, wallMs) => parts.memberClock.heard(id, wallMs),
    });
    const unbound = (): Map<bigint, string> => this.admission.unbound();
    const toldBirth = (): string | undefined => keeper.cluster.birth;
    this.#fix = new FixIdentity({
      state,
      clock: parts.memberClock,
      random,
      isLeader,
      unbound,
      toldBirth,
      core,
    });
  }

  /** The identity of the cluster, as far as this node knows it. */
  get cluster(): ClusterIdentity {
    return this.#parts.keeper.cluster;
  }

  /**
   * A message of a leader tells a member that does not know its cluster which one it belongs to.
   */
  heard({ type, from }: Message): void {
    if (this.#parts.keeper.isSettled) return;
    const isFromLeader =
      type === MessageType.App || type === MessageType.Heartbeat || type === MessageType.Snap;
    if (isFromLeader) this.admission.heardLeader(from);
  }

  /** Called when this node has begun to lead. */
  leads(): void {
    this.#fix.leads();
  }

  leaderChanged(): void {
    this.gate.changed();
  }

  /**
   * Called when an entry about identities was applied. @throws RaftError when the node cannot go on
   */
  applied(entry: IdentityEntry): void {
    const { keeper, state } = this.#parts;
    keeper.learned(state.identity, entry.renewed !== undefined);
    this.admission.identityChanged();
    this.#checkOwnLog();
    this.gate.changed();
    this.#fix.bind();
  }

  /** Called when a snapshot was installed. @throws RaftError when the node cannot go on */
  installed(): void {
    const { keeper, state } = this.#parts;
    keeper.learned(state.identity);
    this.admission.identityChanged();
    this.#checkOwnLog();
    this.gate.changed();
  }

  membershipChanged(operations: readonly MembershipOperation[]): void {
    for (const { op, id } of operations) if (op === 'remove') this.admission.removed(id);
    this.#fix.bind();
  }

  /** Called when an entry was applied. */
  progressed(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#keptMs < keepAcknowledgedMs) return;
    this.#keptMs = nowMs;
    this.#keepIndexes();
  }

  /**
   * @throws RaftError (`RAFT_OTHER_CLUSTER`) when the node's part of a snapshot is of another
   * cluster
   */
  checkSnapshot(nodePart: Uint8Array): void {
    mergedIdentity(this.#parts.keeper.cluster, identityInNodePart(nodePart), false);
  }

  /** Writes both records a last time, before the log and the snapshots are closed. */
  async stop(): Promise<void> {
    const { keeper, ownership } = this.#parts;
    this.#keepIndexes();
    this.admission.stop();
    await keeper.stop();
    await ownership.committed(this.#committedInLog());
  }

  /** Stores how far this log and those of the others are, for the next start. */
  #keepIndexes(): void {
    const { keeper, isLeader } = this.#parts;
    keeper.committed(this.#committedInLog());
    if (isLeader()) this.admission.keepAcknowledged();
  }

  /**
   * The index up to which the log on disk has the committed entries. The commit index of the core
   * can be ahead of it: while an uncommitted tail is being replaced, the log still has the old
   * entries.
   */
  #committedInLog(): number {
    return Math.max(this.#firstCommit, this.#parts.state.appliedIndex);
  }

  #mustWait(): boolean {
    const { state, leaderId, nodeId, forwardsProposals } = this.#parts;
    if (state.identity.birth !== undefined) return false;
    const leader = leaderId();
    return leader === nodeId || (leader !== undefined && forwardsProposals);
  }

  #checkOwnLog(): void {
    const { nodeId, state, keeper } = this.#parts;
    const bound = state.membership.logIds.get(nodeId);
    if (bound === undefined || bound === keeper.logId) return;
    throw new RaftError(
      'RAFT_OTHER_LOG',
      `member ${nodeId} of this cluster has the log ${bound}, and the log here is ${keeper.logId}: it has forgotten the votes and the entries of the other one. Put back the directory of the member, or remove its id from the cluster and add it under a new one with an empty directory`,
    );
  }
}
