/**
 * The window of appends that were sent to one member and not yet acknowledged. Its limits are the
 * number of appends and their payload bytes; the append that exceeds the limit on bytes is still
 * allowed. It is a ring of pairs (last index, bytes). The ring grows as it is used, because the
 * limit may be high while most windows stay nearly empty.
 *
 * Source: etcd-io/raft `tracker/inflights.go`; docs/raft-behaviour.md, section 7.1.
 */

import { RaftPanicError } from '../errors.ts';

/** The number of appends in the first ring, which suffices for a member that keeps up. */
const firstRingLength = 16;

export class Inflights {
  readonly #countMax: number;
  readonly #bytesMax: number;
  /** The pairs: last index at `2 * slot`, bytes after it. The length is a power of two. */
  #ring: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  /** `bytesMax` may be `Infinity`, which is no limit. */
  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  /** The number of appends in flight. */
  get count(): number {
    return this.#count;
  }

  /** The payload bytes in flight. */
  get bytes(): number {
    return this.#bytes;
  }

  full(): boolean {
    return this.#count >= this.#countMax || this.#bytes >= this.#bytesMax;
  }

  /**
   * Adds an append with entries up to `lastIndex`, which is not below that of the previous append.
   *
   * @throws RaftPanicError (`RAFT_CORE_PANIC`) when the window is full.
   */
  add(lastIndex: number, bytes: number): void {
    if (this.full()) throw new RaftPanicError('cannot add into a Full inflights');
    if (this.#count * 2 === this.#ring.length) this.#grow();
    const slot = (this.#start + this.#count) & (this.#ring.length / 2 - 1);
    this.#ring[2 * slot] = lastIndex;
    this.#ring[2 * slot + 1] = bytes;
    this.#count += 1;
    this.#bytes += bytes;
  }

  /** Removes all appends whose last index is at most `index`. */
  freeUpTo(index: number): void {
    const mask = this.#ring.length / 2 - 1;
    while (this.#count > 0 && (this.#ring[2 * this.#start] ?? 0) <= index) {
      this.#bytes -= this.#ring[2 * this.#start + 1] ?? 0;
      this.#start = (this.#start + 1) & mask;
      this.#count -= 1;
    }
    if (this.#count === 0) this.#start = 0;
  }

  reset(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  /** Returns a copy that shares nothing with this window. */
  clone(): Inflights {
    const copy = new Inflights(this.#countMax, this.#bytesMax);
    copy.#ring = this.#ring.slice();
    copy.#start = this.#start;
    copy.#count = this.#count;
    copy.#bytes = this.#bytes;
    return copy;
  }

  #grow(): void {
    const old = this.#ring;
    const used = 2 * this.#start;
    const grown = Array.from<number>({
      length: Math.max(2 * firstRingLength, 2 * old.length),
    }).fill(0);
    for (let at = 0; at < old.length; at += 1) {
      grown[at] = old[(used + at) % old.length] ?? 0;
    }
    this.#ring = grown;
    this.#start = 0;
  }
}
