/**
 * Power cuts at every call of scripted workloads, one for each thing that a log does, and then at every call
 * of the recovery that follows, and of the one after that. Recovery must come to the same log however often
 * it is interrupted.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { EntryType, type Entry } from '@babuza/raftpb';
import {
  crashStates,
  runWorkload,
  SimulatedDisk,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '@babuza/testkit';
import type { OpenedWal } from '@babuza/wal-core';
import { Ledger, type LedgerBatch } from '@babuza/wal-core/conformance';
import { metadata, openManager, perform } from './support/workload.ts';

const counts = { states: 0, inRecovery: 0, clean: 0, torn: 0, uncertain: 0 };

afterAll(() => {
  const { states, inRecovery, clean, torn, uncertain } = counts;
  console.log(
    `${states} crash states of scripts, ${inRecovery} more in recovery: ${clean} clean, ${torn} torn, ${uncertain} uncertain`,
  );
});

const confState = {
  voters: [1n, 2n, 3n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function entriesFrom(first: number, count: number, term: number, bytes: number): Entry[] {
  return Array.from({ length: count }, (_, at) => ({
    index: first + at,
    term,
    type: EntryType.Normal,
    data: new Uint8Array(bytes).fill(first + at + 64 * term),
  }));
}

const state = (term: number, commit: number): LedgerBatch['hardState'] => ({
  term,
  vote: BigInt(term),
  commit,
});

/** What happens before the script, and what in it: batches, a pause in milliseconds, or a restart. */
interface Script {
  readonly name: string;
  readonly before: readonly Step[];
  readonly steps: readonly Step[];
}
type Step = LedgerBatch | 'restart' | 'pause' | readonly LedgerBatch[];

const filled: readonly Step[] = [
  { entries: entriesFrom(1, 6, 1, 500), hardState: state(1, 4) },
  { entries: entriesFrom(7, 6, 1, 500), hardState: state(1, 10) },
];

const scripts: readonly Script[] = [
  { name: 'create', before: [], steps: ['restart', { hardState: state(1, 0) }] },
  {
    name: 'append, small and over many sectors, alone and together',
    before: [],
    steps: [
      { entries: entriesFrom(1, 1, 1, 10), hardState: state(1, 0) },
      { entries: entriesFrom(2, 3, 1, 900) },
      [{ entries: entriesFrom(5, 1, 1, 0) }, { hardState: state(1, 4) }, { sync: true }],
      'pause',
      { entries: entriesFrom(6, 2, 1, 100), hardState: state(2, 5) },
    ],
  },
  {
    name: 'a vote in a term that was known before',
    before: filled,
    steps: [
      { hardState: { term: 2, vote: 0n, commit: 10 } },
      { hardState: { term: 2, vote: 3n, commit: 10 } },
      { entries: entriesFrom(13, 1, 2, 10) },
    ],
  },
  {
    name: 'a large batch over the mark of an idle log',
    before: filled,
    steps: ['pause', { entries: entriesFrom(13, 2, 1, 300), hardState: state(1, 12) }, 'pause'],
  },
  {
    name: 'rotate',
    before: filled,
    steps: [
      { entries: entriesFrom(13, 4, 1, 300), hardState: state(1, 12) },
      { entries: entriesFrom(17, 5, 1, 500) },
      { entries: entriesFrom(22, 2, 1, 20) },
    ],
  },
  {
    name: 'an oversized batch',
    before: filled,
    steps: [{ entries: entriesFrom(13, 3, 1, 9000) }, { entries: entriesFrom(16, 1, 1, 30) }],
  },
  {
    name: 'conflict',
    before: filled,
    steps: [
      { entries: entriesFrom(11, 1, 2, 700), hardState: state(2, 10) },
      { entries: entriesFrom(11, 3, 3, 20), hardState: state(3, 11) },
      { entries: entriesFrom(13, 6, 4, 500), hardState: state(4, 12) },
    ],
  },
  {
    name: 'purge and use again',
    before: [
      ...filled,
      { entries: entriesFrom(13, 8, 1, 500), hardState: state(1, 18) },
      { snapshot: { index: 18, term: 1, confState } },
    ],
    steps: [
      { purgeTo: 18 },
      { entries: entriesFrom(21, 8, 1, 500), hardState: state(1, 20) },
      { entries: entriesFrom(29, 8, 1, 500), hardState: state(1, 30) },
      { purgeTo: 25 },
    ],
  },
  {
    name: 'reset to an installed snapshot',
    before: filled,
    steps: [
      { snapshot: { index: 40, term: 3, confState }, hardState: state(3, 40) },
      { entries: entriesFrom(41, 8, 3, 900) },
      { purgeTo: 40 },
    ],
  },
  {
    name: 'restart',
    before: filled,
    steps: ['restart', { entries: entriesFrom(13, 1, 2, 10), hardState: state(2, 11) }, 'restart'],
  },
];

