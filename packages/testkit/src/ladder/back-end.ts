/** What a durable back end hands in to be tested by the rungs of this folder. */
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
  /** Where the log is, on every disk of every test. */
  readonly directory: string;
  /** A manager of that directory. Segments are small: a few batches fill one. */
  open(environment: Environment, options?: Options): WalManager;
  /**
   * Only for a format that cannot tell every crash from damage: what can still be done where the
   * log was refused although it only crashed, in words that are counted. Absent: that is never
   * right.
   */
  readonly afterRefusal?: (
    environment: SimulatedEnvironment,
    error: CorruptError,
  ) => Promise<AfterRefusal>;
}

export interface AfterRefusal {
  /** What is counted. */
  readonly how: string;
  /** The log, where it could be opened in the end: then it is judged like any other. */
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

/** A ledger that allows what the back end says it cannot help. */
export function ledgerFor({ capabilities }: BackEnd): Ledger {
  const { batchAtomic, exactPurge } = capabilities;
  return new Ledger({ batchAtomic, exactPurge });
}

/** Creates the log or opens it. */
export async function openLog(manager: WalManager): Promise<OpenedWal> {
  return (await manager.hasExistingWal()) ? manager.replayWal() : manager.createWal(metadata);
}

/** A rung found something: its message says in which world. */
export class LadderError extends Error {
  override readonly name = 'LadderError';
}

/** Throws unless there is nothing to complain of. */
export function expectNothing(violations: readonly string[], context: string): void {
  if (violations.length > 0) throw new LadderError(`${context}:\n${violations.join('\n')}`);
}

export function expectThat(condition: boolean, context: string): void {
  if (!condition) throw new LadderError(context);
}

/** What became of logs that only crashed: printed by the tests, so that nothing is hidden. */
export class Verdicts {
  readonly tails = { clean: 0, torn: 0, uncertain: 0 };
  readonly refusals: Map<string, number> = new Map();

  get refused(): number {
    return [...this.refusals.values()].reduce((sum, times) => sum + times, 0);
  }

  /**
   * Opens a log that is there, in a world without faults; `undefined` where it stays refused, which
   * is counted.
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

  /** `10 clean, 2 torn, 1 uncertain`, and what was refused, if anything was. */
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

/** The paths of a disk, without what only keeps others out. */
export function logFiles({ surgery }: SimulatedDisk): string[] {
  return surgery.files().filter((path) => !path.endsWith('LOCK'));
}
