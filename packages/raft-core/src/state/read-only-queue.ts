/**
 * The queue of reads that wait until a quorum has confirmed the leader. Each heartbeat carries the
 * position of the newest read in the queue, and an answer to it confirms all reads up to that
 * position. Positions count from 1 since the last change of role. Answers to heartbeats of an
 * earlier term never reach the queue.
 *
 * Source: etcd-io/raft `read_only.go`; docs/raft-behaviour.md, section 14.2.
 */

import type { Message } from '@babuza/raftpb';

/** A read, and the commit index when it arrived. */
export interface PendingRead {
  readonly request: Message;
  readonly index: number;
}

const positionBytes = 8;
const twoToThe32 = 2 ** 32;

export class ReadOnlyQueue {
  readonly #queue: PendingRead[] = [];
  /** The highest position that each member has confirmed. */
  readonly #acknowledged: Map<bigint, number> = new Map();
  #confirmed = 0;

  /** The number of reads that wait. */
  get length(): number {
    return this.#queue.length;
  }

  /** The position of the newest read. */
  get newest(): number {
    return this.#confirmed + this.#queue.length;
  }

  add(request: Message, index: number): void {
    this.#queue.push({ request, index });
  }

  /** The number of reads of this member that wait. */
  countOf(id: bigint): number {
    let count = 0;
    for (const { request } of this.#queue) if (request.from === id) count += 1;
    return count;
  }

  /** The context for heartbeats while reads wait: the newest position, 8 bytes, little-endian. */
  heartbeatContext(): Uint8Array | undefined {
    if (this.#queue.length === 0) return undefined;
    const context = new Uint8Array(positionBytes);
    const view = new DataView(context.buffer);
    view.setUint32(0, this.newest % twoToThe32, true);
    view.setUint32(4, Math.floor(this.newest / twoToThe32), true);
    return context;
  }

  /** The position in the answer to a heartbeat; 0 when no heartbeat has carried it. */
  positionOf(context: Uint8Array): number {
    if (context.length !== positionBytes) return 0;
    const view = new DataView(context.buffer, context.byteOffset, positionBytes);
    const position = view.getUint32(4, true) * twoToThe32 + view.getUint32(0, true);
    return position <= this.newest ? position : 0;
  }

  acknowledge(id: bigint, position: number): void {
    this.#acknowledged.set(id, Math.max(position, this.#acknowledged.get(id) ?? 0));
  }

  /**
   * Removes and returns, in order, the reads that a quorum has confirmed. `quorumOf` returns the
   * position that a quorum has reached.
   */
  takeConfirmed(quorumOf: (positions: ReadonlyMap<bigint, number>) => number): PendingRead[] {
    const reached = Math.min(quorumOf(this.#acknowledged), this.newest);
    if (reached <= this.#confirmed) return [];
    const released = this.#queue.splice(0, reached - this.#confirmed);
    this.#confirmed = reached;
    return released;
  }
}
