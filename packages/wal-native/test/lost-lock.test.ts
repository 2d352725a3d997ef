/**
 * The owner of a log is suspended, or loses its lock, at every step of its work.
 * `packages/vfs/test` tests the lock itself, and `packages/builder/test/lost-locks.test.ts` all
 * back ends on the real disk.
 */
import { EntryType } from '@babuza/raftpb';
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedEnvironment } from '@babuza/testkit';
import { loseLockAt, type StallPoint } from '@babuza/testkit/ladder';
import type { SaveBatch, WalEvent } from '@babuza/wal-core';
import { backEnd, directory, metadata, openManager } from './support/workload.ts';

const save = (index: number): SaveBatch => ({
  entries: [{ index, term: 1, type: EntryType.Normal, data: new Uint8Array(500) }],
  hardState: { term: 1, vote: 1n, commit: index },
});

async function inWorld(run: (environment: SimulatedEnvironment) => Promise<void>): Promise<void> {
  const environment = simulatedEnvironment(1);
  await runWorkload(environment, () => run(environment));
}

describe('a lost lock', () => {
  it.each<StallPoint>(['after a call', 'before a write'])(
    'at any step, %s: nothing more is acknowledged, and nothing that was acknowledged is lost',
    async (point) => {
      const { calls, acknowledged } = await loseLockAt(backEnd, 0, point);
      expect(acknowledged).toEqual([60, 0]);
      let stopped = 0;
      for (let stallAt = 1; stallAt <= calls; stallAt += 1) {
        const { error } = await loseLockAt(backEnd, stallAt, point);
        if (error !== undefined) stopped += 1;
      }
      expect(stopped).toBeGreaterThan(calls / 2);
    },
  );

  it.each([{ inline: false }, { inline: true }])(
    'stops a save before it writes, and poisons the log: %o',
    async (options) => {
      await inWorld(async (environment) => {
        // The segment is so large that no next one is prepared, so only the saves check the lock.
        const manager = openManager(environment, { ...options, segmentBytes: 256 * 1024 });
        const { wal, storage } = await manager.createWal(metadata);
        const events: WalEvent[] = [];
        wal.events.subscribe((event) => events.push(event));
        await wal.save(save(1));
        environment.fileSystem.takeLockAway(directory);
        const before = environment.fileSystem.mutationCount;
        const both = await Promise.allSettled([wal.save(save(2)), wal.save(save(3))]);
        expect(both.map((result) => result.status === 'rejected' && result.reason.code)).toEqual([
          'WAL_LOCK_LOST',
          'WAL_LOCK_LOST',
        ]);
        expect(environment.fileSystem.mutationCount).toBe(before);
        await expect(wal.save(save(2))).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
        await expect(wal.purge(1)).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
        await expect(wal.sync()).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
        expect(events.filter(({ type }) => type === 'poisoned')).toHaveLength(1);
        // Durable entries can still be read.
        expect(storage.lastIndex()).toBe(1);
        expect(storage.entries(1, 2, Infinity)).toHaveLength(1);
        await expect(manager.close()).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
        expect(environment.fileSystem.openPaths).toEqual([]);
      });
    },
  );

  it.each([{ inline: false }, { inline: true }])(
    'is confirmed after a stall, without an error: %o',
    async (options) => {
      await inWorld(async (environment) => {
        const manager = openManager(environment, options);
        const { wal, storage } = await manager.createWal(metadata);
        for (let index = 1; index <= 5; index += 1) {
          environment.fileSystem.stallLock(directory);
          await wal.save(save(index));
        }
        environment.fileSystem.stallLock(directory);
        await environment.clock.sleep(1000);
        expect(storage.lastIndex()).toBe(5);
        environment.fileSystem.stallLock(directory);
        await manager.close();
        const again = openManager(environment);
        expect((await again.replayWal()).storage.lastIndex()).toBe(5);
        await again.close();
      });
    },
  );

  it('is found after the write, and the save is not acknowledged', async () => {
    await inWorld(async (environment) => {
      const manager = openManager(environment);
      const { wal } = await manager.createWal(metadata);
      const { fileSystem } = environment;
      const saving = wal.save(save(1));
      while (!fileSystem.trace().includes('write-durable')) await Promise.resolve();
      fileSystem.takeLockAway(directory);
      await expect(saving).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
      await manager.close().catch(() => undefined);
    });
  });

  it('poisons the logs of all groups at once, including idle ones', async () => {
    await inWorld(async (environment) => {
      const manager = openManager(environment);
      const logs = [
        await manager.createWal(metadata),
        await manager.createWal(metadata, { groupId: 2n }),
      ];
      const poisoned: unknown[] = [];
      manager.events.subscribe((event) => {
        if (event.type === 'poisoned')
          poisoned.push([event.groupId, Reflect.get(event.error, 'code')]);
      });
      environment.fileSystem.takeLockAway(directory).noticeLoss();
      expect(poisoned).toEqual([
        [0n, 'WAL_LOCK_LOST'],
        [2n, 'WAL_LOCK_LOST'],
      ]);
      for (const { wal } of logs) {
        await expect(wal.save(save(1))).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
      }
      // The manager cannot be used any more; a new one is needed.
      await expect(manager.createWal(metadata, { groupId: 3n })).rejects.toMatchObject({
        code: 'WAL_LOCK_LOST',
      });
      await manager.close().catch(() => undefined);
    });
  });

  it('leaves no mark of an idle log in the log of another owner', async () => {
    await inWorld(async (environment) => {
      const first = openManager(environment, { idleMarkMs: 50 });
      const { wal } = await first.createWal(metadata);
      await wal.save(save(1));
      environment.fileSystem.takeLockAway(directory);
      const second = openManager(environment, { idleMarkMs: 60_000 });
      await second.replayWal();
      const before = environment.fileSystem.mutationCount;
      await environment.clock.sleep(1000);
      expect(environment.fileSystem.mutationCount).toBe(before);
      await first.close().catch(() => undefined);
      expect(environment.fileSystem.mutationCount).toBe(before);
      await second.close();
    });
  });
});
