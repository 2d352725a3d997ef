/**
 * What a leader knows of one peer, and how it sends to it. In `Probe` it looks for the place where
 * the logs meet, one append at a time; in `Replicate` it sends ahead, as far as the window of
 * appends in flight allows; in `Snapshot` it waits for a snapshot to arrive. Invariant:
 * `match < next`.
 *
 * Source: etcd-io/raft `tracker/progress.go`; docs/raft-behaviour.md, section 6.2.
 */

import { RaftPanicError } from './errors.ts';
import type { Inflights } from './inflights.ts';

export const ProgressState = { Probe: 0, Replicate: 1, Snapshot: 2 } as const;
export type ProgressState = (typeof ProgressState)[keyof typeof ProgressState];

/** What a new progress starts with. */
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
  /** The peer's log is known to equal ours up to here. */
  match: number;
  /** The next index to send. */
  next: number;
  state: ProgressState = ProgressState.Probe;
  /** The highest commit index that was sent; lower again after a heartbeat that carried less. */
  sentCommit = 0;
  /** The index of the snapshot that is on its way; 0 when none. */
  pendingSnapshot = 0;
  /** The peer was heard from since the last check of the quorum. */
  recentActive: boolean;
  /** Nothing is sent but heartbeats, until one is answered or an append acknowledged. */
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
    // Behind a snapshot that is on its way, unless the peer has told that it is further.
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

  /** Whether nothing may be appended at the moment. */
  isPaused(): boolean {
    return this.state === ProgressState.Snapshot || this.msgAppFlowPaused;
  }

  /** Notes an append of `count` entries with payloads of `bytes`, from `next` on. */
  sentEntries(count: number, bytes: number): void {
    if (this.state === ProgressState.Replicate) {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      // Also after an empty append: it is how a full window lets one through per heartbeat
      // response.
      this.msgAppFlowPaused = this.inflights.full();
    } else if (this.state === ProgressState.Probe) {
      if (count > 0) this.msgAppFlowPaused = true;
    } else {
      throw new RaftPanicError('sending append in unhandled state StateSnapshot');
    }
  }

  /** Whether telling the peer of `commit` would let it commit entries that were sent to it. */
  canBumpCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The peer acknowledged everything up to `index`. False when that is old news. */
  update(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /**
   * The peer rejected an append that followed `rejected`; its log may match at `hint`. False when
   * the rejection is an old one, which must change nothing: appends may be reordered. What the peer
   * has acknowledged it cannot reject any more. If it does so all the same, because its log was
   * exchanged, the same append is not sent again before it answers a heartbeat; etcd's leader sends
   * it at once, and again, as fast as the network carries it.
   */
  decrease(rejected: number, hint: number): boolean {
    const isReplicating = this.state === ProgressState.Replicate;
    if (rejected <= this.match && (isReplicating || rejected > 0)) return false;
    if (isReplicating) {
      // The hint is not needed: everything up to `match` is known to be equal.
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

  /** The same progress as a voter or a learner; itself when it is that already. */
  asLearner(isLearner: boolean): Progress {
    return isLearner === this.isLearner ? this : this.#copy(isLearner, this.inflights);
  }

  /** A copy that shares nothing. */
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
