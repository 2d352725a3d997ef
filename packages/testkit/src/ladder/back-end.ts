/** The description of a durable back end that the tests of this folder need. */
import type { ConfState } from '@babuza/raftpb';
import type { Environment } from '@babuza/vfs';
import {
  CorruptError,
  type OpenedWal,
  type WalCapabilities,
  type WalManager,
} from '@babuza/wal-core';
import { Ledger } from '@babuza/wal-core/conformance';
import type { SimulatedDisk } from '../simulated-disk.ts';
import type { SimulatedEnvironment } from '../simulated-environment.ts';

export interface BackEnd<Options extends object = object> {
  readonly name: string;
  readonly capabilities: WalCapabilities;
  /** The directory of the log, the same on every disk of every test. */
  readonly directory: string;
  /** Returns a manager of that directory. Segments are small: a few batches fill one. */
  open(environment: Environment, options?: Options): WalManager;
  /**
   * Only for a format that cannot tell every crash from damage. Called when a log was refused
   * although it only crashed; returns what can still be done. If absent, such a refusal is an
   * error.
   */
  readonly afterRefusal?: (
    environment: SimulatedEnvironment,
    error: CorruptError,
  ) => Promise<AfterRefusal>;
}

export interface AfterRefusal {
  /** A description under which the refusal is counted. */
  readonly how: string;
  /** The log, if it could be opened in the end; it is then checked like any other. */
  readonly opened: OpenedWal | undefined;
}

export const metadata: { readonly clusterId: bigint; readonly nodeId: bigint } = {
  clusterId: 7n,
  nodeId: 2n ** 64n - 3n,
};

export const confState: ConfState = {
  voters: [1n, 2n ** 64n - 3n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** A ledger that tolerates what the capabilities of the back end leave open. */
export function ledgerFor({ capabilities }: BackEnd): Ledger {
  const { batchAtomic, exactPurge } = capabilities;
  return new Ledger({ batchAtomic, exactPurge });
}

/** Creates the log or opens it. */
export async function openLog(manager: WalManager): Promise<OpenedWal> {
  return (await manager.hasExistingWal()) ? manager.replayWal() : manager.createWal(metadata);
}

/** A test of this folder found a violation. The message identifies the simulated world. */
export class LadderError extends Error {
  override readonly name = 'LadderError';
}

/** Throws if there are violations. */
export function expectNothing(violations: readonly string[], context: string): void {
  if (violations.length > 0) throw new LadderError(`${context}:\n${violations.join('\n')}`);
}

export function expectThat(condition: boolean, context: string): void {
  if (!condition) throw new LadderError(context);
}

/** Counts the outcomes of opening logs that only crashed. Tests print the counts. */
export class Verdicts {
  readonly tails = { clean: 0, torn: 0, uncertain: 0 };
  readonly refusals: Map<string, number> = new Map();

  get refused(): number {
    return [...this.refusals.values()].reduce((sum, times) => sum + times, 0);
  }

  /**
   * Opens an existing log in a world without faults. Returns `undefined`, and counts it, if the log
   * stays refused.
   */
  async open(
    backEnd: BackEnd,
    manager: WalManager,
    environment: SimulatedEnvironment,
    context: () => string,
  ): Promise<OpenedWal | undefined> {
    try {
      const opened = await manager.replayWal();
      this.tails[opened.tail.verdict] += 1;
      return opened;
    } catch (error) {
      if (!(error instanceof CorruptError) || backEnd.afterRefusal === undefined) {
        throw new LadderError(`${context()}: a crash alone must never be refused`, {
          cause: error,
        });
      }
      await manager.close();
      const { how, opened } = await backEnd.afterRefusal(environment, error);
      const { pieceBytes, showsGarbage } = environment.fileSystem.options;
      const disk = `pieces of ${pieceBytes}${showsGarbage ? ', garbage in grown files' : ''}`;
      this.count(`${how}; ${disk}`);
      return opened;
    }
  }

  count(refusal: string): void {
    this.refusals.set(refusal, (this.refusals.get(refusal) ?? 0) + 1);
  }

  /** `10 clean, 2 torn, 1 uncertain`, followed by the refusals if there were any. */
  toString(): string {
    const { clean, torn, uncertain } = this.tails;
    const tails = `${clean} clean, ${torn} torn, ${uncertain} uncertain`;
    const { refused } = this;
    if (refused === 0) return tails;
    const share = ((100 * refused) / (clean + torn + uncertain + refused)).toFixed(2);
    const rows = [...this.refusals]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([how, times]) => `\n  ${times} ${how}`);
    return `${tails}, ${refused} refused (${share} %)${rows.join('')}`;
  }
}

/** The paths of all files except lock files. */
export function logFiles({ surgery }: SimulatedDisk): string[] {
  return surgery.files().filter((path) => !path.endsWith('LOCK'));
}
