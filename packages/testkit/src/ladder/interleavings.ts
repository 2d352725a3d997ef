/**
 * Small sets of overlapping calls, in every order of their disk calls up to a bound of switches,
 * with a power cut at each moment. In every order the acknowledged content is there and the log
 * opens.
 */
import { ClosedError, type OpenedWal } from '@babuza/wal-core';
import type { Ledger } from '@babuza/wal-core/conformance';
import { crashStates } from '../crash-states.ts';
import { runScheduled } from '../scheduled-world.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import { runWorkload, simulatedEnvironment } from '../simulated-environment.ts';
import { perform } from './author.ts';
import {
  expectThat,
  LadderError,
  ledgerFor,
  metadata,
  type BackEnd,
  type Verdicts,
} from './back-end.ts';
import { closeLog } from './close-log.ts';
import { CrashJudge } from './crash-judge.ts';
import { IdentityCalls } from './identity-calls.ts';
import type { Overlap, OverlappingCall } from './overlaps.ts';
import { Explored, Path } from './paths.ts';

export interface InterleavingOptions<Options> {
  /** The bound on switches away from a caller that could continue. */
  readonly switchesMax: number;
  /** How many states are checked after each call. */
  readonly samples: number;
  /** Options of the back end. */
  readonly options: Options;
}

export class Interleavings<Options extends object> {
  runs = 0;
  /** The number of distinct states of the worlds whose crash states were checked. */
  moments = 0;
  readonly #backEnd: BackEnd<Options>;
  readonly #settings: InterleavingOptions<Options>;
  readonly #judge: CrashJudge;

  constructor(backEnd: BackEnd<Options>, settings: InterleavingOptions<Options>) {
    this.#backEnd = backEnd;
    this.#settings = settings;
    this.#judge = new CrashJudge(backEnd);
  }

  get verdicts(): Verdicts {
    return this.#judge.verdicts;
  }

  toString(): string {
    return `${this.runs} interleavings, ${this.moments} moments, ${this.#judge.toString()}`;
  }

  /** Runs all interleavings. Returns how many runs that took. */
  async run(overlap: Overlap): Promise<number> {
    const explored = new Explored();
    const switchesMax = Math.max(this.#settings.switchesMax, overlap.switchesMin ?? 0);
    let runs = 0;
    for (let prefix: number[] | undefined = []; prefix !== undefined; runs += 1) {
      const path = new Path(prefix, switchesMax);
      await this.#follow(overlap, path, explored).catch((cause: unknown) => {
        throw new LadderError(`${overlap.name}, ${path.toString()}`, { cause });
      });
      prefix = path.next();
    }
    this.runs += runs;
    this.moments += explored.disks;
    return runs;
  }

  async #follow(overlap: Overlap, path: Path, explored: Explored): Promise<void> {
    const disk = new SimulatedDisk({ seed: 1 });
    const environment = simulatedEnvironment(1, disk);
    const ledger = ledgerFor(this.#backEnd);
    const identity = new IdentityCalls();
    const manager = this.#backEnd.open(environment, this.#settings.options);
    const opened = await runWorkload(environment, async () => {
      const created = await manager.createWal(metadata);
      for (const batch of overlap.before) {
        const error = await perform(created, ledger, batch);
        if (error !== undefined) throw error;
      }
      return created;
    });
    if (opened.outcome === 'stopped') throw new LadderError('the world stopped');
    const look = async (): Promise<void> => {
      const { samples } = this.#settings;
      const at = disk.mutationCount;
      const states = crashStates(disk, { exhaustiveMax: samples, samples, seed: at, goesOn: true });
      const context = `after mutation ${at}`;
      const progress = { created: true };
      await this.#judge.look(states, { ledger, progress, identity, seed: 1, context });
    };
    const makeCall = async (call: OverlappingCall): Promise<void> => {
      if (call === 'identity') await identity.write(manager);
      else if (call === 'close') await closeLog(manager, ledger, disk);
      else if (call.purgeTo !== undefined) await purge(opened.value, ledger, call.purgeTo);
      else {
        const error = await perform(opened.value, ledger, call);
        // A call after a close is refused.
        if (error !== undefined && error.code !== 'WAL_CLOSED') throw error;
      }
    };
    const callers = async (): Promise<void> => {
      const all = overlap.callers.map(async (calls, number) => {
        for (const call of calls) {
          await disk.step(`caller ${number}`);
          await makeCall(call);
        }
      });
      await Promise.all(all);
    };
    await runScheduled(environment, callers, {
      schedule: path,
      asksForMutationsOnly: true,
      timersMax: overlap.timersMax ?? 0,
      atRest: async () => {
        const state = path.stateWith(disk.heldCalls);
        if (!path.isNew) return;
        if (explored.isNewDisk(state)) await look();
        if (explored.covers(path, state)) disk.stop();
      },
    });
    if (!disk.stopped) await look();
  }
}

/** Without faults a purge removes its files, unless the log is closed meanwhile. */
async function purge({ wal }: OpenedWal, ledger: Ledger, purgeTo: number): Promise<void> {
  const id = ledger.attempt({ purgeTo });
  try {
    const { heldBy } = await wal.purge(purgeTo);
    expectThat(heldBy?.includes('could not') !== true, `a purge failed to remove files: ${heldBy}`);
    ledger.acknowledge(id);
  } catch (error) {
    if (!(error instanceof ClosedError)) throw error;
    ledger.reject(id, error);
  }
}
