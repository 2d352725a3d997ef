/**
 * A whole simulated world: disk, clock and random numbers from one seed. A workload runs in it
 * until it ends, the world stops, or nothing can happen any more.
 */
import type { Environment } from '@babuza/vfs';
import { WorldStopped } from './call-engine.ts';
import { SeededRandom, mixSeeds } from './seeded-random.ts';
import { SimulatedClock, turnOfEventLoop } from './simulated-clock.ts';
import { SimulatedDisk } from './simulated-disk.ts';

/** An environment with the simulated types of its parts. */
export interface SimulatedEnvironment extends Environment {
  readonly fileSystem: SimulatedDisk;
  readonly clock: SimulatedClock;
  readonly random: SeededRandom;
}

/**
 * Creates a world. `disk` is for instance a disk that a crash left. Default: a new one of this
 * seed. When the disk stops, the clock stops too.
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

/** The workload waits, and nothing is left that could end its wait. */
export class WorkloadHangs extends Error {
  override readonly name = 'WorkloadHangs';
}

/**
 * A workload that fires this many timers is taken for one whose timers start each other forever.
 */
const TIMERS_MAX = 100_000;

/**
 * Runs a workload. Time passes only when nothing else can happen: then the clock moves to its next
 * timer. Errors of the workload are thrown, and `WorkloadHangs` if it can never end.
 *
 * After the outcome `stopped`, ignore whatever the workload still reports. A workload that waits
 * for something outside of the simulated world counts as hanging.
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
    if (!clock.fireNext()) throw new WorkloadHangs(`nothing can happen any more:\n${disk.trace()}`);
  }
  throw new WorkloadHangs(`the workload has not ended after ${TIMERS_MAX} timers`);
}

/** Whether an error, or any of its causes, only says that the world has stopped. */
export function isWorldStopped(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (at instanceof WorldStopped) return true;
  return false;
}
