/**
 * The network between the members of a cluster inside one process. What it does to a message is drawn from one source of
 * random numbers and happens on one clock, so that a simulated run is the same whenever it is run again. A message is
 * encoded when it is sent and decoded when it arrives, as on a real wire: no object is shared.
 *
 * Nothing is delivered within `send`. Without reordering the messages of one direction keep their order. What is on its way
 * to a member that ends is lost; what a member has sent before it ends still arrives.
 */
import type { Message } from '@babuza/raftpb';
import type { Clock, Random } from '@babuza/vfs';
import { TransportError } from './errors.ts';
import { changedFaults, noFaults, type LinkFaults } from './faults.ts';
import { Link } from './link.ts';
import type { MemoryTransport } from './memory-transport.ts';

/** What became of the messages so far. */
export interface NetworkCounts {
  readonly sent: number;
  readonly delivered: number;
  readonly duplicated: number;
  /** By chance, as `loss` says. */
  readonly lost: number;
  /** Where the direction was cut. */
  readonly cut: number;
  /** The queue to the peer was full. */
  readonly overflowed: number;
  /** The peer has no address, or nobody was there. */
  readonly unreachable: number;
  /** The receiver takes nothing from the sender: another cluster, a removed member. */
  readonly refused: number;
}

export type NetworkOutcome = keyof NetworkCounts;

/** One direction, or all that match: absent means every address. */
export interface Direction {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #transports = new Map<string, MemoryTransport>();
  readonly #links = new Map<string, Link>();
  readonly #rules: { readonly direction: Direction; readonly change: Partial<LinkFaults> }[] = [];
  readonly #cuts = new Set<string>();
  readonly #counts: { -readonly [Outcome in NetworkOutcome]: number } = {
    sent: 0,
    delivered: 0,
    duplicated: 0,
    lost: 0,
    cut: 0,
    overflowed: 0,
    unreachable: 0,
    refused: 0,
  };

  constructor(world: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = world.clock;
    this.#random = world.random;
  }

  get counts(): NetworkCounts {
    return { ...this.#counts };
  }

  /** The faults of these directions from now on; the newest rule counts, field by field. Throws `TRANSPORT_INVALID`. */
  setFaults(change: Partial<LinkFaults>, direction: Direction = {}): void {
    changedFaults(noFaults, change);
    this.#rules.push({ direction, change });
    for (const link of this.#links.values()) link.faults = this.#faultsOf(link.from, link.to);
  }

  /** Nothing passes from one to the other any more; the opposite direction is another. */
  cut(from: string, to: string): void {
    this.#cuts.add(nameOf(from, to));
  }

  /** Only within each of the groups anything passes. An address in none of them reaches nobody. */
  partition(...groups: readonly (readonly string[])[]): void {
    this.#cuts.clear();
    const all = new Set([...this.#transports.keys(), ...groups.flat()]);
    for (const from of all) {
      const group = groups.find((addresses) => addresses.includes(from)) ?? [];
      for (const to of all) if (to !== from && !group.includes(to)) this.cut(from, to);
    }
  }

  /** Nothing passes to or from this address. */
  isolate(address: string): void {
    for (const other of this.#transports.keys()) {
      if (other === address) continue;
      this.cut(address, other);
      this.cut(other, address);
    }
  }

  /** Ends all cuts, and with `faults` all other faults. */
  heal(what: { readonly faults?: boolean } = {}): void {
    this.#cuts.clear();
    if (what.faults !== true) return;
    this.#rules.length = 0;
    for (const link of this.#links.values()) link.faults = noFaults;
  }

  /** @internal A transport begins to listen. */
  register(transport: MemoryTransport): void {
    const { address } = transport;
    if (this.#transports.has(address)) {
      const problem = `the address ${address} is in use in this network`;
      throw new TransportError('TRANSPORT_INVALID', problem);
    }
    this.#transports.set(address, transport);
  }

  /** @internal */
  unregister(transport: MemoryTransport): void {
    if (this.#transports.get(transport.address) === transport) {
      this.#transports.delete(transport.address);
    }
  }

  /** @internal What happens to a message is counted here. */
  count(outcome: NetworkOutcome): void {
    this.#counts[outcome] += 1;
  }

  /** @internal Who listens at the address, unless the way there is cut or closed. */
  reach(from: string, to: string): MemoryTransport | undefined {
    return this.isCut(from, to) ? undefined : this.#transports.get(to);
  }

  /** @internal */
  isCut(from: string, to: string): boolean {
    return this.#cuts.has(nameOf(from, to));
  }

  /** @internal */
  link(from: string, to: string): Link {
    const name = nameOf(from, to);
    let link = this.#links.get(name);
    if (link === undefined) {
      const world = { clock: this.#clock, random: this.#random, network: this };
      link = new Link(from, to, world, this.#faultsOf(from, to));
      this.#links.set(name, link);
    }
    return link;
  }

  /** @internal Sends one message; who cannot be reached is told later, never within the call. */
  send(sender: MemoryTransport, address: string | undefined, message: Message): void {
    this.count('sent');
    const target = address === undefined ? undefined : this.#transports.get(address);
    if (address === undefined || target === undefined || this.isCut(sender.address, address)) {
      this.count(target === undefined ? 'unreachable' : 'cut');
      this.#clock.startTimer(0, () => sender.peerUnreachable(message.to));
      return;
    }
    const taken = this.link(sender.address, address).carry(sender, target, message);
    if (!taken) this.#clock.startTimer(0, () => sender.peerUnreachable(message.to));
  }

  #faultsOf(from: string, to: string): LinkFaults {
    let faults = noFaults;
    for (const { direction, change } of this.#rules) {
      const matches = (direction.from ?? from) === from && (direction.to ?? to) === to;
      if (matches) faults = changedFaults(faults, change);
    }
    return faults;
  }
}

const nameOf = (from: string, to: string): string => `${from.length} ${from} ${to}`;
