/**
 * Power cuts at every call of a script, at every call of the recovery that follows, and of the
 * recovery after that. Recovery must come to the same log however often it is interrupted.
 */
import type { OpenedWal, WalManager } from '@babuza/wal-core';
import type { Ledger, LedgerBatch } from '@babuza/wal-core/conformance';
import { crashStates, type CrashStatesOptions } from '../crash-states.ts';
import { SimulatedDisk } from '../simulated-disk.ts';
import {
  runWorkload,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '../simulated-environment.ts';
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
import type { Script, Step } from './scripts.ts';

/** Runs the steps of a script and records the calls in a ledger. */
class Play {
  readonly ledger: Ledger;
  created = false;
  readonly #backEnd: BackEnd;
  readonly #environment: SimulatedEnvironment;
  #opened: OpenedWal | undefined;
  #manager: WalManager;

  constructor(backEnd: BackEnd, environment: SimulatedEnvironment) {
    this.ledger = ledgerFor(backEnd);
    this.#backEnd = backEnd;
    this.#environment = environment;
    this.#manager = backEnd.open(environment);
  }

  async run(steps: readonly Step[]): Promise<void> {
    this.#opened ??= await this.#manager.createWal(metadata);
    this.created = true;
    for (const step of steps) await this.#step(step, this.#opened);
  }

  async close(): Promise<void> {
    await this.#manager.close();
  }

  async #step(step: Step, opened: OpenedWal): Promise<void> {
    if (step === 'pause') {
      await this.#environment.clock.sleep(60);
    } else if (step === 'restart') {
      await this.#reopen(false);
    } else if (step === 'discard') {
      const id = this.ledger.attempt({ discardUncommitted: true });
      await this.#reopen(true);
      this.ledger.acknowledge(id);
    } else {
      const batches = Array.isArray(step)
        ? (step as readonly LedgerBatch[])
        : [step as LedgerBatch];
      const log = this.#opened ?? opened;
      const ended = await Promise.all(batches.map((batch) => perform(log, this.ledger, batch)));
      const failed = ended.find((error) => error !== undefined);
      if (failed !== undefined) throw failed;
    }
  }

  async #reopen(discardUncommitted: boolean): Promise<void> {
    await this.#manager.close();
    this.#manager = this.#backEnd.open(this.#environment);
    this.#opened = await this.#manager.replayWal({ discardUncommitted });
  }
}

export class ScriptCrashes {
  readonly verdicts: Verdicts = new Verdicts();
  states = 0;
  inRecovery = 0;
  readonly #backEnd: BackEnd;
  readonly #samples: Pick<CrashStatesOptions, 'exhaustiveMax' | 'samples'>;

  constructor(
    backEnd: BackEnd,
    samples: Pick<CrashStatesOptions, 'exhaustiveMax' | 'samples'> = {
      exhaustiveMax: 128,
      samples: 40,
    },
  ) {
    this.#backEnd = backEnd;
    this.#samples = samples;
  }

  toString(): string {
    return `${this.states} crash states of scripts, ${this.inRecovery} more in recovery: ${this.verdicts.toString()}`;
  }

  /** Stops the world at every call of the script. */
  async run(script: Script): Promise<void> {
    for (let stopAt = 1; ; stopAt += 1) {
      const pieceBytes = [512, 4096, 512, 1][stopAt % 4] ?? 512;
      const played = await this.#playUntil(script, stopAt, pieceBytes);
      if (played === undefined) break;
      const { disk, play } = played;
      // Here the process is killed instead: the kernel has writes that the disk does not. The power
      // is cut during the recovery.
      for (let kill = 1; kill <= 2; kill += 1) {
        const context = `${script.name}, killed at mutation ${stopAt} (${kill})`;
        await this.#interruptRecovery(disk.kill(kill), play, context, 1);
      }
      const options = { ...this.#samples, seed: stopAt };
      let number = 0;
      for (const { disk: left, lost } of crashStates(disk, options)) {
        this.states += 1;
        number += 1;
        const context = `${script.name}, stopped at mutation ${stopAt}, pieces of ${pieceBytes}, lost: ${lost}`;
        if (number % 6 === 3) {
          await this.#interruptRecovery(left.kill(1), play, context, number === 3 ? 2 : 1);
        }
        await this.#recover(left.kill(1), play, context);
      }
    }
  }

  /** Runs the script until the given call. Returns `undefined` if the script ends before. */
  async #playUntil(
    { before, steps }: Script,
    stopAt: number,
    pieceBytes: number,
  ): Promise<{ disk: SimulatedDisk; play: Play } | undefined> {
    const disk = new SimulatedDisk({ seed: stopAt, pieceBytes, showsGarbage: stopAt % 2 === 0 });
    const environment = simulatedEnvironment(7, disk);
    const play = new Play(this.#backEnd, environment);
    const { outcome } = await runWorkload(environment, async () => {
      if (before.length > 0) await play.run(before);
      disk.stopAtMutation(disk.mutationCount + stopAt);
      await play.run(steps);
      await play.close();
    });
    return outcome === 'stopped' ? { disk, play } : undefined;
  }

  /** Opens the log and checks it. Returns whether the recovery ended. */
  async #recover(disk: SimulatedDisk, play: Play, context: string): Promise<boolean> {
    const environment = simulatedEnvironment(8, disk);
    let hadTail = false;
    const { outcome } = await runWorkload(environment, async () => {
      const manager = this.#backEnd.open(environment);
      if (!(await manager.hasExistingWal())) {
        expectThat(!play.created, `${context}: the log is gone`);
        return;
      }
      const opened = await this.verdicts.open(this.#backEnd, manager, environment, () => context);
      if (opened === undefined) return;
      hadTail = opened.tail.verdict !== 'clean';
      expectNothing(play.ledger.judge(opened), context);
    });
    if (outcome === 'finished' && hadTail) await this.#expectClean(disk.kill(1), context);
    return outcome === 'finished';
  }

  /** A cut is durable: another opening finds nothing of what was cut. */
  async #expectClean(disk: SimulatedDisk, context: string): Promise<void> {
    const environment = simulatedEnvironment(9, disk);
    await runWorkload(environment, async () => {
      const { tail } = await this.#backEnd.open(environment).replayWal();
      if (tail.verdict === 'clean') return;
      throw new LadderError(`${context}; opened once more, the tail is ${tail.verdict}`);
    });
  }

  /**
   * Interrupts the recovery of `state` at each of its calls, and also the recovery of what that
   * leaves.
   */
  async #interruptRecovery(
    state: SimulatedDisk,
    play: Play,
    context: string,
    depth: number,
  ): Promise<void> {
    for (let stopAt = 1; ; stopAt += 1) {
      const disk = state.kill(stopAt);
      disk.stopAtMutation(stopAt);
      const where = `${context}; recovery stopped at mutation ${stopAt}`;
      if (await this.#recover(disk, play, where)) return;
      let number = 0;
      for (const { disk: left, lost } of crashStates(disk, { exhaustiveMax: 4, samples: 4 })) {
        this.inRecovery += 1;
        number += 1;
        const what = `${where}, lost: ${lost}`;
        if (depth > 1 && number % 2 === 0) {
          await this.#interruptRecovery(left, play, what, depth - 1);
        }
        await this.#recover(left, play, what);
      }
    }
  }
}
