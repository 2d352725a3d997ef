/**
 * The system lacks a resource for a while: every call of the disk that stores no bytes fails, once
 * or until it is healed, during random work. No such failure poisons the log. Rejections have the
 * code `WAL_TRY_AGAIN`, and the same call succeeds as soon as the shortage is over, without
 * reopening the log. Acknowledged content is there after a clean close, and after a power cut soon
 * after the first failure.
 */
import { WalError, type OpenedWal, type WalManager } from '@babuza/wal-core';
import type { Ledger, LedgerBatch } from '@babuza/wal-core/conformance';
import type { FileErrorKind, FileOperation } from '@babuza/vfs';
import type { InjectedFault } from '../fault-rules.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import {
  runWorkload,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '../simulated-environment.ts';
import { Author, perform } from './author.ts';
import {
  expectNothing,
  expectThat,
  ledgerFor,
  metadata,
  Verdicts,
  type BackEnd,
} from './back-end.ts';
import { CallsInFlight, runPossiblyScheduled } from './calls-in-flight.ts';
import { scheduleSeedOf, type Workload } from './faults.ts';

/** The calls that store no bytes. A failure of one of them loses nothing. */
export const harmlessOperations: readonly FileOperation[] = [
  'open',
  'read',
  'size',
  'rename',
  'unlink',
  'mkdir',
  'rmdir',
  'list',
  'stat',
  'open-directory',
  'lock',
];

/** EMFILE and ENFILE; ENOMEM, EAGAIN and EINTR; EACCES. */
export const transientKinds: readonly FileErrorKind[] = [
  'too-many-open',
  'try-again',
  'permission',
];

export interface Shortage {
  readonly kind: FileErrorKind;
  /** Whether only one call fails, or all from then on until the shortage is healed. */
  readonly lasts: 'once' | 'until-healed';
}

/** How often calls are rejected before a lasting shortage ends. */
const rejectionsMax = 3;

export class TransientFaults<Options extends object> {
  readonly verdicts: Verdicts = new Verdicts();
  runs = 0;
  /** The number of rejected calls of the log, by error code. */
  readonly rejections: Map<string, number> = new Map();
  readonly #backEnd: BackEnd<Options>;

  constructor(backEnd: BackEnd<Options>) {
    this.#backEnd = backEnd;
  }

  toString(): string {
    const codes = [...this.rejections].map(([code, times]) => `${times} ${code}`).join(', ');
    return `${this.runs} shortages: ${codes}; ${this.verdicts.toString()}`;
  }

