/**
 * The tools of the tests in the suite. Every test has a world of its own: a new directory, the
 * manager that has it open, and the log under test.
 */
import type {
  GroupOptions,
  OpenedWal,
  ReplayOptions,
  WalManager,
  WalMetadataInput,
} from '../wal-manager.ts';
import { defaultCacheLimits, type CacheLimits } from '../ring-cache.ts';
import type { ConformanceHarness, ConformanceTarget, Expectation, TestRunner } from './runner.ts';

/** The metadata of the log, unless a test says otherwise. */
export const sampleMetadata: WalMetadataInput = { clusterId: 0xc1n, nodeId: 1n };

/** A directory and the manager that has it open. */
export class World {
  readonly harness: ConformanceHarness;
  #manager: Promise<WalManager> | undefined;

  constructor(harness: ConformanceHarness) {
    this.harness = harness;
  }

  /** Returns the manager that has the directory open; opens it if necessary. */
  manager(): Promise<WalManager> {
    this.#manager ??= this.harness.open();
    return this.#manager;
  }

  async create(
    metadata: WalMetadataInput = sampleMetadata,
    options?: GroupOptions,
  ): Promise<OpenedWal> {
    return (await this.manager()).createWal(metadata, options);
  }

  async replay(options?: ReplayOptions): Promise<OpenedWal> {
    return (await this.manager()).replayWal(options);
  }

  /** Closes the manager with all its logs. */
  async close(): Promise<void> {
    const manager = this.#manager;
    this.#manager = undefined;
    await (await manager)?.close();
  }

  /** Closes the manager, opens the directory again and replays the log. */
  async restart(options?: ReplayOptions): Promise<OpenedWal> {
    await this.close();
    return this.replay(options);
  }
}

export class Suite {
  readonly target: ConformanceTarget;
  readonly cacheLimits: CacheLimits;
  readonly #runner: TestRunner;

  constructor(runner: TestRunner, target: ConformanceTarget) {
    this.#runner = runner;
    this.target = target;
    this.cacheLimits = target.cacheLimits ?? defaultCacheLimits;
  }

  expect(actual: unknown, message?: string): Expectation {
    return this.#runner.expect(actual, message);
  }

  /** Fails with `message` if `condition` is false. */
  check(condition: boolean, message: string): void {
    this.expect(condition, message).toBe(true);
  }

  group(name: string, body: () => void): void {
    this.#runner.describe(name, body);
  }

  test(name: string, body: (world: World) => Promise<void>): void {
    const run = async (): Promise<void> => {
      const world = new World(await this.target.create());
      try {
        await body(world);
      } finally {
        await world.close();
        await world.harness.destroy();
      }
    };
    this.#runner.it(name, run, this.target.timeoutMs ?? 60_000);
  }

  /** Reports that something could not be tested, and why. */
  notTested(name: string, reason: string): void {
    this.#runner.it(`${name} (not tested: ${reason})`, () => Promise.resolve());
  }
}

/** Resolves after one turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
