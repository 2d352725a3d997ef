/**
 * Look-ups with the system (`getaddrinfo`), which knows names from every source of the machine.
 * Each look-up takes a thread of the pool of Node.js, which also serves the writes of files. It
 * cannot be cancelled, and takes 10 seconds and more if a name server does not answer. So the
 * number that runs at a time is bounded for the whole process.
 */
import dns from 'node:dns';
import { unlessAborted } from '../abort.ts';
import type { Clock } from '../environment.ts';
import type { HostAddress, HostNames } from './host-names.ts';
import { RestingNames } from './resting-names.ts';

/** Asks the system; rejects with the error of the system. */
export type SystemLookUp = (name: string) => Promise<readonly HostAddress[]>;

/** The number of threads of the pool if `UV_THREADPOOL_SIZE` is not set. */
const poolThreadsDefault = 4;

/**
 * How many look-ups may hold a thread of the pool at a time: half of the threads, rounded down.
 * With one thread no look-up is made, because every save would wait for it.
 */
export function systemLookUpsMax(environment: NodeJS.ProcessEnv = process.env): number {
  const given = environment['UV_THREADPOOL_SIZE'];
  if (given === undefined) return Math.floor(poolThreadsDefault / 2);
  // libuv reads the leading digits, and starts at least one thread and at most 1,024.
  const threads = Number.parseInt(given, 10);
  return Math.floor(Math.min(1024, Math.max(1, Number.isNaN(threads) ? 1 : threads)) / 2);
}

interface LookUp {
  readonly name: string;
  readonly result: Promise<readonly HostAddress[]>;
  readonly start: () => Promise<void>;
  /** How many callers wait for the result. */
  waiting: number;
}

export class SystemNames implements HostNames {
  readonly #clock: Clock;
  readonly #atATimeMax: number;
  readonly #ask: SystemLookUp;
  /** The look-ups that run or wait, by name. */
  readonly #lookUps = new Map<string, LookUp>();
  readonly #queue: LookUp[] = [];
  readonly #resting = new RestingNames();
  #running = 0;

  constructor(
    clock: Clock,
    atATimeMax: number = systemLookUpsMax(),
    ask: SystemLookUp = getAddresses,
  ) {
    this.#clock = clock;
    this.#atATimeMax = atATimeMax;
    this.#ask = ask;
  }

  /**
   * Callers that ask for the same name share one look-up. A name whose look-up failed slowly is not
   * looked up again for a while, and its last failure is the answer. So a name that hangs holds a
   * thread for at most a quarter of the time.
   */
  async lookUp(name: string, signal: AbortSignal): Promise<readonly HostAddress[]> {
    if (this.#atATimeMax === 0) {
      throw new Error(
        'the system is not asked, because UV_THREADPOOL_SIZE allows one thread only, which the saves need',
      );
    }
    const failure = this.#resting.failureOf(name, this.#clock.monotonicMs());
    if (failure !== undefined) throw failure.error;
    const lookUp = this.#lookUps.get(name) ?? this.#queued(name);
    lookUp.waiting += 1;
    this.#startNext();
    try {
      return await unlessAborted(signal, lookUp.result);
    } finally {
      lookUp.waiting -= 1;
    }
  }

  #queued(name: string): LookUp {
    let start: (() => Promise<void>) | undefined;
    const result = new Promise<readonly HostAddress[]>((resolve, reject) => {
      start = () => this.#run(name).then(resolve, reject);
    });
    // All callers may have been aborted when the look-up fails.
    result.catch(() => undefined);
    const lookUp = { name, result, start: async () => start?.(), waiting: 0 };
    this.#lookUps.set(name, lookUp);
    this.#queue.push(lookUp);
    return lookUp;
  }

  #startNext(): void {
    while (this.#running < this.#atATimeMax) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      if (next.waiting === 0) {
        this.#lookUps.delete(next.name);
        continue;
      }
      this.#running += 1;
      void next.start().finally(() => {
        this.#running -= 1;
        this.#lookUps.delete(next.name);
        this.#startNext();
      });
    }
  }

  async #run(name: string): Promise<readonly HostAddress[]> {
    const startedMs = this.#clock.monotonicMs();
    try {
      return await this.#ask(name);
    } catch (error) {
      this.#resting.failed(name, error, startedMs, this.#clock.monotonicMs());
      throw error;
    }
  }
}

const getAddresses: SystemLookUp = (name) =>
  new Promise((resolve, reject) => {
    dns.lookup(name, { all: true }, (error, found) => {
      if (error === null)
        resolve(
          found.flatMap(({ address, family }) =>
            family === 4 || family === 6 ? { address, family } : [],
          ),
        );
      else reject(error);
    });
  });
