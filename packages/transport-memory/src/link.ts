/** One direction between two members: the messages that are under way, and when they arrive. */
import { decodeMessage, encodeMessage, type Message } from '@babuza/raftpb';
import type { Clock, Random, Timer } from '@babuza/vfs';
import type { Endpoint } from './endpoint.ts';
import type { LinkFaults } from './faults.ts';
import type { NetworkOutcome } from './network-counts.ts';

/** The state of the network that a link depends on, and its counters. */
export interface LinkNetwork {
  isCut(from: string, to: string): boolean;
  faultsOf(from: string, to: string): LinkFaults;
  count(outcome: NetworkOutcome): void;
}

export interface LinkWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: LinkNetwork;
}

/** The most messages that are under way to a peer; more are dropped. */
const queuedMax = 256;

interface Carried {
  readonly sender: Endpoint;
  readonly target: Endpoint;
  /** The member that the message is for. */
  readonly to: bigint;
  readonly bytes: Uint8Array;
}

export class Link {
  readonly from: string;
  readonly to: string;
  readonly #world: LinkWorld;
  /** Messages that keep their order, in the order of their sending. The first one arrives next. */
  readonly #inOrder: Carried[] = [];
  /** Messages that may overtake others. */
  readonly #alone = new Set<Carried>();
  /** One timer for each message under way. */
  readonly #timers = new Set<Timer>();
  /** No message that keeps the order arrives before this time. */
  #orderedMs = 0;

  constructor(from: string, to: string, world: LinkWorld) {
    this.from = from;
    this.to = to;
    this.#world = world;
  }

  /**
   * Returns false when too many messages are under way. A message that gets lost counts as sent.
   */
  carry(sender: Endpoint, target: Endpoint, message: Message): boolean {
    const { network } = this.#world;
    const { loss, duplication } = this.#faults;
    if (this.#isFull) {
      network.count('overflowed');
      return false;
    }
    if (this.#happens(loss)) {
      network.count('lost');
      return true;
    }
    const carried = { sender, target, to: message.to, bytes: encodeMessage(message) };
    this.#carryOne(carried);
    if (this.#happens(duplication) && !this.#isFull) {
      network.count('duplicated');
      // A decoded message shares the memory of its bytes, so each copy has its own.
      this.#carryOne({ ...carried, bytes: carried.bytes.slice() });
    }
    return true;
  }

  /** The receiver has closed: messages under way do not arrive, and their senders are told. */
  drop(): void {
    const dropped = [...this.#inOrder, ...this.#alone];
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#inOrder.length = 0;
    this.#alone.clear();
    for (const carried of dropped) this.#notTaken(carried, 'unreachable');
  }

  /** Decides at random whether something gets lost now. */
  loses(): boolean {
    return this.#happens(this.#faults.loss);
  }

  drawDelayMs(): number {
    const [min, max] = this.#faults.delayMs;
    return max === min ? min : min + ((max - min) * this.#world.random.uint32()) / 2 ** 32;
  }

  get #faults(): LinkFaults {
    return this.#world.network.faultsOf(this.from, this.to);
  }

  get #isFull(): boolean {
    return this.#timers.size >= queuedMax;
  }

  #happens(share: number): boolean {
    // Draws no random number for a fault that is off, so that switching one off does not change the
    // others.
    return share > 0 && this.#world.random.uint32() < share * 2 ** 32;
  }

  #carryOne(carried: Carried): void {
    const delayMs = this.drawDelayMs();
    if (this.#faults.reordering) {
      this.#alone.add(carried);
      this.#later(delayMs, () => {
        this.#alone.delete(carried);
        this.#arrive(carried);
      });
      return;
    }
    const nowMs = this.#world.clock.monotonicMs();
    this.#orderedMs = Math.max(this.#orderedMs, nowMs + delayMs);
    this.#inOrder.push(carried);
    this.#later(this.#orderedMs - nowMs, () => {
      const first = this.#inOrder.shift();
      if (first !== undefined) this.#arrive(first);
    });
  }

  #later(delayMs: number, arrive: () => void): void {
    const timer = this.#world.clock.startTimer(delayMs, () => {
      this.#timers.delete(timer);
      arrive();
    });
    this.#timers.add(timer);
  }

  #arrive(carried: Carried): void {
    const { network } = this.#world;
    const { sender, target, bytes } = carried;
    if (network.isCut(this.from, this.to)) {
      network.count('cut');
      return;
    }
    const message = decodeMessage(bytes);
    if (!target.takesFrom(sender, message)) {
      this.#notTaken(carried, 'refused');
      return;
    }
    // Counts first, because the receiver may read the counts.
    network.count('delivered');
    target.deliver(message);
  }

  #notTaken({ sender, to }: Carried, outcome: 'unreachable' | 'refused'): void {
    this.#world.network.count(outcome);
    sender.tellUnreachable(to);
  }
}