  /** Makes every call of the workload fail. Returns how many calls there were. */
  async run(workload: Workload<Options>, shortage: Shortage): Promise<number> {
    let nth = 1;
    while (await this.#failAt(workload, shortage, nth)) nth += 1;
    this.runs += nth - 1;
    return nth - 1;
  }

  async #failAt(workload: Workload<Options>, shortage: Shortage, nth: number): Promise<boolean> {
    const { seed } = workload;
    const context = `seed ${seed}, ${shortage.kind} ${shortage.lasts} at call ${nth}`;
    const disk = new SimulatedDisk({ seed });
    const environment = simulatedEnvironment(seed, disk);
    const ledger = ledgerFor(this.#backEnd);
    const injected = disk.inject({
      on: harmlessOperations,
      nth,
      sticky: shortage.lasts === 'until-healed',
      fault: { type: 'error', kind: shortage.kind },
    });
    const attempt = new Attempt(this.#backEnd, environment, ledger, injected, context);
    const result = await runPossiblyScheduled(
      environment,
      () => attempt.run(workload, stopAfter(shortage, nth)),
      scheduleSeedOf(workload, nth),
    );
    expectThat(result.outcome === 'finished', `${context}: the world stopped`);
    if (injected.hits === 0) return false;
    for (const code of attempt.codes) {
      this.rejections.set(code, (this.rejections.get(code) ?? 0) + 1);
    }
    injected.remove();
    const survivor = simulatedEnvironment(seed + 1, disk.crash(nth));
    await runWorkload(survivor, async () => {
      const manager = this.#backEnd.open(survivor);
      const opened = await this.verdicts.open(this.#backEnd, manager, survivor, () => context);
      if (opened === undefined) return;
      expectNothing(ledger.judge(opened), context);
      await manager.close();
      const leaked = survivor.fileSystem.openPaths;
      expectThat(leaked.length === 0, `${context}: files are still open: ${leaked.join()}`);
    });
    return true;
  }
}

/** One world with a shortage. */
class Attempt<Options extends object> {
  readonly codes: string[] = [];
  readonly #backEnd: BackEnd<Options>;
  readonly #environment: SimulatedEnvironment;
  readonly #ledger: Ledger;
  readonly #injected: InjectedFault;
  readonly #context: string;
  /** How many calls may still succeed before the power is cut. */
  #successesLeft = Infinity;

  constructor(
    backEnd: BackEnd<Options>,
    environment: SimulatedEnvironment,
    ledger: Ledger,
    injected: InjectedFault,
    context: string,
  ) {
    this.#backEnd = backEnd;
    this.#environment = environment;
    this.#ledger = ledger;
    this.#injected = injected;
    this.#context = context;
  }

  /**
   * Does all of the work. If `stopAfter` is not 0, it stops after that many successful calls since
   * the first failure.
   */
  async run(workload: Workload<Options>, stopAfter: number): Promise<void> {
    const { together = 1, options } = workload;
    const manager = this.#backEnd.open(this.#environment, options);
    const opened = await this.#untilOpen(manager);
    this.#successesLeft = stopAfter === 0 ? Infinity : stopAfter;
    await (together === 1 ? this.#oneByOne(opened, workload) : this.#together(opened, workload));
    if (this.#successesLeft <= 0) return;
    // All entries are read, which reveals what the shortage left behind.
    const { storage } = opened;
    const last = storage.lastIndex();
    if (last >= storage.firstIndex()) storage.entries(storage.firstIndex(), last + 1, Infinity);
    await manager.close().catch((error: unknown) => this.#note(error));
  }

  async #oneByOne(opened: OpenedWal, { seed, steps }: Workload<Options>): Promise<void> {
    const author = new Author(seed, opened);
    for (let step = 0; step < steps; step += 1) {
      await this.#untilDone(opened, author.next());
      if (this.#successesLeft === 0) return;
      await this.#environment.clock.sleep(step % 3 === 0 ? 60 : 0);
    }
  }

  /** Repeats rejected calls in their order when all calls have ended. */
  async #together(
    opened: OpenedWal,
    { seed, steps, together = 1 }: Workload<Options>,
  ): Promise<void> {
    const { clock, fileSystem } = this.#environment;
    const author = new Author(seed, opened, { rotatesOften: true });
    const calls = new CallsInFlight(opened, this.#ledger, fileSystem, together);
    for (let step = 0; step < steps; step += 1) {
      if (await calls.begin(() => author.next())) {
        if (this.#injected.hits > 0) this.#successesLeft -= 1;
      } else {
        await calls.settled();
        await this.#makeAgain(calls);
      }
      if (this.#successesLeft <= 0) return;
      await clock.sleep(step % 3 === 0 ? 60 : 0);
    }
    await calls.settled();
    if (calls.rejected.length > 0) await this.#makeAgain(calls);
  }

  async #makeAgain(calls: CallsInFlight): Promise<void> {
    while (calls.rejected.length > 0) {
      for (const { error } of calls.rejected) {
        this.#note(error);
        const isRefusal = error.code === 'WAL_TRY_AGAIN';
        expectThat(isRefusal, `${this.#context}: a call was rejected with ${error.code}`);
      }
      await this.#environment.clock.sleep(60);
      this.#healAfterSome();
      await calls.again();
    }
  }

  async #untilOpen(manager: WalManager): Promise<OpenedWal> {
    for (;;) {
      try {
        const exists = await manager.hasExistingWal();
        return exists ? await manager.replayWal() : await manager.createWal(metadata);
      } catch (error) {
        this.#note(error);
        this.#healAfterSome();
      }
    }
  }

  /** Repeats a call until it succeeds, or until enough calls have succeeded. */
  async #untilDone(opened: OpenedWal, batch: LedgerBatch): Promise<void> {
    while (this.#successesLeft > 0) {
      const error = await this.#perform(opened, batch);
      if (error === undefined) return;
      this.#note(error);
      const isRefusal = error.code === 'WAL_TRY_AGAIN';
      expectThat(isRefusal, `${this.#context}: a call was rejected with ${error.code}`);
      // The pause gives the log time for its idle work. A smaller batch may need fewer resources
      // than the rejected one. It must not be acknowledged while a step is missing below it. The
      // whole batch saves the same entries again later.
      await this.#environment.clock.sleep(60);
      const entries = batch.entries?.slice(0, 1) ?? [];
      const smaller = entries.length > 0 ? { entries } : { sync: true };
      const other = await this.#perform(opened, smaller);
      if (other !== undefined) this.#note(other);
      this.#healAfterSome();
    }
  }

  async #perform(opened: OpenedWal, batch: LedgerBatch): Promise<WalError | undefined> {
    const error = await perform(opened, this.#ledger, batch);
    if (error === undefined && this.#injected.hits > 0) this.#successesLeft -= 1;
    return error;
  }

  #healAfterSome(): void {
    if (this.codes.length >= rejectionsMax) this.#injected.remove();
    expectThat(
      this.codes.length < 40,
      `${this.#context}: calls are still rejected after the shortage`,
    );
  }

  #note(error: unknown): void {
    const known = error instanceof WalError && /TRY_AGAIN|PERMISSION/.test(error.code);
    expectThat(known, `${this.#context}: ${String(error)}`);
    if (error instanceof WalError) this.codes.push(error.code);
  }
}

/** Differs between the shortages, so that each call is followed by a power cut sooner and later. */
function stopAfter({ kind, lasts }: Shortage, nth: number): number {
  return (nth + transientKinds.indexOf(kind) + (lasts === 'once' ? 0 : 2)) % 4;
}
