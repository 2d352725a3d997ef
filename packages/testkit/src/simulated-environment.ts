/**
 * A whole simulated world: disk, clock and chance from one seed, and a way to let a workload run in
 * it until it is done, the world stops, or nothing can happen any more.
 */
import type { Environment } from '@babuza/vfs';
import { WorldStopped } from './call-engine.ts';
import { SeededRandom, mixSeeds } from './seeded-random.ts';
import { SimulatedClock, turnOfEventLoop } from './simulated-clock.ts';
import { SimulatedDisk } from './simulated-disk.ts';

/** An environment whose parts can be reached as what they are. */
export interface SimulatedEnvironment extends Environment {
  readonly fileSystem: SimulatedDisk;
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
}

/**
 * A new world. The disk is a new one of this seed unless one is given, for instance what a crash
 * has left. When the disk stops, the clock does too.
 */
export function simulatedEnvironment(
  seed: number,
  disk: SimulatedDisk = new SimulatedDisk({ seed }),
): SimulatedEnvironment {
  const clock = new SimulatedClock();
  void disk.whenStopped.then(() => {
    clock.stop();
  });
  return { fileSystem: disk, clock, random: new SeededRandom(mixSeeds(seed, 2)) };
}

/** How a workload ended. */
export type WorkloadOutcome<T> =
  | { readonly outcome: 'finished'; readonly value: T }
  | { readonly outcome: 'stopped' };

/** The workload waits, and nothing is left that could end its waiting. */
export class WorkloadHangs extends Error {
  override readonly name = 'WorkloadHangs';
}

/** So many timers in one workload mean that they start each other for ever. */
const TIMERS_MAX = 100_000;

/**
 * Runs a workload. Time passes only when nothing else can happen: then the clock moves to its next
 * timer. Throws what the workload throws, and `WorkloadHangs` if it can never end.
 *
 * After `stopped`, nothing that the workload still says counts. A workload that waits for things
 * outside the simulated world would be taken for hanging.
 */
export async function runWorkload<T>(
  environment: SimulatedEnvironment,
  workload: () => Promise<T>,
): Promise<WorkloadOutcome<T>> {
  const { fileSystem: disk, clock } = environment;
  let settled: { value: T } | { error: unknown } | undefined;
  const running = (async () => await workload())();
  running.then(
    (value) => {
      settled = { value };
    },
    (error: unknown) => {
      settled = { error };
    },
  );
  for (let timers = 0; timers < TIMERS_MAX; timers += 1) {
    await turnOfEventLoop();
    const state = settled;
    if (disk.stopped) return { outcome: 'stopped' };
    if (state !== undefined && 'value' in state) return { outcome: 'finished', value: state.value };
    if (state !== undefined) throw state.error;
    if (!clock.fireNext()) throw new WorkloadHangs(`nothing is left to happen:\n${disk.trace()}`);
  }
  throw new WorkloadHangs(`it has fired ${TIMERS_MAX} timers`);
}

/** Whether an error says only that the world has stopped, at any depth of causes. */
export function isWorldStopped(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (at instanceof WorldStopped) return true;
  return false;
}
