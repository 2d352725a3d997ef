/**
 * Bounds what handshakes of TLS cost. One takes 1 to 2 ms of the processor before the other side
 * has shown anything, so a flood of them would leave a member no time for its work. Above a rate
 * the connections wait for their turn.
 *
 * The turns go round the addresses, so that a flood from one of them delays the others by one turn.
 * Every second turn belongs to addresses of members, as long as one of them waits. So a member is
 * heard at once however many addresses a flood comes from. How many connections may wait is bounded
 * by `Strangers`.
 *
 * Decision: docs/decisions/0020-turns-of-handshakes.md.
 */
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '@babuza/vfs';
import { remoteAddressOf } from './member-addresses.ts';

/** Handshakes a second that begin at most, in the long run. */
export const handshakesPerSecondMax = 25;
/** Handshakes that begin at once after a quiet time. */
export const handshakesAtOnceMax = 16;

interface Waiting {
  readonly connection: Duplex;
  readonly begin: () => void;
}

/** By address; the address whose turn is next comes first. */
type Queue = Map<string, Waiting[]>;

export class HandshakeTurns {
  readonly #clock: Clock;
  readonly #isOfMember: (address: string) => boolean;
  readonly #ofMembers: Queue = new Map();
  readonly #ofStrangers: Queue = new Map();
  /** Handshakes that may begin now. */
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
   * Calls `begin` when the connection has its turn, which may be at once; never if it closes
   * before.
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

/** The address whose turn this is comes last in the next round. */
function takeFirst(queue: Queue): Waiting | undefined {
  for (const [address, waiting] of queue) {
    const first = waiting.shift();
    queue.delete(address);
    if (waiting.length > 0) queue.set(address, waiting);
    if (first !== undefined) return first;
  }
  return undefined;
}
