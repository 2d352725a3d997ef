/**
 * Power cuts during overlapping calls. Several callers work on one log, each call of the disk is
 * held, and the seed chooses the interleaving. At some moments the states that a power cut may
 * leave are checked while the world continues. In the end the world stops at a call.
 */
import { crashStates } from '../crash-states.ts';
import { RandomSchedule, runScheduled } from '../scheduled-world.ts';
import { mixSeeds, SeededRandom } from '../seeded-random.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import { simulatedEnvironment } from '../simulated-environment.ts';
import { LadderError, ledgerFor, type BackEnd, type Verdicts } from './back-end.ts';
import { CrashJudge } from './crash-judge.ts';
import { IdentityCalls } from './identity-calls.ts';
import { workTogether } from './work-together.ts';

const callsOfWorld = 40;
const samples = 5;

export class ConcurrentCrashes<Options extends object> {
  /** The number of disk calls after which crash states were checked. */
  moments = 0;
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

  /** Checks `states` crash states, beginning with this seed. Returns how many worlds that took. */
  async run(states: number, firstSeed: number): Promise<number> {
    let seed = firstSeed;
    for (; this.#judge.states < states; seed += 1) {
      await this.#world(seed).catch((cause: unknown) => {
        throw new LadderError(`seed ${seed}`, { cause });
      });
    }
    return seed - firstSeed;
  }

  toString(): string {
    return `${this.#judge.toString()}, at ${this.moments} moments of overlapping calls`;
  }

  async #world(seed: number): Promise<void> {
    const pieceBytes = [512, 512, 4096, 1][seed % 4] ?? 512;
    const disk = new SimulatedDisk({ seed, pieceBytes, showsGarbage: seed % 2 === 0 });
    const environment = simulatedEnvironment(seed, disk);
    const ledger = ledgerFor(this.#backEnd);
    const progress = { created: false };
    const identity = new IdentityCalls();
    const world = { backEnd: this.#backEnd, environment, ledger, progress, identity };
    const random = new SeededRandom(mixSeeds(seed, 12));
    // A synchronous call can only be interrupted at its beginning.
    disk.stopAtMutation(20 + random.below(300));
    const look = async (goesOn: boolean): Promise<void> => {
      this.moments += 1;
      const at = disk.mutationCount;
      const states = crashStates(disk, { exhaustiveMax: samples, samples, seed: at, goesOn });
      const context = `at mutation ${at}, pieces of ${pieceBytes}`;
      await this.#judge.look(states, { ledger, progress, identity, seed, context });
    };
    const { outcome } = await runScheduled(
      environment,
      () => workTogether(world, seed, callsOfWorld, this.#optionsOf(seed)),
      {
        schedule: new RandomSchedule(mixSeeds(seed, 13) * 2 + (seed % 2)),
        atRest: async () => (random.below(6) === 0 ? look(true) : undefined),
      },
    );
    if (outcome === 'stopped') await look(false);
  }
}
