/**
 * Opens the disks that a power cut left, checks them, and lets some of them continue and crash
 * again.
 */
import type { OpenedWal } from '@babuza/wal-core';
import type { Ledger } from '@babuza/wal-core/conformance';
import type { CrashState } from '../crash-states.ts';
import {
  runWorkload,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '../simulated-environment.ts';
import { Author, perform } from './author.ts';
import { expectNothing, LadderError, Verdicts, type BackEnd } from './back-end.ts';
import type { IdentityCalls } from './identity-calls.ts';
import type { Progress } from './work.ts';

/** The work of the crashed world and its position, for messages. */
export interface Crashed {
  readonly ledger: Ledger;
  readonly progress: Progress;
  /** The identity records that were written, if any. */
  readonly identity?: IdentityCalls | undefined;
  readonly seed: number;
  readonly context: string;
}

export class CrashJudge {
  readonly verdicts: Verdicts = new Verdicts();
  states = 0;
  /** The number of states in which the log had not been acknowledged to exist. */
  empty = 0;
  readonly #backEnd: BackEnd;

  constructor(backEnd: BackEnd) {
    this.#backEnd = backEnd;
  }

  toString(): string {
    return `${this.states} crash states: ${this.verdicts.toString()}, ${this.empty} before the log existed`;
  }

  /** Checks all of the states. */
  async look(states: Iterable<CrashState>, crashed: Crashed): Promise<void> {
    for (const state of states) {
      this.states += 1;
      const number = this.states;
      // Computed only for a failure: listing the losses takes as long as opening the log.
      const context = (): string => `${crashed.context}, lost: ${state.lost}`;
      const left = simulatedEnvironment(crashed.seed + number, state.disk);
      let after: Ledger | undefined;
      await runWorkload(left, async () => {
        const opened = await this.#reopen(left, crashed, context);
        if (opened === undefined || number % 5 !== 0) return;
        after = crashed.ledger.copy();
        await this.#goOn(opened, after, context, crashed.seed);
      });
      if (after !== undefined) await this.#crashAgain(left, after, context, crashed.seed);
    }
  }

  /**
   * Opens and checks a crash state. Returns `undefined` if there is no log, or if it is refused.
   */
  async #reopen(
    environment: SimulatedEnvironment,
    { ledger, progress, identity }: Pick<Crashed, 'ledger' | 'progress' | 'identity'>,
    context: () => string,
  ): Promise<OpenedWal | undefined> {
    const manager = this.#backEnd.open(environment);
    if (!(await manager.hasExistingWal())) {
      if (progress.created) throw new LadderError(`${context()}: a log that was created is gone`);
      this.empty += 1;
      return undefined;
    }
    const opened = await this.verdicts.open(this.#backEnd, manager, environment, context);
    if (opened === undefined) return undefined;
    const violations = ledger.judge(opened);
    if (identity !== undefined) violations.push(...identity.judge(await manager.readIdentity()));
    if (violations.length > 0) expectNothing(violations, context());
    return opened;
  }

  /** A recovered log accepts more saves. */
  async #goOn(
    opened: OpenedWal,
    after: Ledger,
    context: () => string,
    seed: number,
  ): Promise<void> {
    after.adopt(opened);
    const author = new Author(seed, opened);
    for (let step = 0; step < 3; step += 1) {
      const error = await perform(opened, after, author.next());
      if (error !== undefined) throw new LadderError(context(), { cause: error });
    }
  }

  /** After another power cut the log still has all of it. */
  async #crashAgain(
    world: SimulatedEnvironment,
    after: Ledger,
    context: () => string,
    seed: number,
  ): Promise<void> {
    // This runs outside of the workload, because the world of the workload stops here.
    const again = simulatedEnvironment(seed + 1, world.fileSystem.crash(seed));
    const secondCrash = (): string => `${context()}, and a second crash`;
    await runWorkload(again, async () => {
      await this.#reopen(again, { ledger: after, progress: { created: true } }, secondCrash);
    });
  }
}
