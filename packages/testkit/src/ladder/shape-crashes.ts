/**
 * Power cuts at every call of a batch of saves. There is one batch for each shape of a save at each
 * position. The log is also checked after the batch was acknowledged. It must open and hold what
 * the ledger says.
 */
import type { Ledger, ShapedGroup } from '@babuza/wal-core/conformance';
import { crashStates } from '../crash-states.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import { runWorkload, simulatedEnvironment } from '../simulated-environment.ts';
import { perform } from './author.ts';
import {
  expectNothing,
  expectThat,
  LadderError,
  ledgerFor,
  metadata,
  Verdicts,
  type BackEnd,
} from './back-end.ts';

/** The part of a batch that ran before the power cut. */
interface Played {
  readonly disk: SimulatedDisk;
  readonly ledger: Ledger;
  readonly outcome: 'finished' | 'stopped';
}

export class ShapeCrashes<Options extends object> {
  readonly verdicts: Verdicts = new Verdicts();
  states = 0;
  readonly #backEnd: BackEnd<Options>;
  readonly #optionsOf: (seed: number) => Options;

  constructor(backEnd: BackEnd<Options>, optionsOf: (seed: number) => Options) {
    this.#backEnd = backEnd;
    this.#optionsOf = optionsOf;
  }

  toString(): string {
    return `${this.states} crash states of shapes: ${this.verdicts.toString()}`;
  }

  async run(group: ShapedGroup, seed: number): Promise<void> {
    for (let stopAt = 1; ; stopAt += 1) {
      const { disk, ledger, outcome } = await this.#playUntil(group, seed, stopAt);
      const options = { exhaustiveMax: 4, samples: 4, seed: stopAt };
      for (const state of crashStates(disk, options)) {
        this.states += 1;
        const context = (): string =>
          `${group.name}; seed ${seed}, mutation ${stopAt} (${outcome}), lost: ${state.lost}`;
        await this.#judge(state.disk, ledger, context);
      }
      if (outcome === 'finished') break;
    }
  }

  async #playUntil(group: ShapedGroup, seed: number, stopAt: number): Promise<Played> {
    const pieceBytes = [512, 4096, 1][seed % 3] ?? 512;
    const disk = new SimulatedDisk({ seed, pieceBytes, showsGarbage: seed % 2 === 0 });
    const environment = simulatedEnvironment(seed, disk);
    const ledger = ledgerFor(this.#backEnd);
    const { outcome } = await runWorkload(environment, async () => {
      const manager = this.#backEnd.open(environment, this.#optionsOf(seed));
      const opened = await manager.createWal(metadata);
      for (const save of group.savesBefore) {
        expectThat((await perform(opened, ledger, save)) === undefined, group.name);
      }
      disk.stopAtMutation(disk.mutationCount + stopAt);
      const ended = await Promise.all(group.saves.map((save) => perform(opened, ledger, save)));
      const error = ended.find((each) => each !== undefined);
      if (error !== undefined)
        throw new LadderError(`${group.name}, seed ${seed}`, { cause: error });
    });
    return { disk, ledger, outcome };
  }

  async #judge(disk: SimulatedDisk, ledger: Ledger, context: () => string): Promise<void> {
    const environment = simulatedEnvironment(1, disk);
    await runWorkload(environment, async () => {
      const manager = this.#backEnd.open(environment);
      const opened = await this.verdicts.open(this.#backEnd, manager, environment, context);
      if (opened === undefined) return;
      const violations = ledger.judge(opened);
      if (violations.length > 0) expectNothing(violations, context());
    });
  }
}
