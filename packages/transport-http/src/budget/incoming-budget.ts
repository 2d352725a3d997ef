/**
 * Limits the memory that all incoming frames use together. A large frame reserves all of its bytes
 * once its head has arrived, before memory is allocated for it. So a frame with a reservation can
 * always complete, and frames cannot deadlock. Frames of at most `smallFrameBytesMax` need no
 * reservation, so heartbeats and votes still arrive when the budget is used up; the number of
 * connections limits them.
 *
 * Each member has a share of the budget. Peers outside the membership ("guests") hold one frame at
 * a time together.
 */
import type { Clock } from '@babuza/vfs';
import { TransportError } from '../errors.ts';

/** The largest payload of a frame that needs no reservation, in bytes. */
export const smallFrameBytesMax: number = 64 * 1024;

/** The id under which all peers outside the membership are counted; no member has it. */
const guests = 0n;

export interface BudgetParts {
  readonly clock: Clock;
  /** The limit for all reservations together, in bytes. */
  readonly bytesMax: number;
  /** The largest frame that this node must be able to take, in bytes. */
  readonly frameBytesMax: number;
  /**
   * The time after which an incomplete frame loses its reservation if other frames wait for the
   * memory, in ms.
   */
  readonly patienceMs: number;
  readonly isMember: (id: bigint) => boolean;
  /** The number of other members in the membership. */
  readonly memberCount: () => number;
}

/** The reservation of one connection or request, for one frame at a time. */
export class Claim {
  readonly #budget: IncomingBudget;
  readonly from: bigint;
  /** Called when a frame that had to wait gets its memory. */
  readonly onGranted: () => void;
  /** Called when the reservation is revoked; the owner must close the connection. */
  readonly onEnded: (error: TransportError) => void;
  /**
   * State of `IncomingBudget`: the id that the bytes count for, the number of bytes, the state of
   * the claim and since when it is in that state.
   */
  payer: bigint = guests;
  bytes = 0;
  state: 'none' | 'waiting' | 'granted' = 'none';
  sinceMs = 0;
  /**
   * Whether the whole frame has arrived. Its memory then no longer depends on the peer and is not
   * revoked.
   */
  isComplete = false;

  constructor(
    budget: IncomingBudget,
    from: bigint,
    onGranted: () => void,
    onEnded: (error: TransportError) => void,
  ) {
    this.#budget = budget;
    this.from = from;
    this.onGranted = onGranted;
    this.onEnded = onEnded;
  }

  /** The largest frame that this claim may reserve, in bytes. */
  get bytesMax(): number {
    return this.#budget.frameBytesMaxOf(this.from);
  }

  /**
   * Reserves the bytes of a frame. Returns true if they were granted at once; otherwise `onGranted`
   * is called later.
   */
  ask(bytes: number): boolean {
    return this.#budget.ask(this, bytes);
  }

  /**
   * Memory of an incomplete earlier frame to reuse for the granted one; see
   * `IncomingBudget.recycle`.
   */
  recycled(bytes: number): Buffer | undefined {
    return this.#budget.recycled(bytes);
  }

  /** Returns memory for reuse. Nothing may refer to it any more. */
  recycle(memory: Buffer): void {
    this.#budget.recycle(memory);
  }

  /** Releases the reservation or withdraws the request for one, if any. */
  release(): void {
    if (this.state !== 'none') this.#budget.release(this);
  }
}

export class IncomingBudget {
  readonly #parts: BudgetParts;
  readonly #granted = new Set<Claim>();
  /** The claims that wait, in the order of their requests. */
  readonly #waiting = new Set<Claim>();
  readonly #heldBytes = new Map<bigint, number>();
  #spare: Buffer[] = [];
  #spareBytes = 0;
  #usedBytes = 0;
  #isGranting = false;

  constructor(parts: BudgetParts) {
    this.#parts = parts;
  }

  /** The bytes that are reserved now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The number of claims that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * The id that a peer's bytes count for: its own if it is a member, or the common id of all
   * guests.
   */
  payerOf(id: bigint): bigint {
    return this.#parts.isMember(id) ? id : guests;
  }

  /** The largest frame that this peer can reserve, in bytes. */
  frameBytesMaxOf(id: bigint): number {
    return this.#shareOf(this.payerOf(id));
  }

  newClaim(from: bigint, onGranted: () => void, onEnded: (error: TransportError) => void): Claim {
    return new Claim(this, from, onGranted, onEnded);
  }

