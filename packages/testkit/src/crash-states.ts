/** The disks that a power cut may leave: all of them if they are few, else a seeded sample. */
import { SeededRandom, mixSeeds } from './seeded-random.ts';
import type { SimulatedDisk } from './simulated-disk.ts';

/** How many states to look at. */
export interface CrashStatesOptions {
  /** Up to so many selections are all tried; 1024 (ten pieces) by default. */
  readonly exhaustiveMax?: number;
  /** Beyond that, so many are sampled; 64 by default. The extremes are always among them. */
  readonly samples?: number;
  /** Decides the sample; 1 by default. */
  readonly seed?: number;
  /**
   * Whether the world goes on, so that states of several moments can be looked at. Default false.
   */
  readonly goesOn?: boolean;
}

/** One disk after a power cut. */
export interface CrashState {
  readonly disk: SimulatedDisk;
  /** What was lost, for the message of a failing test. Made when it is read. */
  readonly lost: string;
}

/** Goes through the states that a power cut now may leave. Stops the world, unless it goes on. */
export function* crashStates(
  disk: SimulatedDisk,
  options: CrashStatesOptions = {},
): Generator<CrashState> {
  const seed = options.seed ?? 1;
  const plan = disk.crashPlan(options.goesOn);
  const random = new SeededRandom(mixSeeds(disk.options.seed, seed));
  function* selections(): Generator<readonly number[]> {
    if (plan.selectionCount <= (options.exhaustiveMax ?? 1024)) {
      yield* plan.selections();
      return;
    }
    yield plan.extreme(false);
    yield plan.extreme(true);
    for (let count = 2; count < (options.samples ?? 64); count += 1) yield plan.sample(random);
  }
  let number = 0;
  for (const selection of selections()) {
    number += 1;
    yield {
      disk: disk.successor(plan.apply(selection, random), mixSeeds(seed, number)),
      get lost() {
        return plan.choices
          .filter((choice, index) => (selection[index] ?? 0) < choice.answers - 1)
          .map((choice) => choice.what)
          .join('; ');
      },
    };
  }
}
