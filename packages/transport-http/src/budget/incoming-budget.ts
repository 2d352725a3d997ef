/**
 * The memory that all frames under way may take together. A frame that is large reserves all of its
 * bytes when its head has come, and before any memory is allocated for it: whoever holds a
 * reservation needs nothing more to complete its frame, so frames never wait for each other in a
 * circle. Frames of at most `smallFrameBytesMax` reserve nothing, so heartbeats and votes get
 * through while the budget is used up: they are bounded by the number of connections.
 *
 * Each member has a share. All peers that the membership does not have hold one frame at a time
 * together.
 */
import type { Clock } from '@babuza/vfs';
import { TransportError } from '../errors.ts';

/** A frame of at most so many bytes of payload is taken without a reservation, from everybody. */
export const smallFrameBytesMax: number = 64 * 1024;

/** All peers that the membership does not have; no member has this id. */
const guests = 0n;

export interface BudgetParts {
  readonly clock: Clock;
  /** What all reservations take together at most, in bytes. */
  readonly bytesMax: number;
  /** The largest frame that this node must be able to take, in bytes. */
  readonly frameBytesMax: number;
  /**
   * A reservation that stands in the way of others is taken away from who has had it for so long.
   */
  readonly patienceMs: number;
  readonly isMember: (id: bigint) => boolean;
  /** How many other members the membership has. */
  readonly memberCount: () => number;
}

/** The reservation of one connection, or of one request: of one frame at a time. */
export class Claim {
  readonly #budget: IncomingBudget;
  readonly from: bigint;
  /** Called when a frame that had to wait may be read. */
  readonly onGranted: () => void;
  /** Called when the reservation is taken away: the connection is to be ended. */
  readonly onEnded: (error: TransportError) => void;
  /** The budget's own: for whom the bytes count, how many they are, and since when it is so. */
  payer: bigint = guests;
  bytes = 0;
  state: 'none' | 'waiting' | 'granted' = 'none';
  sinceMs = 0;
  /** Whether all of the frame has come: it does not depend on the peer any more. */
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

  /** The largest frame that it may ask for, in bytes. */
  get bytesMax(): number {
    return this.#budget.frameBytesMaxOf(this.from);
  }

  /**
   * Reserves the bytes of a frame. Whether it was granted at once; otherwise `onGranted` is called.
   */
  ask(bytes: number): boolean {
    return this.#budget.ask(this, bytes);
  }

  /**
   * Memory of a frame that did not arrive, for the one that was granted; see
   * `IncomingBudget.recycle`.
   */
  recycled(bytes: number): Buffer | undefined {
    return this.#budget.recycled(bytes);
  }

  /** Nothing refers to the memory any more. */
  recycle(memory: Buffer): void {
    this.#budget.recycle(memory);
  }

  /** Gives back what was reserved, or asked for. Does nothing where that is nothing. */
  release(): void {
    if (this.state !== 'none') this.#budget.release(this);
  }
}

export class IncomingBudget {
  readonly #parts: BudgetParts;
  readonly #granted = new Set<Claim>();
  /** In the order in which they have asked. */
  readonly #waiting = new Set<Claim>();
  readonly #heldBytes = new Map<bigint, number>();
  #spare: Buffer[] = [];
  #spareBytes = 0;
  #usedBytes = 0;
  #isGranting = false;

  constructor(parts: BudgetParts) {
    this.#parts = parts;
  }

  /** What is reserved at the moment, in bytes. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Reservations that wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** For whom a peer counts: a member for itself, and all others for one that no member is. */
  payerOf(id: bigint): bigint {
    return this.#parts.isMember(id) ? id : guests;
  }

  /** The largest frame that can be reserved for this peer, in bytes. */
  frameBytesMaxOf(id: bigint): number {
    return this.#shareOf(this.payerOf(id));
  }

  newClaim(from: bigint, onGranted: () => void, onEnded: (error: TransportError) => void): Claim {
    return new Claim(this, from, onGranted, onEnded);
  }

  /**
   * Keeps the memory of a frame that did not arrive. Whoever begins one frame after the other, and
   * ends none, would otherwise take memory until the next garbage collection. A quarter of the
   * budget is kept at most.
   */
  recycle(memory: Buffer): void {
    if (this.#spareBytes + memory.length > this.#parts.bytesMax / 4) return;
    this.#spare.push(memory);
    this.#spareBytes += memory.length;
  }

  /**
   * At most twice as much as is needed: a small message must not hold on to the memory of a large
   * one.
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
   * Ends the oldest frames that do not arrive while others have waited for them for too long. To be
   * called now and then.
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
      const problem = `a frame of ${claim.bytes} bytes of member ${claim.from} did not arrive within ${this.#parts.patienceMs} ms, and others wait for its memory`;
      this.release(claim);
      claim.onEnded(new TransportError('TRANSPORT_BROKEN', problem));
      return;
    }
  }

  /** `asking` learns by the return value of `ask` that it was granted. */
  #grantAll(asking?: Claim): void {
    // A frame that is granted may be complete at once, and released.
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
   * The first claim that fits. One whose peer holds its share stands in nobody's way. One that
   * needs more than is left of the whole has all others wait behind it: it would never have its
   * turn otherwise.
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
    // Guests have one frame at a time, however small.
    if (payer === guests) return held === 0;
    return held === 0 || held + bytes <= this.#shareOf(payer);
  }

  /** One part for each member, and one for all others; a frame at least. */
  #shareOf(payer: bigint): number {
    const { bytesMax, frameBytesMax, memberCount } = this.#parts;
    const evenly = Math.floor(bytesMax / (memberCount() + 1));
    return payer === guests ? frameBytesMax : Math.max(frameBytesMax, evenly);
  }
}
