/**
 * Several callers work on one log. The schedule decides when each of them makes its next call,
 * while calls of the others are running. Saves, purges, syncs, identity records, reads and the
 * close overlap.
 */
import { WalError, type OpenedWal, type WalManager } from '@babuza/wal-core';
import { mixSeeds, SeededRandom } from '../seeded-random.ts';
import { Author, perform } from './author.ts';
import { expectNothing, LadderError, openLog } from './back-end.ts';
import { closeLog } from './close-log.ts';
import type { IdentityCalls } from './identity-calls.ts';
import type { World } from './work.ts';

const callersCount = 4;

export interface SharedWorld<Options extends object> extends World<Options> {
  readonly identity: IdentityCalls;
}

/**
 * Makes `calls` calls in runs of 10 to 30, with a restart between runs. Some runs are closed while
 * calls are running. `closesLast` says whether the last run is closed; by default the seed decides.
 */
export async function workTogether<Options extends object>(
  world: SharedWorld<Options>,
  seed: number,
  calls: number,
  options: Options,
  closesLast?: boolean,
): Promise<void> {
  const random = new SeededRandom(mixSeeds(seed, 11));
  let run = 0;
  for (let left = calls; left > 0; run += 1) {
    const callsOfRun = Math.min(left, 10 + random.below(21));
    left -= callsOfRun;
    const isClosed = left > 0 || (closesLast ?? random.below(2) === 0);
    await new SharedRun(world, mixSeeds(seed, run), random).run(callsOfRun, options, isClosed);
  }
}

class SharedRun<Options extends object> {
  readonly #world: SharedWorld<Options>;
  readonly #seed: number;
  readonly #random: SeededRandom;
  #callsLeft = 0;
  #isClosing = false;

  constructor(world: SharedWorld<Options>, seed: number, random: SeededRandom) {
    this.#world = world;
    this.#seed = seed;
    this.#random = random;
  }

  async run(calls: number, options: Options, isClosed: boolean): Promise<void> {
    const { backEnd, environment, ledger, progress, identity } = this.#world;
    const manager = backEnd.open(environment, options);
    const opened = await openLog(manager);
    progress.created = true;
    expectNothing(ledger.judge(opened), 'closed and opened again');
    expectNothing(identity.judge(await manager.readIdentity()), 'closed and opened again');
    const author = new Author(this.#seed, opened, { rotatesOften: this.#seed % 3 !== 0 });
    this.#callsLeft = calls;
    const callers = Array.from({ length: callersCount }, (_, number) =>
      this.#caller(number, manager, opened, author),
    );
    // In half of the runs other callers still have calls running when the log is closed.
    await (this.#random.below(2) === 0 ? Promise.race(callers) : Promise.all(callers));
    if (isClosed) await this.#close(manager);
    await Promise.all(callers);
  }

  async #caller(
    number: number,
    manager: WalManager,
    opened: OpenedWal,
    author: Author,
  ): Promise<void> {
    const { environment } = this.#world;
    while (this.#callsLeft > 0) {
      await environment.fileSystem.step(`caller ${number}`);
      if (this.#callsLeft === 0 || this.#isClosing) return;
      this.#callsLeft -= 1;
      const error = await this.#call(manager, opened, author);
      if (error !== undefined && !(this.#isClosing && error.code === 'WAL_CLOSED')) {
        throw new LadderError(`caller ${number} was refused`, { cause: error });
      }
      if (this.#random.below(10) === 0) await environment.clock.sleep(this.#random.below(80));
    }
  }

  async #call(
    manager: WalManager,
    opened: OpenedWal,
    author: Author,
  ): Promise<WalError | undefined> {
    const dice = this.#random.below(12);
    if (dice === 0) return this.#world.identity.write(manager);
    if (dice === 1) return readAll(opened);
    return perform(opened, this.#world.ledger, author.next());
  }

  async #close(manager: WalManager): Promise<void> {
    const { ledger, environment } = this.#world;
    this.#isClosing = true;
    await closeLog(manager, ledger, environment.fileSystem);
  }
}

/** Visible entries can be read, whatever calls are running. */
function readAll({ storage }: OpenedWal): WalError | undefined {
  try {
    const first = storage.firstIndex();
    const last = storage.lastIndex();
    if (last < first) return undefined;
    const { length } = storage.entries(first, last + 1, Infinity);
    if (length === last + 1 - first) return undefined;
    throw new LadderError(`${length} entries were read from index ${first} to ${last}`);
  } catch (error) {
    if (error instanceof WalError) return error;
    throw error;
  }
}