class Play {
  readonly ledger = new Ledger();
  created = false;
  readonly #environment: SimulatedEnvironment;
  #opened: OpenedWal | undefined;
  #manager: ReturnType<typeof openManager>;

  constructor(environment: SimulatedEnvironment) {
    this.#environment = environment;
    this.#manager = openManager(environment);
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
      await this.#manager.close();
      this.#manager = openManager(this.#environment);
      this.#opened = await this.#manager.replayWal();
    } else {
      const batches = Array.isArray(step)
        ? (step as readonly LedgerBatch[])
        : [step as LedgerBatch];
      const log = this.#opened ?? opened;
      const ended = await Promise.all(batches.map((batch) => perform(log, this.ledger, batch)));
      expect(ended.filter((error) => error !== undefined)).toEqual([]);
    }
  }
}

/** Plays the script until the given call of it; `undefined` when it ends before. */
async function playUntil(
  { before, steps }: Script,
  stopAt: number,
  pieceBytes: number,
): Promise<{ disk: SimulatedDisk; play: Play } | undefined> {
  const disk = new SimulatedDisk({ seed: stopAt, pieceBytes, showsGarbage: stopAt % 2 === 0 });
  const environment = simulatedEnvironment(7, disk);
  const play = new Play(environment);
  const { outcome } = await runWorkload(environment, async () => {
    if (before.length > 0) await play.run(before);
    disk.stopAtMutation(disk.mutationCount + stopAt);
    await play.run(steps);
    await play.close();
  });
  return outcome === 'stopped' ? { disk, play } : undefined;
}

/** Opens the log and judges it. Returns whether the recovery came to its end. */
async function recover(disk: SimulatedDisk, play: Play, context: string): Promise<boolean> {
  const environment = simulatedEnvironment(8, disk);
  let hadTail = false;
  const { outcome } = await runWorkload(environment, async () => {
    const manager = openManager(environment);
    if (!(await manager.hasExistingWal())) {
      expect(play.created, `${context}: the log is gone`).toBe(false);
      return;
    }
    const opened = await manager.replayWal().catch((error: unknown) => {
      throw new Error(`${context}: refused`, { cause: error });
    });
    counts[opened.tail.verdict] += 1;
    hadTail = opened.tail.verdict !== 'clean';
    expect(play.ledger.judge(opened), context).toEqual([]);
  });
  if (outcome === 'finished' && hadTail) await expectClean(disk.kill(1), context);
  return outcome === 'finished';
}

/** What was cut is cut: who opens the log once more finds nothing of it. */
async function expectClean(disk: SimulatedDisk, context: string): Promise<void> {
  const environment = simulatedEnvironment(9, disk);
  await runWorkload(environment, async () => {
    const { tail } = await openManager(environment).replayWal();
    expect(tail.verdict, `${context}; opened once more`).toBe('clean');
  });
}

/** Interrupts the recovery of `state` at each of its calls, and that of what is left, too. */
async function interruptRecovery(
  state: SimulatedDisk,
  play: Play,
  context: string,
  depth: number,
): Promise<void> {
  for (let stopAt = 1; ; stopAt += 1) {
    const disk = state.kill(stopAt);
    disk.stopAtMutation(stopAt);
    const where = `${context}; recovery stopped at mutation ${stopAt}`;
    if (await recover(disk, play, where)) return;
    let number = 0;
    for (const { disk: left, lost } of crashStates(disk, { exhaustiveMax: 4, samples: 4 })) {
      counts.inRecovery += 1;
      number += 1;
      const what = `${where}, lost: ${lost}`;
      if (depth > 1 && number % 2 === 0) await interruptRecovery(left, play, what, depth - 1);
      await recover(left, play, what);
    }
  }
}

describe('a power cut at every call of a script', () => {
  for (const script of scripts) {
    it(script.name, async () => {
      for (let stopAt = 1; ; stopAt += 1) {
        const pieceBytes = [512, 4096, 512, 1][stopAt % 4] ?? 512;
        const played = await playUntil(script, stopAt, pieceBytes);
        if (played === undefined) break;
        const { disk, play } = played;
        // Killed instead, with what the kernel knows and the disk does not; the power goes in the recovery.
        for (let kill = 1; kill <= 2; kill += 1) {
          const context = `${script.name}, killed at mutation ${stopAt} (${kill})`;
          await interruptRecovery(disk.kill(kill), play, context, 1);
        }
        const options = { exhaustiveMax: 128, samples: 40, seed: stopAt };
        let number = 0;
        for (const { disk: left, lost } of crashStates(disk, options)) {
          counts.states += 1;
          number += 1;
          const context = `${script.name}, stopped at mutation ${stopAt}, pieces of ${pieceBytes}, lost: ${lost}`;
          if (number % 6 === 3) {
            await interruptRecovery(left.kill(1), play, context, number === 3 ? 2 : 1);
          }
          await recover(left.kill(1), play, context);
        }
      }
    });
  }
});
