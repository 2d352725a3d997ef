/**
 * What a process reads after a restart may be in the memory of the kernel only: the process before was killed
 * between a write and its sync, or its sync failed and the kernel has marked the bytes as clean. Recovery must
 * make durable what it builds on, or a later power cut takes it away from under what was acknowledged since.
 */
import { describe, expect, it } from 'vitest';
import {
  crashStates,
  runWorkload,
  SimulatedDisk,
  simulatedEnvironment,
  type Fault,
} from '@babuza/testkit';
import { Ledger } from '@babuza/wal-core/conformance';
import { Author, metadata, openManager, perform } from './support/workload.ts';

const samples = 6;

/** Opens what the first life left, saves a little more, and then the power goes. */
async function secondLife(
  left: SimulatedDisk,
  ledger: Ledger,
  created: boolean,
  context: string,
  steps: number,
): Promise<void> {
  const world = simulatedEnvironment(2, left);
  let exists = false;
  await runWorkload(world, async () => {
    const manager = openManager(world);
    exists = await manager.hasExistingWal();
    if (!exists) {
      expect(created, `${context}: a log that was created is gone`).toBe(false);
      return;
    }
    const opened = await manager.replayWal();
    expect(ledger.judge(opened), context).toEqual([]);
    ledger.adopt(opened);
    const author = new Author(steps, opened);
    for (let step = 0; step < steps; step += 1) {
      expect(await perform(opened, ledger, author.next()), context).toBeUndefined();
    }
  });
  if (!exists) return;
  for (const { disk, lost } of crashStates(left, { exhaustiveMax: samples, samples })) {
    const last = simulatedEnvironment(3, disk);
    const what = `${context}, then a power cut after ${steps} steps that took: ${lost}`;
    await runWorkload(last, async () => {
      const manager = openManager(last);
      expect(await manager.hasExistingWal(), `${what}: the log is gone`).toBe(true);
      const opened = await manager.replayWal().catch((error: unknown) => {
        throw new Error(`${what}: refused`, { cause: error });
      });
      expect(ledger.judge(opened), what).toEqual([]);
    });
  }
}

/** Random work in a world that ends, or fails, as `prepare` says. Returns whether it came to that. */
async function firstLife(
  seed: number,
  prepare: (disk: SimulatedDisk) => () => boolean,
  then: (disk: SimulatedDisk, ledger: Ledger, created: boolean) => Promise<void>,
): Promise<boolean> {
  const disk = new SimulatedDisk({ seed });
  const environment = simulatedEnvironment(seed, disk);
  const ledger = new Ledger();
  const progress = { created: false };
  const happened = prepare(disk);
  await runWorkload(environment, async () => {
    const manager = openManager(environment, { recycledMax: seed % 3 });
    const opened = await manager.createWal(metadata).catch(() => undefined);
    if (opened === undefined) return;
    progress.created = true;
    const author = new Author(seed, opened);
    for (let step = 0; step < 30; step += 1) {
      if ((await perform(opened, ledger, author.next())) !== undefined) return;
      if (step % 5 === 0) await environment.clock.sleep(60);
    }
    if (seed % 2 === 0) await manager.close().catch(() => undefined);
  });
  if (!happened()) return false;
  await then(disk, ledger, progress.created);
  return true;
}

describe('the kernel remembers more than the disk', () => {
  it('killed at any call, restarted, and then a power cut', async () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      for (let stopAt = 1; ; stopAt += 1) {
        const more = await firstLife(
          seed,
          (disk) => {
            disk.stopAtMutation(stopAt);
            return () => disk.stopped;
          },
          async (disk, ledger, created) => {
            const context = `seed ${seed}, killed at mutation ${stopAt}`;
            await secondLife(disk.kill(stopAt), ledger, created, context, stopAt % 3);
          },
        );
        if (!more) break;
      }
    }
  });

  const failures: readonly Fault[] = [
    { type: 'sync-error', pending: 'dropped' },
    { type: 'sync-error', pending: 'kept' },
    { type: 'sync-error', pending: 'half-written' },
  ];
  for (const fault of failures) {
    it(`a sync failed (${JSON.stringify(fault)}), a restart, and then a power cut`, async () => {
      for (let seed = 1; seed <= 12; seed += 1) {
        for (let nth = 1; ; nth += 1) {
          const more = await firstLife(
            seed,
            (disk) => {
              // A directory that could not be synced has no remedy: no call writes its names again.
              const on = ['write-durable', 'datasync'] as const;
              const injected = disk.inject({ on, nth, fault });
              return () => injected.hits > 0;
            },
            async (disk, ledger, created) => {
              const context = `seed ${seed}, sync ${nth} failed`;
              await secondLife(disk.kill(nth), ledger, created, context, nth % 3);
            },
          );
          if (!more) break;
        }
      }
    });
  }
});
