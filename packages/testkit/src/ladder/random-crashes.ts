/**
 * Power cuts during random work. The simulated world stops at some call, and any subset of the
 * unsynced sectors and names survives. The log must open, hold everything that was acknowledged and
 * nothing that was not attempted, and accept more.
 */
import { crashStates } from '../crash-states.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import { runWorkload, simulatedEnvironment } from '../simulated-environment.ts';
import { LadderError, ledgerFor, type BackEnd, type Verdicts } from './back-end.ts';
import { CrashJudge } from './crash-judge.ts';
import { work } from './work.ts';

export class RandomCrashes<Options extends object> {
  readonly #backEnd: BackEnd<Options>;
  readonly #optionsOf: (seed: number) => Options;
  readonly #judge: CrashJudge;

  constructor(backEnd: BackEnd<Options>, optionsOf: (seed: number) => Options) {
    this.#backEnd = backEnd;
    this.#optionsOf = optionsOf;
    this.#judge = new CrashJudge(backEnd);
  }

  get verdicts(): Verdicts {
    return this.#judge.verdicts;
  }

  /** Checks `states` crash states, beginning with this seed. */
  async run(states: number, firstSeed: number): Promise<void> {
    for (let seed = firstSeed; this.#judge.states < states; seed += 1) {
      const pieceBytes = [512, 512, 4096, 1][seed % 4] ?? 512;
      for (let stopAt = 1 + (seed % 3); ; stopAt += 3 + (seed % 4)) {
        if ((await this.#crashAt(seed, stopAt, pieceBytes)) === 'finished') break;
        if (this.#judge.states >= states) break;
      }
    }
  }

  toString(): string {
    return this.#judge.toString();
  }

  /**
   * Runs one world: works until call `stopAt`, then checks some of the states that a crash may
   * leave.
   */
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
    const states = crashStates(disk, { exhaustiveMax: 12, samples: 12, seed: stopAt });
    const context = `seed ${seed}, stopped at mutation ${stopAt}, pieces of ${pieceBytes}`;
    await this.#judge.look(states, { ledger, progress, seed, context });
    return outcome;
  }
}
