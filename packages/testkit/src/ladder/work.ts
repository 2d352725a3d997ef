/** Random work on a log: steps, some of them at the same time, pauses and restarts. */
import type { Ledger } from '@babuza/wal-core/conformance';
import { SeededRandom } from '../seeded-random.ts';
import type { SimulatedEnvironment } from '../simulated-environment.ts';
import { Author, perform } from './author.ts';
import { expectNothing, openLog, type BackEnd } from './back-end.ts';

/** How far the work has come, for the checks after a crash. */
export interface Progress {
  /** Whether the creation of the log was acknowledged. */
  created: boolean;
}

export interface World<Options extends object> {
  readonly backEnd: BackEnd<Options>;
  readonly environment: SimulatedEnvironment;
  readonly ledger: Ledger;
  readonly progress: Progress;
}

/** Takes `steps` random steps, some of them at the same time, with a restart now and then. */
export async function work<Options extends object>(
  { backEnd, environment, ledger, progress }: World<Options>,
  seed: number,
  steps: number,
  options: Options,
): Promise<void> {
  const random = new SeededRandom(seed);
  let manager = backEnd.open(environment, options);
  let opened = await openLog(manager);
  progress.created = true;
  let author = new Author(seed, opened);
  for (let step = 0; step < steps; step += 1) {
    const together = random.below(4) === 0 ? 3 : 1;
    const calls: Promise<unknown>[] = [];
    for (let call = 0; call < together; call += 1) {
      calls.push(perform(opened, ledger, author.next()));
    }
    await Promise.all(calls);
    if (random.below(6) === 0) await environment.clock.sleep(60);
    if (random.below(12) !== 0) continue;
    await manager.close();
    manager = backEnd.open(environment, options);
    opened = await manager.replayWal();
    expectNothing(ledger.judge(opened), 'closed and opened again');
    author = new Author(seed + step + 1, opened);
  }
  if (random.below(2) === 0) await manager.close();
}
