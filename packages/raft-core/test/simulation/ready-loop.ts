/**
 * The work of a node without asynchronous writes: it does the work of one Ready step by step, then
 * calls `advance`. The order that the interface leaves open is random: a leader may send before it
 * writes, and entries may be applied after `advance`, unless a membership change is among them.
 */

import { EntryType, type Entry } from '@babuza/raftpb';
import type { Ready } from '../../src/index.ts';
import type { StorageWork, WorkingNode } from './storage-work.ts';
import type { World } from './world.ts';

interface Stage {
  readonly name: string;
  readonly delay: number;
  readonly run: () => void;
}

export class ReadyLoop implements StorageWork {
  readonly #node: WorkingNode;
  readonly #world: World;
  /** The steps that remain for the last Ready. */
  #stages: Stage[] = [];
  #isPlanned = false;
  /** The committed entries that were not applied before `advance`. */
  #unapplied: Entry[] = [];

  constructor(node: WorkingNode, world: World) {
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
   * Without `mustSync`, the messages promise nothing that needs the disk, so the sync is optional.
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
