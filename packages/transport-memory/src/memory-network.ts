/**
 * The network between the members of clusters inside one process. All faults are drawn from one
 * source of random numbers and happen on one clock, so that a simulated run can be repeated
 * exactly. A message is encoded when it is sent and decoded when it arrives, as on a real network:
 * members share no object.
 *
 * Nothing is delivered within `send`. Without reordering the messages of one direction keep their
 * order. Messages under way to a member that closes are lost, and their senders are told, as by a
 * connection that is reset. Messages that a member has sent before it closes still arrive. Several
 * clusters, and groups of one cluster, may use the same addresses: they do not see each other, but
 * share the faults of an address, as on one machine.
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
   * Sets the faults of these directions from now on. The newest rule counts, for each field by
   * itself. Throws `TRANSPORT_INVALID`.
   */
  setFaults(change: Partial<LinkFaults>, direction: Direction = {}): void {
    this.#rules.set(change, direction);
  }

  /**
   * Cuts one direction: nothing is delivered from one to the other any more. The opposite direction
   * is not changed.
   */
  cut(from: string, to: string): void {
    this.#cuts.cut(from, to);
  }

  /**
   * Delivers only within each of these groups. An address in none of them reaches no other, and one
   * in two of them reaches both. It replaces an earlier partition; cut directions and isolated
   * addresses stay so.
   */
  partition(...groups: readonly (readonly string[])[]): void {
    this.#cuts.partition(groups);
  }

  /** Delivers nothing to or from this address. */
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

  /** @internal A transport stops listening; messages under way to it are lost. */
  unregister(transport: Endpoint): void {
    const { scope, address } = transport;
    if (this.#transports.get(nameOf(scope, address)) !== transport) return;
    this.#transports.delete(nameOf(scope, address));
    const end = nameOf(scope, address);
    for (const [name, link] of this.#links) if (name.startsWith(end)) link.drop();
  }

  /** @internal Counts the outcome of a message. */
  count(outcome: NetworkOutcome): void {
    this.#counts[outcome] += 1;
  }

  /** @internal The transport of this scope that listens at the address. */
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

  /**
   * @internal Sends one message. The sender is told later that a peer cannot be reached, never
   * within the call.
   */
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

/** Two different pairs never have the same name, and no name is a prefix of another. */
const nameOf = (scope: string, address: string): string => `${scope} ${address.length} ${address} `;
