/**
 * The progress of replication to one member, as the leader knows it. In state `Probe`, the leader
 * searches for the last entry that both logs share, with one append at a time. In `Replicate`, it
 * sends appends ahead of the acknowledgments, as far as the window allows. In `Snapshot`, it waits
 * for the member to receive a snapshot. Invariant: `match < next`.
 *
 * Source: etcd-io/raft `tracker/progress.go`; docs/raft-behaviour.md, section 6.2.
 */

import { RaftPanicError } from '../errors.ts';
import type { Inflights } from './inflights.ts';

export const ProgressState = { Probe: 0, Replicate: 1, Snapshot: 2 } as const;
export type ProgressState = (typeof ProgressState)[keyof typeof ProgressState];

/** The initial values of a progress. */
export interface ProgressInit {
  readonly id: bigint;
  readonly next: number;
  readonly inflights: Inflights;
  readonly match?: number;
  readonly isLearner?: boolean;
  readonly recentActive?: boolean;
}

export class Progress {
  readonly id: bigint;
  /** The highest index up to which the member's log is known to match the leader's. */
  match: number;
  /** The next index to send. */
  next: number;
  state: ProgressState = ProgressState.Probe;
  /** The commit index in the last append or heartbeat to the member. */
  sentCommit = 0;
  /** The index of the snapshot that is being sent; 0 when there is none. */
  pendingSnapshot = 0;
  /** The member has sent a message since the last quorum check. */
  recentActive: boolean;
  /** Only heartbeats are sent, until one is answered or an append is acknowledged. */
  msgAppFlowPaused = false;
  readonly inflights: Inflights;
  readonly isLearner: boolean;

  constructor(init: ProgressInit) {
    this.id = init.id;
    this.match = init.match ?? 0;
    this.next = init.next;
    this.inflights = init.inflights;
    this.isLearner = init.isLearner ?? false;
    this.recentActive = init.recentActive ?? false;
  }

  becomeProbe(): void {
    // After a snapshot, the next entry follows it, unless the member has acknowledged more.
    const next =
      this.state === ProgressState.Snapshot
        ? Math.max(this.match + 1, this.pendingSnapshot + 1)
        : this.match + 1;
    this.#resetTo(ProgressState.Probe);
    this.next = next;
    this.sentCommit = Math.min(this.sentCommit, next - 1);
  }

  becomeReplicate(): void {
    this.#resetTo(ProgressState.Replicate);
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#resetTo(ProgressState.Snapshot);
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** Whether no append may be sent at the moment. */
  isPaused(): boolean {
    return this.state === ProgressState.Snapshot || this.msgAppFlowPaused;
  }

  /**
   * Records that an append of `count` entries, of `bytes` payload bytes, was sent from `next` on.
   */
  sentEntries(count: number, bytes: number): void {
    if (this.state === ProgressState.Replicate) {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      // An empty append pauses as well, so that a full window lets only one through per heartbeat
      // response.
      this.msgAppFlowPaused = this.inflights.full();
    } else if (this.state === ProgressState.Probe) {
      if (count > 0) this.msgAppFlowPaused = true;
    } else {
      throw new RaftPanicError('sending append in unhandled state StateSnapshot');
    }
  }

  /** Whether the member could commit more of the entries sent to it if it knew `commit`. */
  canBumpCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** Records an acknowledgment of all entries up to `index`. Returns false for an old one. */
  update(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /**
   * Records that the member has rejected an append whose previous entry was at `rejected`; its log
   * may match at `hint`. Returns false for an old rejection, which changes nothing, because
   * messages may be reordered.
   *
   * A member cannot reject an index that it has acknowledged. If it does, because its log was
   * replaced, the append is not sent again before the member answers a heartbeat. etcd's leader
   * sends the same append again at once, as fast as the network carries it.
   */
  decrease(rejected: number, hint: number): boolean {
    const isReplicating = this.state === ProgressState.Replicate;
    if (rejected <= this.match && (isReplicating || rejected > 0)) return false;
    if (isReplicating) {
      // No hint is needed, because the logs are known to match up to `match`.
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    if (rejected !== this.next - 1) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /** Returns this progress with the given kind of member, or itself when nothing changes. */
  asLearner(isLearner: boolean): Progress {
    return isLearner === this.isLearner ? this : this.#copy(isLearner, this.inflights);
  }

  /** Returns a copy that shares nothing with this progress. */
  clone(): Progress {
    return this.#copy(this.isLearner, this.inflights.clone());
  }

  #copy(isLearner: boolean, inflights: Inflights): Progress {
    const { id, match, next, recentActive } = this;
    const copy = new Progress({ id, match, next, recentActive, inflights, isLearner });
    copy.state = this.state;
    copy.sentCommit = this.sentCommit;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.msgAppFlowPaused = this.msgAppFlowPaused;
    return copy;
  }

  #resetTo(state: ProgressState): void {
    this.state = state;
    this.msgAppFlowPaused = false;
    this.pendingSnapshot = 0;
    this.inflights.reset();
  }
}
