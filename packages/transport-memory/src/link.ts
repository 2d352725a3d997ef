/** One direction between two addresses: what is on its way, and when it arrives. */
import { decodeMessage, encodeMessage, type Message } from '@babuza/raftpb';
import type { Clock, Random } from '@babuza/vfs';
import type { LinkFaults } from './faults.ts';
import type { MemoryNetwork } from './memory-network.ts';
import type { MemoryTransport } from './memory-transport.ts';

export interface LinkWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: MemoryNetwork;
}

/** Messages that are on their way to a peer; more are dropped. */
const queuedMax = 256;

interface Carried {
  readonly sender: MemoryTransport;
  readonly target: MemoryTransport;
  readonly bytes: Uint8Array;
}

export class Link {
  readonly from: string;
  readonly to: string;
  faults: LinkFaults;
  readonly #world: LinkWorld;
  /** In the order of their sending; of these the first arrives next. */
  readonly #inOrder: Carried[] = [];
  /** No message that keeps the order arrives before this. */
  #orderedMs = 0;
  #carried = 0;

  constructor(from: string, to: string, world: LinkWorld, faults: LinkFaults) {
    this.from = from;
    this.to = to;
    this.#world = world;
    this.faults = faults;
  }

  /** False where too many are on their way; a message that gets lost counts as taken. */
  carry(sender: MemoryTransport, target: MemoryTransport, message: Message): boolean {
    const { network } = this.#world;
    if (this.#carried >= queuedMax) {
      network.count('overflowed');
      return false;
    }
    if (this.happens(this.faults.loss)) {
      network.count('lost');
      return true;
    }
    const carried = { sender, target, bytes: encodeMessage(message) };
    if (this.faults.reordering) this.#carryAlone(carried);
    else this.#carryInOrder(carried);
    if (this.happens(this.faults.duplication)) {
      network.count('duplicated');
      this.#carryAlone(carried);
    }
    return true;
  }

  /** Whether something of this share happens now. */
  happens(share: number): boolean {
    // Nothing is drawn for what never happens: a fault that is off does not change the others.
    return share > 0 && this.#world.random.uint32() < share * 2 ** 32;
  }

  drawDelayMs(): number {
    const [min, max] = this.faults.delayMs;
    return max === min ? min : min + ((max - min) * this.#world.random.uint32()) / 2 ** 32;
  }

  #carryInOrder(carried: Carried): void {
    const { clock } = this.#world;
    const nowMs = clock.monotonicMs();
    this.#orderedMs = Math.max(this.#orderedMs, nowMs + this.drawDelayMs());
    this.#inOrder.push(carried);
    this.#carried += 1;
    clock.startTimer(this.#orderedMs - nowMs, () => {
      const first = this.#inOrder.shift();
      if (first !== undefined) this.#arrive(first);
    });
  }

  #carryAlone(carried: Carried): void {
    this.#carried += 1;
    this.#world.clock.startTimer(this.drawDelayMs(), () => this.#arrive(carried));
  }

  #arrive({ sender, target, bytes }: Carried): void {
    const { network } = this.#world;
    this.#carried -= 1;
    if (network.isCut(this.from, this.to)) network.count('cut');
    else network.count(target.deliver(sender, decodeMessage(bytes)));
  }
}
