/** The faults that are injected: crashes, even of majorities, and network partitions. */

import type { Network } from './network.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** The time between two checks whether a node is at a critical point. */
const worstMomentEveryMs = 5;

export class Misfortune {
  readonly #world: World;
  readonly #nodes: readonly SimulatedNode[];
  readonly #network: Network;

  constructor(world: World, nodes: readonly SimulatedNode[], network: Network) {
    this.#world = world;
    this.#nodes = nodes;
    this.#network = network;
    const { options } = world;
    this.#repeat(options.crashEveryMs, () => this.#crashSome());
    this.#repeat(worstMomentEveryMs, () => this.#crashAtWorstMoment());
    this.#repeat(options.partitionEveryMs, () => this.#partition());
  }

  /** Ends the faults. */
  end(): void {
    this.#network.heal();
    for (const node of this.#nodes) node.stalledUntil = 0;
  }

  /** Repeats an action, at random times with this average distance, until the faults end. */
  #repeat(everyMs: number, action: () => void): void {
    const { random, scheduler } = this.#world;
    scheduler.after(everyMs * 2 * random.next(), () => {
      if (this.#world.isCalm) return;
      action();
      this.#repeat(everyMs, action);
    });
  }

  #crashSome(): void {
    const { random, counters } = this.#world;
    if (random.chance(0.15)) {
      counters.add('majorityCrashes');
      const all = random.chance(0.3);
      for (const node of this.#nodes) if (all || random.chance(0.7)) this.#crash(node);
    } else this.#crash(random.pick(this.#nodes));
  }

  /**
   * Crashes a node whose core is ahead of its disk. Its messages since the last sync must not
   * depend on the lost writes.
   */
  #crashAtWorstMoment(): void {
    const { random, options } = this.#world;
    const ahead = this.#nodes.filter(({ raw, disk }) => {
      if (raw === undefined) return false;
      const { term, log } = raw.unsafeRaft;
      const { durable } = disk;
      return term > durable.initialState().hardState.term || log.lastIndex() > durable.lastIndex();
    });
    const chance = options.hasBadLuck ? 0.1 : worstMomentEveryMs / options.crashEveryMs;
    if (ahead.length === 0 || !random.chance(chance)) return;
    const leaders = ahead.filter(({ leads }) => leads);
    this.#crash(random.pick(leaders.length > 0 && random.chance(0.5) ? leaders : ahead));
  }

  #crash(node: SimulatedNode): void {
    const { random, scheduler, counters } = this.#world;
    if (node.raw === undefined) return;
    node.crash();
    const downMs = random.chance(0.5) ? random.between(1, 40) : random.between(40, 500);
    scheduler.after(downMs, () => {
      if (node.raw !== undefined || this.#world.isCalm) return;
      counters.add('restarts');
      node.start();
    });
  }

  #partition(): void {
    const { random, scheduler, counters } = this.#world;
    const network = this.#network;
    const ids = this.#nodes.map(({ id }) => id);
    const leader = this.#nodes.find(({ leads }) => leads)?.id ?? random.pick(ids);
    const kind = random.below(4);
    if (kind === 0) network.split([leader]);
    else if (kind === 1) network.split([leader, ...random.some(ids, 0.3)]);
    else if (kind === 2) network.split(random.some(ids, 0.5));
    else {
      counters.add('oneWayCuts');
      for (const from of random.some(ids, 0.5)) {
        for (const to of random.some(ids, 0.5)) if (from !== to) network.cut(from, to);
      }
    }
    counters.add('partitions');
    scheduler.after(random.between(20, 400), () => network.heal());
  }
}
