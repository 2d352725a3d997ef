/**
 * Limits the rate of TLS handshakes. A handshake costs 1 to 2 ms of CPU time before the other side
 * has authenticated, so a flood of them could starve the member. Above the rate, connections wait
 * for their turn.
 *
 * Turns rotate over the remote addresses, so that a flood from one address delays the others by one
 * turn only. While connections from addresses of members wait, every second turn is theirs, so that
 * a member gets its turn soon even if a flood comes from many addresses. `Strangers` limits the
 * number of waiting connections.
 *
 * Decision: docs/decisions/0020-turns-of-handshakes.md.
 */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '@babuza/vfs';
import { remoteAddressOf } from './member-addresses.ts';

/** The most handshakes per second that may begin, in the long run. */
export const handshakesPerSecondMax = 25;
/** The most handshakes that may begin at once after a quiet time. */
export const handshakesAtOnceMax = 16;

interface Waiting {
  readonly connection: Duplex;
  readonly begin: () => void;
}

/** The waiting connections by address; the address that has the next turn is first. */
type Queue = Map<string, Waiting[]>;

export class HandshakeTurns {
  readonly #clock: Clock;
  readonly #isOfMember: (address: string) => boolean;
  readonly #ofMembers: Queue = new Map();
  readonly #ofStrangers: Queue = new Map();
  /** The number of handshakes that may begin now (a token bucket). */
  #allowance = handshakesAtOnceMax;
  #allowanceAtMs: number;
  #isTurnOfMembers = true;
  #timer: Timer | undefined;

  constructor(clock: Clock, isOfMember: (address: string) => boolean) {
    this.#clock = clock;
    this.#isOfMember = isOfMember;
    this.#allowanceAtMs = clock.monotonicMs();
  }

  /**
   * Calls `begin` when it is the turn of the connection, possibly at once. Never calls it if the
   * connection closes first.
   */
  wait(connection: Duplex, begin: () => void): void {
    this.#refill();
    if (this.#timer === undefined && this.#allowance >= 1) {
      this.#allowance -= 1;
      begin();
      return;
    }
    const address = remoteAddressOf(connection);
    const queue = this.#isOfMember(address) ? this.#ofMembers : this.#ofStrangers;
    const waiting = { connection, begin };
    const ofAddress = queue.get(address);
    if (ofAddress === undefined) queue.set(address, [waiting]);
    else ofAddress.push(waiting);
    connection.once('close', () => this.#leave(queue, address, waiting));
    this.#startTimer();
  }

  #leave(queue: Queue, address: string, waiting: Waiting): void {
    const ofAddress = queue.get(address);
    const at = ofAddress?.indexOf(waiting) ?? -1;
    if (ofAddress === undefined || at < 0) return;
    ofAddress.splice(at, 1);
    if (ofAddress.length === 0) queue.delete(address);
    if (this.#isAnyWaiting) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  get #isAnyWaiting(): boolean {
    return this.#ofMembers.size + this.#ofStrangers.size > 0;
  }

  #refill(): void {
    const nowMs = this.#clock.monotonicMs();
    const grown = ((nowMs - this.#allowanceAtMs) * handshakesPerSecondMax) / 1000;
    this.#allowance = Math.min(this.#allowance + grown, handshakesAtOnceMax);
    this.#allowanceAtMs = nowMs;
  }

  #startTimer(): void {
    if (this.#timer !== undefined) return;
    const missing = Math.max(0, 1 - this.#allowance);
    const waitMs = Math.ceil((missing * 1000) / handshakesPerSecondMax);
    this.#timer = this.#clock.startTimer(Math.max(1, waitMs), () => {
      this.#timer = undefined;
      this.#giveTurns();
    });
  }

  #giveTurns(): void {
    this.#refill();
    while (this.#allowance >= 1) {
      const next = this.#next();
      if (next === undefined) return;
      this.#allowance -= 1;
      next.begin();
    }
    if (this.#isAnyWaiting) this.#startTimer();
  }

  #next(): Waiting | undefined {
    const queues = this.#isTurnOfMembers
      ? [this.#ofMembers, this.#ofStrangers]
      : [this.#ofStrangers, this.#ofMembers];
    this.#isTurnOfMembers = !this.#isTurnOfMembers;
    for (const queue of queues) {
      const next = takeFirst(queue);
      if (next !== undefined) return next;
    }
    return undefined;
  }
}

/** Takes a connection of the first address and moves that address to the end of the queue. */
function takeFirst(queue: Queue): Waiting | undefined {
  for (const [address, waiting] of queue) {
    const first = waiting.shift();
    queue.delete(address);
    if (waiting.length > 0) queue.set(address, waiting);
    if (first !== undefined) return first;
  }
  return undefined;
}
