/**
 * Every call of the disk fails while a log is reopened, used and closed: after a clean close, in
 * the middle of a rotation, with a torn tail, and with files that a purge left. Each failure is
 * reported, unless no caller depends on it. No position in the sources that calls the disk goes
 * without a failure. The log opens afterwards, on the same machine and after a power cut.
 */
import { WalError } from '@babuza/wal-core';
import type { Ledger } from '@babuza/wal-core/conformance';
import type { CallRecord } from '../call-engine.ts';
import type { Fault } from '../fault-rules.ts';
import type { SimulatedDisk } from '../simulated-disk.ts';
import { runWorkload, simulatedEnvironment } from '../simulated-environment.ts';
import { expectNothing, expectThat, Verdicts, type BackEnd } from './back-end.ts';
import { runSecondProcess } from './second-process.ts';
import { copyOf, ledgerOf, type Start } from './starts.ts';

export const reopenFaults: readonly Fault[] = [
  { type: 'error', kind: 'io' },
  { type: 'error', kind: 'no-space' },
  { type: 'error', kind: 'permission' },
  { type: 'partial-write', kind: 'io', bytes: 100 },
  { type: 'partial-write', kind: 'no-space', bytes: 600 },
  { type: 'sync-error', pending: 'dropped' },
  { type: 'sync-error', pending: 'kept' },
  { type: 'sync-error', pending: 'half-written' },
];

export interface ReopenRules<Options> {
  /** The options of the process whose disk fails. */
  optionsOf(inline: boolean): Options;
  /**
   * Whether no caller needs to learn of this failure: it concerns a file for later, or a mark that
   * the next write replaces.
   */
  isOptional(call: CallRecord): boolean;
  /** Whether this position in the sources is only reached after two failures in a row. */
  isUnreachable(site: string): boolean;
}

export class ReopenFaults<Options extends object> {
  readonly verdicts: Verdicts = new Verdicts();
  runs = 0;
  readonly #backEnd: BackEnd<Options>;
  readonly #rules: ReopenRules<Options>;
  readonly #sites = new Map<string, number>();

  constructor(backEnd: BackEnd<Options>, rules: ReopenRules<Options>) {
    this.#backEnd = backEnd;
    this.#rules = rules;
  }

  /** The positions in the sources that call the disk, and how often each of them failed. */
  get sites(): [string, number][] {
    return [...this.#sites].filter(
      ([site]) => site.includes('/src/') && !this.#rules.isUnreachable(site),
    );
  }

  /** Makes every call fail, or a sample of the calls. Returns how many failed. */
  async run(start: Start, fault: Fault, sticky: boolean): Promise<number> {
    const { step = 1 } = start;
    let failed = 0;
    let nth = 1 + (this.runs % step);
    for (; await this.#failAt(start, fault, nth, sticky); nth += step) failed += 1;
    this.runs += failed;
    return failed;
  }

  async #failAt(start: Start, fault: Fault, nth: number, sticky: boolean): Promise<boolean> {
    const context = `${start.name}: ${JSON.stringify(fault)} at call ${nth}${sticky ? ' and all later calls' : ''}`;
    // A stack trace for each call takes most of the time. Two of the starts reach all positions.
    const recordsCallSites =
      fault.type === 'error' &&
      fault.kind === 'io' &&
      start.step === undefined &&
      /killed|purged/.test(start.name);
    const disk = await copyOf(this.#backEnd, start, { seed: nth, recordsCallSites });
    const environment = simulatedEnvironment(3, disk);
    const ledger = await ledgerOf(this.#backEnd, start);
    const calls = disk.calls.length;
    const injected = disk.inject({ nth, sticky, fault });
    const options = this.#rules.optionsOf(nth % 3 === 0);
    const result = await runWorkload(environment, () =>
      runSecondProcess(environment, this.#backEnd.open(environment, options), ledger, sticky),
    );
    expectThat(result.outcome === 'finished', `${context}: the world stopped`);
    if (result.outcome !== 'finished' || injected.hits === 0) return false;
    injected.remove();
    this.#countSites(disk);
    const { errors, heldBy } = result.value;
    for (const error of errors) {
      const typed = error instanceof WalError;
      expectThat(typed, `${context}: an error without a type: ${String(error)}`);
    }
    const failed = disk.calls
      .slice(calls)
      .find(({ outcome }) => outcome === 'EIO' || outcome === 'ENOSPC');
    const isSilent = errors.length === 0 && heldBy?.includes('could not') !== true;
    if (isSilent && failed !== undefined) {
      const { operation, path, bytes } = failed;
      const what = `${operation} ${path} +${bytes} failed, and nothing was reported`;
      expectThat(this.#rules.isOptional(failed), `${context}: ${what}`);
    }
    const leaked = disk.openPaths;
    expectThat(leaked.length === 0, `${context}: files are still open: ${leaked.join()}`);
    const lostNames = failed?.operation === 'sync-directory' && fault.type === 'sync-error';
    const after = disk.kill(nth);
    if (!lostNames) await this.#judgeLeft(after, ledger, `${context}, restarted`);
    await this.#judgeLeft(disk.crash(nth), ledger, `${context}, then a power cut`);
    return true;
  }

  #countSites(disk: SimulatedDisk): void {
    for (const [site, { faults }] of disk.callSites) {
      this.#sites.set(site, (this.#sites.get(site) ?? 0) + faults);
    }
  }

  /** Opens the log in a healthy world and checks it. */
  async #judgeLeft(disk: SimulatedDisk, ledger: Ledger, context: string): Promise<void> {
    const environment = simulatedEnvironment(5, disk);
    await runWorkload(environment, async () => {
      const manager = this.#backEnd.open(environment);
      const opened = await this.verdicts.open(this.#backEnd, manager, environment, () => context);
      if (opened === undefined) return;
      expectNothing(ledger.judge(opened), context);
      await manager.close();
      const leaked = disk.openPaths;
      expectThat(leaked.length === 0, `${context}: files are still open: ${leaked.join()}`);
    });
  }
}
