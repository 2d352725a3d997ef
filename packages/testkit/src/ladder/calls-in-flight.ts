/**
 * Calls of one log that overlap: each begins when the schedule says so, while some of those before
 * it are still under way. After a rejection none begins until all have ended.
 */
import type { OpenedWal, WalError } from '@babuza/wal-core';
import type { Ledger, LedgerBatch } from '@babuza/wal-core/conformance';
import { RandomSchedule, runScheduled } from '../scheduled-world.ts';
import type { SimulatedDisk } from '../simulated-disk.ts';
import {
  runWorkload,
  type SimulatedEnvironment,
  type WorkloadOutcome,
} from '../simulated-environment.ts';
import { perform } from './author.ts';

/** Runs a workload whose calls may overlap where there is a seed for their schedule. */
export function runPossiblyScheduled<T>(
  environment: SimulatedEnvironment,
  workload: () => Promise<T>,
  scheduleSeed: number | undefined,
): Promise<WorkloadOutcome<T>> {
  if (scheduleSeed === undefined) return runWorkload(environment, workload);
  return runScheduled(environment, workload, { schedule: new RandomSchedule(scheduleSeed) });
}

/** A call that was rejected. */
export interface Rejected {
  /** Its number in the order of the calls. */
  readonly number: number;
  readonly batch: LedgerBatch;
  readonly error: WalError;
}

export class CallsInFlight {
  /** In the order of the calls. */
  readonly rejected: Rejected[] = [];
  readonly #opened: OpenedWal;
  readonly #ledger: Ledger;
  readonly #disk: SimulatedDisk;
  readonly #countMax: number;
  readonly #running = new Set<Promise<void>>();
  /** Errors that are none of a log: the world has stopped, or a test has found something. */
  readonly #unexpected: unknown[] = [];
  #count = 0;

  /** Up to `countMax` calls are under way at the same time. */
  constructor(opened: OpenedWal, ledger: Ledger, disk: SimulatedDisk, countMax: number) {
    this.#opened = opened;
    this.#ledger = ledger;
    this.#disk = disk;
    this.#countMax = countMax;
  }

  /** Begins a call when its turn comes; returns whether it did. What it comes to is seen later. */
  async begin(batchOf: () => LedgerBatch): Promise<boolean> {
    for (;;) {
      // At rest all rejections so far are known.
      await this.#disk.step('the next call');
      if (this.#running.size < this.#countMax) break;
      await Promise.race(this.#running);
    }
    this.#throwUnexpected();
    if (this.rejected.length > 0) return false;
    this.#begin(batchOf());
    return true;
  }

  /** Resolves when no call is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwUnexpected();
  }

  /** Makes the rejected calls again, in their order and without waiting between them. */
  async again(): Promise<void> {
    await this.settled();
    for (const { batch } of this.rejected.splice(0)) this.#begin(batch);
    await this.settled();
  }

  #begin(batch: LedgerBatch): void {
    this.#count += 1;
    const number = this.#count;
    const call = perform(this.#opened, this.#ledger, batch).then(
      (error) => {
        this.#running.delete(call);
        if (error !== undefined) this.rejected.push({ number, batch, error });
        this.rejected.sort((one, other) => one.number - other.number);
      },
      (error: unknown) => {
        this.#running.delete(call);
        this.#unexpected.push(error);
      },
    );
    this.#running.add(call);
  }

  #throwUnexpected(): void {
    const [error] = this.#unexpected;
    if (error !== undefined) throw error;
  }
}
