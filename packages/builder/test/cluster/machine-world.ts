/**
 * The machine of a node: its clock, which stops with the process, and its disk, whose syncs take
 * time.
 */
import type { Clock, File, FileSystem, Random, Timer } from '@babuza/vfs';
import type { Gate } from './gate.ts';

/** A view of the shared clock that ends with the process: after that no timer fires. */
export class ProcessClock implements Clock {
  readonly #world: Clock;
  readonly #timers = new Set<Timer>();
  readonly #timersOfTest = new Set<Timer>();
  readonly #wallSkewMs: number;
  #isDead = false;

  /** The wall clock differs between machines, and before and after a restart. */
  constructor(world: Clock, wallSkewMs: number) {
    this.#world = world;
    this.#wallSkewMs = wallSkewMs;
  }

  monotonicMs(): number {
    return this.#world.monotonicMs();
  }

  wallMs(): number {
    return this.#world.wallMs() + this.#wallSkewMs;
  }

  startTimer(delayMs: number, callback: () => void): Timer {
    return this.#start(this.#timers, delayMs, callback);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.startTimer(delayMs, resolve);
    });
  }

  /**
   * A clock for the parts of the test that slow a node down; the node need not cancel its timers.
   */
  sleepForTest(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#start(this.#timersOfTest, delayMs, resolve);
    });
  }

  #start(timers: Set<Timer>, delayMs: number, callback: () => void): Timer {
    if (this.#isDead) return { cancel: () => undefined };
    const timer = this.#world.startTimer(delayMs, () => {
      timers.delete(timer);
      callback();
    });
    timers.add(timer);
    return {
      cancel: () => {
        timers.delete(timer);
        timer.cancel();
      },
    };
  }

  /** Timers and sleeps that have not fired. */
  get pendingCount(): number {
    return this.#timers.size;
  }

  die(): void {
    this.#isDead = true;
    for (const timers of [this.#timers, this.#timersOfTest]) {
      for (const timer of timers) timer.cancel();
      timers.clear();
    }
  }
}

/** The duration of syncs, drawn for each one. */
export interface SyncTimes {
  readonly syncMsMax: number;
  /** The share of syncs that take `stallMs`. */
  readonly stallShare: number;
  readonly stallMs: number;
}

/** A file system whose syncs take time or hang; everything else is fast, as in a page cache. */
export function slowSyncs(
  disk: FileSystem,
  clock: Clock,
  random: Random,
  { syncMsMax, stallShare, stallMs }: SyncTimes,
  hang: Gate,
): FileSystem {
  const wait = async (): Promise<void> => {
    const share = random.uint32() / 2 ** 32;
    await clock.sleep(share < stallShare ? stallMs : share * syncMsMax);
    await hang.whenOpen();
  };
  const slow = <T extends object>(target: T, syncs: readonly string[]): T =>
    new Proxy(target, {
      get: (of, name) => {
        const value: unknown = Reflect.get(of, name, of);
        if (typeof value !== 'function') return value;
        if (!syncs.includes(String(name))) return value.bind(of);
        return async (...given: unknown[]): Promise<unknown> => {
          await wait();
          return Reflect.apply(value, of, given);
        };
      },
    });
  const slowDisk = slow(disk, ['syncDirectory']);
  return new Proxy(slowDisk, {
    get: (of, name) => {
      if (name !== 'open') return Reflect.get(of, name, of);
      return async (...given: Parameters<FileSystem['open']>): Promise<File> =>
        slow(await of.open(...given), ['writeDurable', 'datasync']);
    },
  });
}
