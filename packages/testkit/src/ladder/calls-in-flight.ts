/**
 * Overlapping calls of one log. The schedule decides when each call begins, while earlier calls are
 * still running. After a rejection no call begins until all have ended.
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

/** Runs a workload. Its calls may overlap if a seed for their schedule is given. */
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
  /** The number of the call in the order in which the calls were made. */
  readonly number: number;
  readonly batch: LedgerBatch;
  readonly error: WalError;
}

export class CallsInFlight {
  /** Ordered by number. */
  readonly rejected: Rejected[] = [];
  readonly #opened: OpenedWal;
  readonly #ledger: Ledger;
  readonly #disk: SimulatedDisk;
  readonly #countMax: number;
  readonly #running = new Set<Promise<void>>();
  /** Errors that no log throws: the world has stopped, or a check of the test has failed. */
  readonly #unexpected: unknown[] = [];
  #count = 0;

  /** Up to `countMax` calls run at the same time. */
  constructor(opened: OpenedWal, ledger: Ledger, disk: SimulatedDisk, countMax: number) {
    this.#opened = opened;
    this.#ledger = ledger;
    this.#disk = disk;
    this.#countMax = countMax;
  }

  /**
   * Begins a call when the schedule chooses it. Returns whether it began; its outcome is seen
   * later.
   */
  async begin(batchOf: () => LedgerBatch): Promise<boolean> {
    for (;;) {
      // The schedule is asked when nothing can run, so all rejections so far are known.
      await this.#disk.step('the next call');
      if (this.#running.size < this.#countMax) break;
      await Promise.race(this.#running);
    }
    this.#throwUnexpected();
    if (this.rejected.length > 0) return false;
    this.#begin(batchOf());
    return true;
  }

  /** Resolves when no call is running. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwUnexpected();
  }

  /** Repeats the rejected calls in their order, without waiting between them. */
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
