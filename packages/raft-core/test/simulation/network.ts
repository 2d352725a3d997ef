/**
 * The network. It loses, repeats and delays messages, which reorders them, and cuts connections in
 * one or both directions.
 */

import { MessageType, type Message } from '@babuza/raftpb';
import type { SnapshotOutcome } from '../../src/index.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

export class Network {
  readonly #world: World;
  readonly #nodes: ReadonlyMap<bigint, SimulatedNode>;
  /** The connections that are cut, as `from>to`. */
  #cuts: Set<string> = new Set();

  constructor(world: World, nodes: ReadonlyMap<bigint, SimulatedNode>) {
    this.#world = world;
    this.#nodes = nodes;
  }

  send(message: Message): void {
    const { random, options, counters, isCalm } = this.#world;
    counters.add('sent');
    if (!isCalm && random.chance(options.lossRate)) {
      this.#lose(message);
      return;
    }
    this.#planDelivery(message);
    if (!isCalm && random.chance(options.duplicationRate)) {
      counters.add('duplicated');
      this.#planDelivery(message);
    }
  }

  /** Cuts all connections between `group` and the other nodes. */
  split(group: readonly bigint[]): void {
    for (const from of this.#nodes.keys()) {
      for (const to of this.#nodes.keys()) {
        if (group.includes(from) !== group.includes(to)) this.cut(from, to);
      }
    }
  }

  cut(from: bigint, to: bigint): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cuts = new Set();
  }

  #planDelivery(message: Message): void {
    const { random, options, scheduler, counters, isCalm } = this.#world;
    let delay = 0.5 + random.next() * 3;
    if (!isCalm && random.chance(options.delayRate)) {
      counters.add('delayed');
      delay += random.next() * options.delayMsMax;
    }
    scheduler.after(delay, () => this.#deliver(message));
  }

  #deliver(message: Message): void {
    const { counters, trace } = this.#world;
    const { from, to, type } = message;
    const receiver = this.#nodes.get(to);
    if (this.#cuts.has(`${from}>${to}`) || receiver?.raw === undefined) {
      this.#lose(message);
      return;
    }
    counters.add('delivered');
    trace.mix(type);
    receiver.act(`gets ${nameOf(message)}`, (raw) => raw.step(message));
    // The sender gets a report, which is sometimes wrong.
    if (type === MessageType.Snap) {
      this.#report(message, this.#world.random.chance(0.95) ? 'finish' : 'failure');
    }
  }

  #lose(message: Message): void {
    const { random, counters, scheduler } = this.#world;
    const { from, to } = message;
    counters.add('lost');
    if (message.type === MessageType.Snap) this.#report(message, 'failure');
    else if (random.chance(0.3)) {
      scheduler.after(random.next() * 5, () => {
        counters.add('unreachableReported');
        this.#nodes.get(from)?.act(`cannot reach ${to}`, (raw) => raw.reportUnreachable(to));
      });
    }
  }

  /** Each snapshot that was sent is reported at some time. */
  #report({ from, to }: Message, outcome: SnapshotOutcome): void {
    const { random, counters, scheduler } = this.#world;
    scheduler.after(random.next() * 20, () => {
      counters.add('snapshotsReported');
      const what = `reports the snapshot to ${to}: ${outcome}`;
      this.#nodes.get(from)?.act(what, (raw) => raw.reportSnapshot(to, outcome));
    });
  }
}

const typeNames: ReadonlyMap<number, string> = new Map(
  Object.entries(MessageType).map(([name, type]) => [type, name]),
);

function nameOf({ type, from, term, index, logTerm, entries, commit, reject }: Message): string {
  const name = typeNames.get(type) ?? String(type);
  return (
    `${name}${reject ? ' (rejecting)' : ''} of ${from}, term ${term}, index ${index}/${logTerm}, ` +
    `${entries.length} entries, commit ${commit}`
  );
}
