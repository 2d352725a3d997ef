/**
 * Every call of the disk fails during random work, once or permanently. Each failure is reported
 * with a typed error, nothing is acknowledged that is not durable, a poisoned log stays poisoned,
 * and the log opens afterwards with a content that the ledger allows.
 */
import { WalError, type OpenedWal } from '@babuza/wal-core';
import type { Ledger } from '@babuza/wal-core/conformance';
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
  openLog,
  Verdicts,
  type BackEnd,
} from './back-end.ts';
import { CallsInFlight, runPossiblyScheduled } from './calls-in-flight.ts';

export interface Failure {
  readonly name: string;
  readonly fault: Fault;
}

export const failures: readonly Failure[] = [
  { name: 'EIO', fault: { type: 'error', kind: 'io' } },
  { name: 'ENOSPC', fault: { type: 'error', kind: 'no-space' } },
  { name: 'ENOMEM', fault: { type: 'error', kind: 'try-again' } },
  { name: 'a short write, then EIO', fault: { type: 'partial-write', kind: 'io', bytes: 700 } },
  {
    name: 'a short write, then ENOSPC',
    fault: { type: 'partial-write', kind: 'no-space', bytes: 700 },
  },
  { name: 'a sync that drops', fault: { type: 'sync-error', pending: 'dropped' } },
  { name: 'a sync that keeps', fault: { type: 'sync-error', pending: 'kept' } },
  { name: 'a sync that wrote half', fault: { type: 'sync-error', pending: 'half-written' } },
];

/** A workload of random calls. */
export interface Workload<Options> {
  readonly seed: number;
  readonly steps: number;
  readonly options: Options;
  /** How many calls may run at the same time, in an order that the seed chooses. Default 1. */
  readonly together?: number;
}

interface Outcome {
  created: boolean;
  error: unknown;
  laterError: unknown;
  closeError: unknown;
}

export class SingleFaults<Options extends object> {
  readonly verdicts: Verdicts = new Verdicts();
  runs = 0;
  readonly #backEnd: BackEnd<Options>;

  constructor(backEnd: BackEnd<Options>) {
    this.#backEnd = backEnd;
  }

  toString(): string {
    return `${this.runs} calls failed: ${this.verdicts.toString()}`;
  }

  /** Makes every call of the workload fail. Returns how many calls there were. */
  async run(workload: Workload<Options>, failure: Failure, sticky: boolean): Promise<number> {
    let nth = 1;
    while (await this.#failAt(workload, failure, nth, sticky)) nth += 1;
    this.runs += nth - 1;
    return nth - 1;
  }

  /** Runs one world in which call `nth` fails. Returns whether the world reached that call. */
  async #failAt(
    workload: Workload<Options>,
    { name, fault }: Failure,
    nth: number,
    sticky: boolean,
  ): Promise<boolean> {
    const { seed } = workload;
    const context = `seed ${seed}, ${name} at call ${nth}${sticky ? ' and all later calls' : ''}`;
    const disk = new SimulatedDisk({ seed });
    const environment = simulatedEnvironment(seed, disk);
    const ledger = ledgerFor(this.#backEnd);
    const injected = disk.inject({ nth, sticky, fault });
    const result = await runPossiblyScheduled(
      environment,
      () => this.#attempt(environment, ledger, workload),
      scheduleSeedOf(workload, nth),
    );
    expectThat(result.outcome === 'finished', `${context}: the world stopped`);
    if (result.outcome !== 'finished' || injected.hits === 0) return false;
    checkOutcome(result.value, context);
    injected.remove();
    const { created } = result.value;
    const survivor = simulatedEnvironment(seed + 1, disk.crash(nth));
    await runWorkload(survivor, async () => {
      const manager = this.#backEnd.open(survivor);
      if (!(await manager.hasExistingWal())) {
        expectThat(!created, `${context}: a log that was created is gone`);
        return;
      }
      const opened = await this.verdicts.open(this.#backEnd, manager, survivor, () => context);
      if (opened === undefined) return;
      expectNothing(ledger.judge(opened), context);
      await manager.close();
    });
    return true;
  }

  /** Works until the first error, and records the failed call in the ledger. */
  async #attempt(
    environment: SimulatedEnvironment,
    ledger: Ledger,
    { seed, steps, options, together = 1 }: Workload<Options>,
  ): Promise<Outcome> {
    const manager = this.#backEnd.open(environment, options);
    const outcome: Outcome = {
      created: false,
      error: undefined,
      laterError: undefined,
      closeError: undefined,
    };
    let opened: OpenedWal;
    try {
      opened = await openLog(manager);
    } catch (error) {
      outcome.error = error;
      await manager.close().catch(() => undefined);
      return outcome;
    }
    outcome.created = true;
    const author = new Author(seed, opened, { rotatesOften: together > 1 });
    const calls = new CallsInFlight(opened, ledger, environment.fileSystem, together);
    for (let step = 0; step < steps; step += 1) {
      if (!(await calls.begin(() => author.next()))) break;
      if (together === 1) await calls.settled();
      await environment.clock.sleep(step % 3 === 0 ? 60 : 0);
    }
    await calls.settled();
    outcome.error = calls.rejected[0]?.error;
    if (outcome.error !== undefined) await afterFailure(opened, outcome);
    outcome.closeError = await manager.close().catch((error: unknown) => error);
    return outcome;
  }
}

/**
 * The seed differs between the failing calls, so that each meets other orders. Calls that run alone
 * need no schedule.
 */
export function scheduleSeedOf(
  { seed, together = 1 }: Workload<object>,
  nth: number,
): number | undefined {
  return together === 1 ? undefined : mixSeeds(seed, nth);
}

/** After a failure the log still reads what is durable, and says why it accepts no more writes. */
async function afterFailure({ wal, storage }: OpenedWal, outcome: Outcome): Promise<void> {
  if (!(outcome.error instanceof WalError) || outcome.error.code !== 'WAL_POISONED') return;
  outcome.laterError = await wal.sync().catch((error: unknown) => error);
  const first = storage.firstIndex();
  const last = storage.lastIndex();
  if (last >= first) storage.entries(first, last + 1, Infinity);
}

function checkOutcome({ error, laterError, closeError }: Outcome, context: string): void {
  for (const seen of [error, laterError, closeError]) {
    const typed = seen === undefined || seen instanceof WalError;
    expectThat(typed, `${context}: an error without a type: ${String(seen)}`);
  }
  if (!(error instanceof WalError) || error.code !== 'WAL_POISONED') return;
  const stays = laterError instanceof WalError && laterError.code === 'WAL_POISONED';
  expectThat(laterError === undefined || stays, `${context}: the log is no longer poisoned`);
}
