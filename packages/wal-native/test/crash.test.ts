/**
 * Power cuts. Random work runs on the simulated disk; at some call the world ends, and of what was not
 * synced any subset of sectors and names survives. The log must open without complaint, hold everything
 * that was acknowledged and nothing that was not attempted, and go on.
 *
 * `BABUZA_CRASH_STATES` sets how many states are looked at, `BABUZA_SEED` the first seed.
 */
import { describe, expect, it } from 'vitest';
import {
  crashStates,
  runWorkload,
  SimulatedDisk,
  simulatedEnvironment,
  type SimulatedEnvironment,
} from '@babuza/testkit';
import type { OpenedWal } from '@babuza/wal-core';
import { Ledger } from '@babuza/wal-core/conformance';
import type { NativeWalOptions } from '../src/index.ts';
import { Author, openManager, perform, work, type Progress } from './support/workload.ts';

const statesWanted = Number(process.env['BABUZA_CRASH_STATES'] ?? 21_000);
const firstSeed = Number(process.env['BABUZA_SEED'] ?? 1);

const tails = { clean: 0, torn: 0, uncertain: 0 };
let states = 0;
let empty = 0;

/** Opens what a crash left and judges it; `undefined` where no log had been acknowledged to exist. */
async function reopen(
  environment: SimulatedEnvironment,
  ledger: Ledger,
  progress: Progress,
  context: () => string,
): Promise<OpenedWal | undefined> {
  const manager = openManager(environment);
  if (!(await manager.hasExistingWal())) {
    if (progress.created) throw new Error(`${context()}: a log that was created is gone`);
    empty += 1;
    return undefined;
  }
  const opened = await manager.replayWal().catch((error: unknown) => {
    throw new Error(`${context()}: a crash alone must never be refused`, { cause: error });
  });
  tails[opened.tail.verdict] += 1;
  const violations = ledger.judge(opened);
  if (violations.length > 0) expect(violations, context()).toEqual([]);
  return opened;
}

/** One world: works until call `stopAt`, then looks at some of the states that a crash may leave. */
async function crashAt(
  seed: number,
  stopAt: number,
  pieceBytes: number,
  samples: number,
  options: NativeWalOptions = {},
): Promise<'finished' | 'stopped'> {
  const disk = new SimulatedDisk({ seed, pieceBytes, showsGarbage: seed % 2 === 0 });
  const environment = simulatedEnvironment(seed, disk);
  const ledger = new Ledger();
  const progress = { created: false };
  disk.stopAtMutation(stopAt);
  const { outcome } = await runWorkload(environment, () =>
    work(environment, ledger, progress, seed, 25, options),
  );
  if (outcome === 'finished') return outcome;
  for (const state of crashStates(disk, { exhaustiveMax: samples, samples, seed: stopAt })) {
    states += 1;
    // Made only for a failure: listing what was lost takes as long as opening the log.
    const context = (): string =>
      `seed ${seed}, stopped at mutation ${stopAt}, pieces of ${pieceBytes}, lost: ${state.lost}`;
    const world = simulatedEnvironment(seed + states, state.disk);
    await runWorkload(world, async () => {
      const opened = await reopen(world, ledger, progress, context);
      if (opened !== undefined && states % 5 === 0) await goOn(world, opened, context, seed);
    });
  }
  return outcome;
}

/** A recovered log takes more, is killed by another power cut, and still has all of it. */
async function goOn(
  world: SimulatedEnvironment,
  opened: OpenedWal,
  context: () => string,
  seed: number,
): Promise<void> {
  const after = new Ledger();
  after.adopt(opened);
  const author = new Author(seed, opened);
  for (let step = 0; step < 3; step += 1) {
    const error = await perform(opened, after, author.next());
    if (error !== undefined) throw new Error(context(), { cause: error });
  }
  const again = simulatedEnvironment(seed + 1, world.fileSystem.crash(seed));
  await runWorkload(again, async () => {
    const twice = (): string => `${context()}, and a second crash`;
    await reopen(again, after, { created: true }, twice);
  });
}

describe('crashes', () => {
  it(`at random calls: ${statesWanted} states from seed ${firstSeed} on`, async () => {
    for (let seed = firstSeed; states < statesWanted; seed += 1) {
      const pieceBytes = [512, 512, 4096, 1][seed % 4] ?? 512;
      const options = { inline: seed % 3 === 0, recycledMax: seed % 5 === 0 ? 0 : 2 };
      for (let stopAt = 1 + (seed % 3); ; stopAt += 3 + (seed % 4)) {
        if ((await crashAt(seed, stopAt, pieceBytes, 12, options)) === 'finished') break;
        if (states >= statesWanted) break;
      }
    }
    console.log(
      `${states} crash states: ${tails.clean} clean, ${tails.torn} torn, ${tails.uncertain} uncertain, ${empty} before the log existed`,
    );
    expect(tails.torn).toBeGreaterThan(0);
  }, 300_000);
});
