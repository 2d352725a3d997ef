/**
 * After a restart a process may read bytes that are in the page cache of the kernel only: the
 * previous process was killed between a write and its sync, or its sync failed and the kernel
 * marked the bytes as clean. Recovery must make durable whatever it builds on. Otherwise a later
 * power cut removes it below entries that were acknowledged since.
 */
import type { OpenedWal } from '@babuza/wal-core';
import type { Ledger } from '@babuza/wal-core/conformance';
import { crashStates } from '../crash-states.ts';
import type { Fault } from '../fault-rules.ts';
import { mixSeeds } from '../seeded-random.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import {
  runWorkload,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '../simulated-environment.ts';
import { Author } from './author.ts';
import {
  expectNothing,
  expectThat,
  ledgerFor,
  metadata,
  Verdicts,
  type BackEnd,
} from './back-end.ts';
import { CallsInFlight, runPossiblyScheduled } from './calls-in-flight.ts';

const samples = 6;

export const failedSyncs: readonly Fault[] = [
  { type: 'sync-error', pending: 'dropped' },
  { type: 'sync-error', pending: 'kept' },
  { type: 'sync-error', pending: 'half-written' },
];

/** The disk and the ledger that the first process left. */
interface Left {
  readonly disk: SimulatedDisk;
  readonly ledger: Ledger;
  readonly created: boolean;
  readonly context: string;
  /** How many steps the second process takes before the power cut. */
  readonly steps: number;
}

export class PageCache<Options extends object> {
  readonly verdicts: Verdicts = new Verdicts();
  readonly #backEnd: BackEnd<Options>;
  readonly #optionsOf: (seed: number) => Options;
  readonly #together: number;
  #worlds = 0;

  /** Up to `together` calls run at the same time, in both processes. */
  constructor(backEnd: BackEnd<Options>, optionsOf: (seed: number) => Options, together = 1) {
    this.#backEnd = backEnd;
    this.#optionsOf = optionsOf;
    this.#together = together;
  }

  /** Kills the process at every call, restarts it, and then cuts the power. */
  async runKilled(seeds: number): Promise<void> {
    for (let seed = 1; seed <= seeds; seed += 1) {
      for (let stopAt = 1; ; stopAt += 1) {
        const left = await this.#runFirstProcess(seed, (disk) => {
          disk.stopAtMutation(stopAt);
          return () => disk.stopped;
        });
        if (left === undefined) break;
        const context = `seed ${seed}, killed at mutation ${stopAt}`;
        const disk = left.disk.kill(stopAt);
        await this.#runSecondProcess({ ...left, disk, context, steps: stopAt % 3 });
      }
    }
  }

  /** Makes every sync fail once, restarts the process, and then cuts the power. */
  async runFailedSyncs(fault: Fault, seeds: number): Promise<void> {
    for (let seed = 1; seed <= seeds; seed += 1) {
      for (let nth = 1; ; nth += 1) {
        const left = await this.#runFirstProcess(seed, (disk) => {
          // A failed sync of a directory cannot be repaired, because no later call writes its names
          // again.
          const injected = disk.inject({ on: ['write-durable', 'datasync'], nth, fault });
          return () => injected.hits > 0;
        });
        if (left === undefined) break;
        const context = `seed ${seed}, sync ${nth} failed`;
        await this.#runSecondProcess({
          ...left,
          disk: left.disk.kill(nth),
          context,
          steps: nth % 3,
        });
      }
    }
  }

  /**
   * Random work in a world that stops or fails as `prepare` arranges. Returns `undefined` if the
   * world did not come to that point.
   */
  async #runFirstProcess(
    seed: number,
    prepare: (disk: SimulatedDisk) => () => boolean,
  ): Promise<Pick<Left, 'disk' | 'ledger' | 'created'> | undefined> {
    const disk = new SimulatedDisk({ seed });
    const environment = simulatedEnvironment(seed, disk);
    const ledger = ledgerFor(this.#backEnd);
    let created = false;
    const happened = prepare(disk);
    const workload = async (): Promise<void> => {
      const manager = this.#backEnd.open(environment, this.#optionsOf(seed));
      const opened = await manager.createWal(metadata).catch(() => undefined);
      if (opened === undefined) return;
      created = true;
      const author = new Author(seed, opened, { rotatesOften: this.#together > 1 });
      const calls = this.#callsOf(opened, ledger, environment);
      for (let step = 0; step < 30; step += 1) {
        if (!(await calls.begin(() => author.next()))) break;
        if (this.#together === 1) await calls.settled();
        if (step % 5 === 0) await environment.clock.sleep(60);
      }
      await calls.settled();
      if (calls.rejected.length > 0) return;
      if (seed % 2 === 0) await manager.close().catch(() => undefined);
    };
    await this.#run(environment, workload, mixSeeds(seed, this.#worlds));
    return happened() ? { disk, ledger, created } : undefined;
  }

  #callsOf(opened: OpenedWal, ledger: Ledger, { fileSystem }: SimulatedEnvironment): CallsInFlight {
    return new CallsInFlight(opened, ledger, fileSystem, this.#together);
  }

  async #run(
    environment: SimulatedEnvironment,
    workload: () => Promise<void>,
    scheduleSeed: number,
  ): Promise<void> {
    this.#worlds += 1;
    const seed = this.#together === 1 ? undefined : scheduleSeed;
    await runPossiblyScheduled(environment, workload, seed);
  }

  /** Opens what the first process left, saves a little more, and then cuts the power. */
  async #runSecondProcess({ disk: left, ledger, created, context, steps }: Left): Promise<void> {
    const world = simulatedEnvironment(2, left);
    let exists = false;
    const workload = async (): Promise<void> => {
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
      const calls = this.#callsOf(opened, ledger, world);
      for (let step = 0; step < steps * this.#together; step += 1) {
        await calls.begin(() => author.next());
        if (this.#together === 1) await calls.settled();
      }
      // The last of several overlapping calls are still running when the power is cut.
      if (this.#together === 1 || steps === 0) await calls.settled();
      const [rejected] = calls.rejected;
      if (rejected !== undefined) throw rejected.error;
    };
    await this.#run(world, workload, this.#worlds);
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
