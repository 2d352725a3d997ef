/**
 * A node without asynchronous writes: it does what one Ready asks for, step by step, then advances.
 * What the contract leaves open is drawn: a leader may send before it writes; entries may be
 * applied after `advance`, unless there is a change of the membership among them.
 */

import { EntryType, type Entry } from '@babuza/raftpb';
import type { Ready } from '../../src/index.ts';
import type { SimulatedNode, StorageWork, World } from './node.ts';

interface Stage {
  readonly name: string;
  readonly delay: number;
  readonly run: () => void;
}

export class ReadyLoop implements StorageWork {
  readonly #node: SimulatedNode;
  readonly #world: World;
  /** What remains to be done for the last Ready. */
  #stages: Stage[] = [];
  #isPlanned = false;
  /** Committed entries of Readys that were advanced before they were applied. */
  #unapplied: Entry[] = [];

  constructor(node: SimulatedNode, world: World) {
    this.#node = node;
    this.#world = world;
  }

  wake(): void {
    if (this.#isPlanned) return;
    const [stage] = this.#stages;
    if (stage === undefined && !this.#node.running.hasReady()) return;
    this.#isPlanned = true;
    const delay = stage?.delay ?? this.#shortMs();
    this.#node.later(delay, stage?.name ?? 'takes a Ready', () => {
      this.#isPlanned = false;
      if (stage === undefined) this.#stages = this.#plan();
      else {
        this.#stages.shift();
        stage.run();
      }
    });
  }

  #plan(): Stage[] {
    const { random } = this.#world;
    const node = this.#node;
    const { leads } = node;
    const ready = node.takeReady();
    const write = this.#stage('writes', () => node.disk.write(ready));
    const sync: Stage = { name: 'syncs', delay: node.writeMs(), run: () => this.#sync(ready) };
    const send = this.#stage('sends', () => {
      for (const message of ready.messages) node.send(message);
    });
    const apply = this.#stage('applies', () => this.#apply(ready));
    const advance = this.#stage('advances', () => node.running.advance());
    // A leader may send while it writes: Raft thesis, section 10.2.1.
    const first = leads && random.chance(0.5) ? [send, write, sync] : [write, sync, send];
    const mayAdvanceFirst =
      ready.snapshot === undefined &&
      ready.committedEntries.every(({ type }) => type === EntryType.Normal);
    if (!mayAdvanceFirst || random.chance(0.6)) return [...first, apply, advance];
    const queue = this.#stage('queues', () => this.#applyLater(ready.committedEntries));
    return [...first, queue, advance];
  }

  /**
   * Without entries, a vote or a term the messages claim nothing, and need not wait for the disk.
   */
  #sync(ready: Ready): void {
    const mustSync = ready.mustSync || ready.snapshot !== undefined;
    if (mustSync || this.#world.random.chance(0.3)) this.#node.disk.sync();
  }

  #apply(ready: Ready): void {
    const node = this.#node;
    if (ready.snapshot !== undefined) {
      this.#unapplied = [];
      node.install(ready.snapshot);
    }
    this.#applyQueued();
    if (!node.mayApply(ready.committedEntries)) node.disk.sync();
    node.apply(ready.committedEntries);
  }

  #applyLater(entries: readonly Entry[]): void {
    this.#unapplied.push(...entries);
    this.#node.later(this.#world.random.next() * 30, 'applies later', () => this.#applyQueued());
  }

  #applyQueued(): void {
    const entries = this.#unapplied;
    this.#unapplied = [];
    this.#node.apply(entries);
  }

  #stage(name: string, run: () => void): Stage {
    return { name, delay: this.#shortMs(), run };
  }

  #shortMs(): number {
    return this.#world.random.next();
  }
}
