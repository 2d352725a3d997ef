/**
 * The network between the members of clusters inside one process. What it does to a message is
 * drawn from one source of random numbers and happens on one clock, so that a simulated run is the
 * same whenever it is run again. A message is encoded when it is sent and decoded when it arrives,
 * as on a real wire: no object is shared.
 *
 * Nothing is delivered within `send`. Without reordering the messages of one direction keep their
 * order. What is on its way to a member that ends is lost, and its sender is told, as by a
 * connection that is reset; what a member has sent before it ends still arrives. Several clusters,
 * and groups of one cluster, may use the same addresses: none of them sees the others, and the
 * faults of an address are those of all of them, as those of a machine are.
 */
import type { Message } from '@babuza/raftpb';
import type { Clock, Random } from '@babuza/vfs';
import { Cuts } from './cuts.ts';
import { TransportError } from './errors.ts';
import { FaultRules, type Direction, type LinkFaults } from './faults.ts';
import { Link } from './link.ts';
import type { Endpoint } from './endpoint.ts';
import type { NetworkCounts, NetworkOutcome } from './network-counts.ts';

export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #random: Random;
  /** By scope (cluster and group) and address. */
  readonly #transports = new Map<string, Endpoint>();
  /** By scope and both addresses. */
  readonly #links = new Map<string, Link>();
  readonly #rules = new FaultRules();
  readonly #cuts = new Cuts();
  readonly #counts: { -readonly [Outcome in NetworkOutcome]: number } = {
    sent: 0,
    duplicated: 0,
    delivered: 0,
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

  /**
   * The faults of these directions from now on; the newest rule counts, field by field. Throws
   * `TRANSPORT_INVALID`.
   */
  setFaults(change: Partial<LinkFaults>, direction: Direction = {}): void {
    this.#rules.set(change, direction);
  }

  /** Nothing passes from one to the other any more; the opposite direction is another. */
  cut(from: string, to: string): void {
    this.#cuts.cut(from, to);
  }

  /**
   * Only within each of the groups anything passes. An address in none of them reaches nobody, one
   * in two of them reaches both. It takes the place of an earlier partition; what is cut or
   * isolated stays so.
   */
  partition(...groups: readonly (readonly string[])[]): void {
    this.#cuts.partition(groups);
  }

  /** Nothing passes to or from this address. */
  isolate(address: string): void {
    this.#cuts.isolate(address);
  }

  /** Ends all cuts, and with `faults` all other faults. */
  heal(what: { readonly faults?: boolean } = {}): void {
    this.#cuts.heal();
    if (what.faults === true) this.#rules.clear();
  }

  /** @internal A transport begins to listen. */
  register(transport: Endpoint): void {
    const name = nameOf(transport.scope, transport.address);
    const other = this.#transports.get(name);
    if (other !== undefined) {
      const problem = `member ${transport.nodeId} cannot listen at ${transport.address}: member ${other.nodeId} does`;
      throw new TransportError('TRANSPORT_INVALID', problem);
    }
    this.#transports.set(name, transport);
  }

  /** @internal It listens no more; what is on its way to it is lost. */
  unregister(transport: Endpoint): void {
    const { scope, address } = transport;
    if (this.#transports.get(nameOf(scope, address)) !== transport) return;
    this.#transports.delete(nameOf(scope, address));
    const end = nameOf(scope, address);
    for (const [name, link] of this.#links) if (name.startsWith(end)) link.drop();
  }

  /** @internal What happens to a message is counted here. */
  count(outcome: NetworkOutcome): void {
    this.#counts[outcome] += 1;
  }

  /** @internal Who of this scope listens at the address. */
  listener(scope: string, address: string): Endpoint | undefined {
    return this.#transports.get(nameOf(scope, address));
  }

  /** @internal */
  isCut(from: string, to: string): boolean {
    return this.#cuts.isCut(from, to);
  }

  /** @internal */
  faultsOf(from: string, to: string): LinkFaults {
    return this.#rules.of(from, to);
  }

  /** @internal */
  link(scope: string, from: string, to: string): Link {
    const name = nameOf(scope, to) + from;
    let link = this.#links.get(name);
    if (link === undefined) {
      link = new Link(from, to, { clock: this.#clock, random: this.#random, network: this });
      this.#links.set(name, link);
    }
    return link;
  }

  /** @internal Sends one message; who cannot be reached is told later, never within the call. */
  send(sender: Endpoint, address: string | undefined, message: Message): void {
    this.count('sent');
    const target = address === undefined ? undefined : this.listener(sender.scope, address);
    let isOnItsWay = false;
    if (address === undefined || target === undefined) this.count('unreachable');
    else if (this.isCut(sender.address, address)) this.count('cut');
    else if (!sender.isConnectedTo(target, message)) this.count('refused');
    else {
      const link = this.link(sender.scope, sender.address, address);
      isOnItsWay = link.carry(sender, target, message);
    }
    if (!isOnItsWay) sender.tellUnreachable(message.to);
  }
}

/** No two pairs have the same name, and none begins with that of another. */
const nameOf = (scope: string, address: string): string => `${scope} ${address.length} ${address} `;