  /**
   * Keeps the memory of an incomplete frame for reuse. Otherwise a peer that begins many frames and
   * completes none would use memory until the next garbage collection. At most a quarter of the
   * budget is kept.
   */
  recycle(memory: Buffer): void {
    if (this.#spareBytes + memory.length > this.#parts.bytesMax / 4) return;
    this.#spare.push(memory);
    this.#spareBytes += memory.length;
  }

  /**
   * Returns kept memory of at most twice the size, so that a small message does not pin the memory
   * of a large one.
   */
  recycled(bytes: number): Buffer | undefined {
    const at = this.#spare.findIndex(({ length }) => length >= bytes && length <= 2 * bytes);
    const [memory] = at < 0 ? [] : this.#spare.splice(at, 1);
    this.#spareBytes -= memory?.length ?? 0;
    return memory?.subarray(0, bytes);
  }

  ask(claim: Claim, bytes: number): boolean {
    claim.payer = this.payerOf(claim.from);
    claim.bytes = bytes;
    claim.isComplete = false;
    claim.state = 'waiting';
    claim.sinceMs = this.#parts.clock.monotonicMs();
    this.#waiting.add(claim);
    this.#grantAll(claim);
    return this.#granted.has(claim);
  }

  release(claim: Claim): void {
    this.#waiting.delete(claim);
    if (this.#granted.delete(claim)) this.#count(claim, -claim.bytes);
    claim.state = 'none';
    claim.bytes = 0;
    this.#grantAll();
  }

  /**
   * Revokes the oldest incomplete frames if other frames have waited longer than `patienceMs` for
   * their memory. Call it several times per stall timeout.
   */
  pulse(nowMs: number): void {
    for (const claim of this.#waiting) {
      if (claim.state !== 'waiting' || nowMs - claim.sinceMs < this.#parts.patienceMs) continue;
      this.#endOneFor(claim, nowMs);
    }
  }

  #endOneFor(waiting: Claim, nowMs: number): void {
    const isOwn = !this.#fitsShare(waiting);
    for (const claim of this.#granted) {
      const isInTheWay = !claim.isComplete && (!isOwn || claim.payer === waiting.payer);
      if (!isInTheWay || nowMs - claim.sinceMs < this.#parts.patienceMs) continue;
      const problem = `a frame of ${claim.bytes} bytes from member ${claim.from} did not arrive within ${this.#parts.patienceMs} ms while other frames waited for memory`;
      this.release(claim);
      claim.onEnded(new TransportError('TRANSPORT_BROKEN', problem));
      return;
    }
  }

  /**
   * Grants all claims that fit. `asking` gets no callback, because `ask` returns whether it was
   * granted.
   */
  #grantAll(asking?: Claim): void {
    // `onGranted` can complete and release a frame, which calls this method again.
    if (this.#isGranting) return;
    this.#isGranting = true;
    try {
      for (let next = this.#next(); next !== undefined; next = this.#next()) {
        this.#grant(next);
        if (next !== asking) next.onGranted();
      }
    } finally {
      this.#isGranting = false;
    }
  }

  /**
   * The next claim to grant. A claim whose peer has used up its share is skipped. A claim that does
   * not fit into the rest of the budget blocks all later claims, because smaller ones could
   * otherwise starve it.
   */
  #next(): Claim | undefined {
    for (const claim of this.#waiting) {
      if (!this.#fitsShare(claim)) continue;
      return this.#usedBytes + claim.bytes <= this.#parts.bytesMax ? claim : undefined;
    }
    return undefined;
  }

  #grant(claim: Claim): void {
    this.#waiting.delete(claim);
    this.#granted.add(claim);
    this.#count(claim, claim.bytes);
    claim.state = 'granted';
    claim.sinceMs = this.#parts.clock.monotonicMs();
  }

  #count({ payer }: Claim, bytes: number): void {
    this.#usedBytes += bytes;
    const held = (this.#heldBytes.get(payer) ?? 0) + bytes;
    if (held === 0) this.#heldBytes.delete(payer);
    else this.#heldBytes.set(payer, held);
  }

  #fitsShare({ payer, bytes }: Claim): boolean {
    const held = this.#heldBytes.get(payer) ?? 0;
    // Guests have one frame at a time, whatever its size.
    if (payer === guests) return held === 0;
    return held === 0 || held + bytes <= this.#shareOf(payer);
  }

  /**
   * The budget is divided evenly among the members and the guests. A share is never smaller than
   * the largest frame.
   */
  #shareOf(payer: bigint): number {
    const { bytesMax, frameBytesMax, memberCount } = this.#parts;
    const evenly = Math.floor(bytesMax / (memberCount() + 1));
    return payer === guests ? frameBytesMax : Math.max(frameBytesMax, evenly);
  }
}
