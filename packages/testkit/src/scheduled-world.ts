/**
 * Runs a workload whose calls of the disk are held, so that the test chooses the interleaving.
 * Whenever nothing can run, a schedule chooses the held call that takes effect next, or lets time
 * pass. A schedule sees threads. A step of a caller begins a thread, and so does a timer. A call
 * that is made as a consequence of another call belongs to the thread of that call.
 */
import type { HeldCall } from './call-engine.ts';
import { SeededRandom } from './seeded-random.ts';
import { turnOfEventLoop } from './simulated-clock.ts';
import {
  WorkloadHangs,
  type SimulatedEnvironment,
  type WorkloadOutcome,
} from './simulated-environment.ts';

/** A step that may happen next. */
export interface Option {
  /** The number of the thread. A timer has a new number each time. */
  readonly thread: number;
  readonly what: string;
  /** Absent for a timer: the clock moves to its next timer and fires it. */
  readonly call: HeldCall | undefined;
}

export interface Schedule {
  /** Chooses one of the options; there is at least one. `last` is the thread that ran last. */
  choose(options: readonly [Option, ...Option[]], last: number): Option;
}

export interface ScheduledRun {
  readonly schedule: Schedule;
  /**
   * Whether calls that change nothing are released at once, the oldest first, without asking the
   * schedule.
   */
  readonly asksForMutationsOnly?: boolean;
  /** How many timers may fire one after the other while calls are held. Default 1. */
  readonly timersMax?: number;
  /** Runs each time before the schedule is asked. Nothing moves meanwhile. */
  readonly atRest?: () => Promise<void>;
}

const CHOICES_MAX = 100_000;

/** Runs a workload on a disk whose calls are held. Errors of the workload are thrown. */
export async function runScheduled<T>(
  environment: SimulatedEnvironment,
  workload: () => Promise<T>,
  run: ScheduledRun,
): Promise<WorkloadOutcome<T>> {
  const { fileSystem: disk } = environment;
  disk.hold();
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
  const threads = new Threads(environment, run);
  for (let choices = 0; choices < CHOICES_MAX; choices += 1) {
    await turnOfEventLoop();
    const state = settled;
    if (disk.stopped) return { outcome: 'stopped' };
    if (state !== undefined && 'value' in state) return { outcome: 'finished', value: state.value };
    if (state !== undefined) throw state.error;
    await threads.goOn();
  }
  throw new WorkloadHangs(`the workload has not ended after ${CHOICES_MAX} choices`);
}

class Threads {
  readonly #environment: SimulatedEnvironment;
  readonly #run: ScheduledRun;
  readonly #threadOf = new WeakMap<HeldCall, number>();
  #last = 0;
  #count = 0;
  #timersLeft: number;

  constructor(environment: SimulatedEnvironment, run: ScheduledRun) {
    this.#environment = environment;
    this.#run = run;
    this.#timersLeft = run.timersMax ?? 1;
  }

  /** Releases one call, or fires one timer. */
  async goOn(): Promise<void> {
    const { fileSystem: disk, clock } = this.#environment;
    const { heldCalls } = disk;
    this.#assign(heldCalls);
    if (heldCalls.length === 0) {
      this.#timersLeft = this.#run.timersMax ?? 1;
      if (!clock.fireNext())
        throw new WorkloadHangs(`nothing can happen any more:\n${disk.trace()}`);
      this.#last = this.#newThread();
      return;
    }
    const quiet =
      this.#run.asksForMutationsOnly === true
        ? heldCalls.find(({ matters }) => !matters)
        : undefined;
    if (quiet !== undefined) {
      this.#follow(quiet);
      return;
    }
    await this.#run.atRest?.();
    this.#choose(heldCalls);
  }

  #choose(heldCalls: readonly HeldCall[]): void {
    const options: Option[] = heldCalls.map((call) => ({
      thread: this.#threadOf.get(call) ?? 0,
      what: call.what,
      call,
    }));
    const { clock } = this.#environment;
    if (this.#timersLeft > 0 && clock.pendingCount > 0) {
      options.push({ thread: this.#count + 1, what: 'a timer fires', call: undefined });
    }
    const [first, ...others] = options;
    if (first === undefined) return;
    const { call } = this.#run.schedule.choose([first, ...others], this.#last);
    if (call === undefined) {
      this.#timersLeft -= 1;
      this.#last = this.#newThread();
      clock.fireNext();
    } else {
      this.#follow(call);
    }
  }

  #follow(call: HeldCall): void {
    this.#last = this.#threadOf.get(call) ?? 0;
    this.#environment.fileSystem.letGo(call);
  }

  /**
   * New calls belong to the thread that ran last. A step of a caller begins a thread of its own.
   */
  #assign(heldCalls: readonly HeldCall[]): void {
    for (const call of heldCalls) {
      if (this.#threadOf.has(call)) continue;
      this.#threadOf.set(call, call.isStep ? this.#newThread() : this.#last);
    }
  }

  #newThread(): number {
    this.#count += 1;
    return this.#count;
  }
}

/**
 * A schedule that follows from a seed. Even seeds rank the threads, run the highest one, and change
 * a rank now and then: a call then stays held for long while other threads advance far. Odd seeds
 * choose evenly among the threads.
 */
export class RandomSchedule implements Schedule {
  readonly #random: SeededRandom;
  readonly #ranks: Map<number, number> | undefined;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.#ranks = seed % 2 === 0 ? new Map() : undefined;
  }

  choose(options: readonly [Option, ...Option[]]): Option {
    const timer = options.find(({ call }) => call === undefined);
    if (timer !== undefined && this.#random.below(12) === 0) return timer;
    const calls = options.filter(({ call }) => call !== undefined);
    const [first = options[0], ...others] = calls;
    if (this.#ranks === undefined) return this.#random.pick([first, ...others]);
    let best = first;
    for (const option of others) {
      if (this.#rankOf(option.thread) > this.#rankOf(best.thread)) best = option;
    }
    if (this.#random.below(8) === 0) this.#ranks.set(best.thread, this.#random.uint32());
    return best;
  }

  #rankOf(thread: number): number {
    const known = this.#ranks?.get(thread);
    if (known !== undefined) return known;
    const rank = this.#random.uint32();
    this.#ranks?.set(thread, rank);
    return rank;
  }
}
