/** The disks that a power cut may leave: all of them if they are few, otherwise a seeded sample. */
import { SeededRandom, mixSeeds } from './seeded-random.ts';
import type { SimulatedDisk } from './simulated-disk.ts';

/** Bounds on the number of states. */
export interface CrashStatesOptions {
  /** Up to this number, all selections are tried. Default 1,024 (ten pieces). */
  readonly exhaustiveMax?: number;
  /**
   * The number of samples if there are more selections. The two extremes are always among them.
   * Default 64.
   */
  readonly samples?: number;
  /** The seed of the sample. Default 1. */
  readonly seed?: number;
  /**
   * Whether the world continues, so that the states of several moments can be tried. Default false.
   */
  readonly goesOn?: boolean;
}

/** One disk after a power cut. */
export interface CrashState {
  readonly disk: SimulatedDisk;
  /** The changes that were lost, for the message of a failing test. Computed when it is read. */
  readonly lost: string;
}

/**
 * Yields the states that a power cut at this moment may leave. Stops the world unless `goesOn` is
 * set.
 */
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
