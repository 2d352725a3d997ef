/**
 * Power cuts. Random work runs on the simulated disk; at some call the world ends, and of what was not synced any
 * subset of sectors and names survives. The log must open, hold everything that was acknowledged and nothing that
 * was not attempted, and go on.
 */
import type { OpenedWal } from '@babuza/wal-core';
import type { Ledger } from '@babuza/wal-core/conformance';
import { crashStates } from '../crash-states.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import {
  runWorkload,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '../simulated-environment.ts';
import { Author, perform } from './author.ts';
import { expectNothing, LadderError, ledgerFor, Verdicts, type BackEnd } from './back-end.ts';
import { work, type Progress } from './work.ts';

export class RandomCrashes<Options extends object> {
  readonly verdicts: Verdicts = new Verdicts();
  states = 0;
  /** States of a time when the log had not been acknowledged to exist. */
  empty = 0;
  readonly #backEnd: BackEnd<Options>;
  readonly #optionsOf: (seed: number) => Options;

  constructor(backEnd: BackEnd<Options>, optionsOf: (seed: number) => Options) {
    this.#backEnd = backEnd;
    this.#optionsOf = optionsOf;
  }

  /** Looks at so many states, from this seed on. */
  async run(statesWanted: number, firstSeed: number): Promise<void> {
    for (let seed = firstSeed; this.states < statesWanted; seed += 1) {
      const pieceBytes = [512, 512, 4096, 1][seed % 4] ?? 512;
      for (let stopAt = 1 + (seed % 3); ; stopAt += 3 + (seed % 4)) {
        if ((await this.#crashAt(seed, stopAt, pieceBytes)) === 'finished') break;
        if (this.states >= statesWanted) break;
      }
    }
  }

  toString(): string {
    return `${this.states} crash states: ${this.verdicts.toString()}, ${this.empty} before the log existed`;
  }

  /** One world: works until call `stopAt`, then looks at some of the states that a crash may leave. */
  async #crashAt(
    seed: number,
    stopAt: number,
    pieceBytes: number,
  ): Promise<'finished' | 'stopped'> {
    const disk = new SimulatedDisk({ seed, pieceBytes, showsGarbage: seed % 2 === 0 });
    const environment = simulatedEnvironment(seed, disk);
    const ledger = ledgerFor(this.#backEnd);
    const progress = { created: false };
    const world = { backEnd: this.#backEnd, environment, ledger, progress };
    disk.stopAtMutation(stopAt);
    const options = this.#optionsOf(seed);
    const { outcome } = await runWorkload(environment, () => work(world, seed, 25, options)).catch(
      (cause: unknown) => {
        throw new LadderError(`seed ${seed}, before mutation ${stopAt}: the work failed`, {
          cause,
        });
      },
    );
    if (outcome === 'finished') return outcome;
    for (const state of crashStates(disk, { exhaustiveMax: 12, samples: 12, seed: stopAt })) {
      this.states += 1;
      const { states } = this;
      // Made only for a failure: listing what was lost takes as long as opening the log.
      const context = (): string =>
        `seed ${seed}, stopped at mutation ${stopAt}, pieces of ${pieceBytes}, lost: ${state.lost}`;
      const left = simulatedEnvironment(seed + states, state.disk);
      const after = ledger.copy();
      let goesOn = false;
      await runWorkload(left, async () => {
        const opened = await this.#reopen(left, ledger, progress, context);
        goesOn = opened !== undefined && states % 5 === 0;
        if (opened !== undefined && goesOn) await this.#goOn(opened, after, context, seed);
      });
      if (goesOn) await this.#crashAgain(left, after, context, seed);
    }
    return outcome;
  }

  /** Opens what a crash left and judges it; `undefined` where there is no log, or it is refused. */
  async #reopen(
    environment: SimulatedEnvironment,
    ledger: Ledger,
    progress: Progress,
    context: () => string,
  ): Promise<OpenedWal | undefined> {
    const manager = this.#backEnd.open(environment);
    if (!(await manager.hasExistingWal())) {
      if (progress.created) throw new LadderError(`${context()}: a log that was created is gone`);
      this.empty += 1;
      return undefined;
    }
    const opened = await this.verdicts.open(this.#backEnd, manager, environment, context);
    if (opened === undefined) return undefined;
    const violations = ledger.judge(opened);
    if (violations.length > 0) expectNothing(violations, context());
    return opened;
  }

  /** A recovered log takes more. */
  async #goOn(
    opened: OpenedWal,
    after: Ledger,
    context: () => string,
    seed: number,
  ): Promise<void> {
    after.adopt(opened);
    const author = new Author(seed, opened);
    for (let step = 0; step < 3; step += 1) {
      const error = await perform(opened, after, author.next());
      if (error !== undefined) throw new LadderError(context(), { cause: error });
    }
  }

  /** Another power cut: the log still has all of it. */
  async #crashAgain(
    world: SimulatedEnvironment,
    after: Ledger,
    context: () => string,
    seed: number,
  ): Promise<void> {
    // Outside of the workload of the world that ends here: nothing that one still says would count.
    const again = simulatedEnvironment(seed + 1, world.fileSystem.crash(seed));
    const secondCrash = (): string => `${context()}, and a second crash`;
    await runWorkload(again, async () => {
      await this.#reopen(again, after, { created: true }, secondCrash);
    });
  }
}
