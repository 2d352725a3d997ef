/**
 * What a process reads after a restart may be in the memory of the kernel only: the process before was killed
 * between a write and its sync, or its sync failed and the kernel has marked the bytes as clean. Recovery must make
 * durable what it builds on, or a later power cut takes it away from under what was acknowledged since.
 */
import type { Ledger } from '@babuza/wal-core/conformance';
import { crashStates } from '../crash-states.ts';
import type { Fault } from '../fault-rules.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import { runWorkload, simulatedEnvironment } from '../simulated-environment.ts';
import { Author, perform } from './author.ts';
import {
  expectNothing,
  expectThat,
  ledgerFor,
  metadata,
  Verdicts,
  type BackEnd,
} from './back-end.ts';

const samples = 6;

export const failedSyncs: readonly Fault[] = [
  { type: 'sync-error', pending: 'dropped' },
  { type: 'sync-error', pending: 'kept' },
  { type: 'sync-error', pending: 'half-written' },
];

/** What the first life left. */
interface Left {
  readonly disk: SimulatedDisk;
  readonly ledger: Ledger;
  readonly created: boolean;
  readonly context: string;
  /** So many steps are taken before the power goes. */
  readonly steps: number;
}

export class PageCache<Options extends object> {
  readonly verdicts: Verdicts = new Verdicts();
  readonly #backEnd: BackEnd<Options>;
  readonly #optionsOf: (seed: number) => Options;

  constructor(backEnd: BackEnd<Options>, optionsOf: (seed: number) => Options) {
    this.#backEnd = backEnd;
    this.#optionsOf = optionsOf;
  }

  /** Killed at every call, restarted, and then a power cut. */
  async runKilled(seeds: number): Promise<void> {
    for (let seed = 1; seed <= seeds; seed += 1) {
      for (let stopAt = 1; ; stopAt += 1) {
        const life = await this.#firstLife(seed, (disk) => {
          disk.stopAtMutation(stopAt);
          return () => disk.stopped;
        });
        if (life === undefined) break;
        const context = `seed ${seed}, killed at mutation ${stopAt}`;
        const disk = life.disk.kill(stopAt);
        await this.#secondLife({ ...life, disk, context, steps: stopAt % 3 });
      }
    }
  }

  /** Every sync fails once; a restart, and then a power cut. */
  async runFailedSyncs(fault: Fault, seeds: number): Promise<void> {
    for (let seed = 1; seed <= seeds; seed += 1) {
      for (let nth = 1; ; nth += 1) {
        const life = await this.#firstLife(seed, (disk) => {
          // A directory that could not be synced has no remedy: no call writes its names again.
          const injected = disk.inject({ on: ['write-durable', 'datasync'], nth, fault });
          return () => injected.hits > 0;
        });
        if (life === undefined) break;
        const context = `seed ${seed}, sync ${nth} failed`;
        await this.#secondLife({ ...life, disk: life.disk.kill(nth), context, steps: nth % 3 });
      }
    }
  }

  /** Random work in a world that ends, or fails, as `prepare` says; `undefined` where it did not come to that. */
  async #firstLife(
    seed: number,
    prepare: (disk: SimulatedDisk) => () => boolean,
  ): Promise<Pick<Left, 'disk' | 'ledger' | 'created'> | undefined> {
    const disk = new SimulatedDisk({ seed });
    const environment = simulatedEnvironment(seed, disk);
    const ledger = ledgerFor(this.#backEnd);
    let created = false;
    const happened = prepare(disk);
    await runWorkload(environment, async () => {
      const manager = this.#backEnd.open(environment, this.#optionsOf(seed));
      const opened = await manager.createWal(metadata).catch(() => undefined);
      if (opened === undefined) return;
      created = true;
      const author = new Author(seed, opened);
      for (let step = 0; step < 30; step += 1) {
        if ((await perform(opened, ledger, author.next())) !== undefined) return;
        if (step % 5 === 0) await environment.clock.sleep(60);
      }
      if (seed % 2 === 0) await manager.close().catch(() => undefined);
    });
    return happened() ? { disk, ledger, created } : undefined;
  }

  /** Opens what the first life left, saves a little more, and then the power goes. */
  async #secondLife({ disk: left, ledger, created, context, steps }: Left): Promise<void> {
    const world = simulatedEnvironment(2, left);
    let exists = false;
    await runWorkload(world, async () => {
      const manager = this.#backEnd.open(world);
      exists = await manager.hasExistingWal();
      if (!exists) {
        expectThat(!created, `${context}: a log that was created is gone`);
        return;
      }
      const opened = await this.verdicts.open(this.#backEnd, manager, world, () => context);
      exists = opened !== undefined;
      if (opened === undefined) return;
      expectNothing(ledger.judge(opened), context);
      ledger.adopt(opened);
      const author = new Author(steps, opened);
      for (let step = 0; step < steps; step += 1) {
        const error = await perform(opened, ledger, author.next());
        if (error !== undefined) throw error;
      }
    });
    if (!exists) return;
    for (const { disk, lost } of crashStates(left, { exhaustiveMax: samples, samples })) {
      const last = simulatedEnvironment(3, disk);
      const what = `${context}, then a power cut after ${steps} steps that took: ${lost}`;
      await runWorkload(last, async () => {
        const manager = this.#backEnd.open(last);
        expectThat(await manager.hasExistingWal(), `${what}: the log is gone`);
        const opened = await this.verdicts.open(this.#backEnd, manager, last, () => what);
        if (opened !== undefined) expectNothing(ledger.judge(opened), what);
      });
    }
  }
}
