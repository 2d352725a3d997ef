/**
 * The lock of a folder is lost at every call while snapshots are made, received and removed in it.
 */
import { runWorkload, simulatedEnvironment, type SimulatedEnvironment } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { DurableSnapshotManager, VolatileSnapshotManager } from '../src/index.ts';
import { asStream, bytesOf, chunkBytes, filesOf, joined, make } from './support.ts';

const directory = '/data/snap';
const folder = `${directory}/group-0000000000000001`;

function managerIn(environment: SimulatedEnvironment): DurableSnapshotManager {
  return new DurableSnapshotManager(directory, { chunkBytes }, environment);
}

async function inWorld(run: (environment: SimulatedEnvironment) => Promise<void>): Promise<void> {
  const environment = simulatedEnvironment(1);
  const { outcome } = await runWorkload(environment, () => run(environment));
  expect(outcome).toBe('finished');
}

/**
 * The calls of the owner after the snapshot at index 10. Adds the snapshots that were acknowledged.
 */
async function work(
  manager: DurableSnapshotManager,
  acknowledged: number[] = [],
): Promise<readonly number[]> {
  await make(manager, 20, { a: bytesOf(700, 20) });
  acknowledged.push(20);
  const other = new VolatileSnapshotManager({ chunkBytes });
  await other.open(1n);
  const { metadata, manifest } = await make(other, 30, { a: bytesOf(700, 30) });
  const stream = await joined(other.send(metadata));
  await manager.receive(metadata, manifest, asStream([stream]));
  acknowledged.push(30);
  await manager.retain(2);
  return acknowledged;
}

const lost = { code: 'SNAPSHOT_LOCK_LOST' };

describe('the lock of a folder of snapshots', () => {
  it('is renewed after a stall, and nothing else happens', async () => {
    await inWorld(async (environment) => {
      const manager = managerIn(environment);
      await manager.open(1n);
      await make(manager, 10, { a: bytesOf(700, 10) });
      environment.fileSystem.stallLock(folder);
      expect(await work(manager)).toEqual([20, 30]);
      environment.fileSystem.stallLock(folder);
      await manager.close();
    });
  });

  it('ends its manager when it was lost: nothing is changed, and existing snapshots can be read', async () => {
    await inWorld(async (environment) => {
      const { fileSystem } = environment;
      const manager = managerIn(environment);
      await manager.open(1n);
      const told: unknown[] = [];
      manager.onLost((error) => told.push(error));
      const stored = await make(manager, 10, { a: bytesOf(700, 10) });
      const other = new VolatileSnapshotManager({ chunkBytes });
      await other.open(1n);
      const arriving = await make(other, 30, { a: bytesOf(700, 30) });
      const stream = asStream([await joined(other.send(arriving.metadata))]);
      const lock = fileSystem.takeLockAway(folder);
      const before = fileSystem.mutationCount;
      await expect(make(manager, 20, { a: bytesOf(700, 20) })).rejects.toMatchObject(lost);
      await expect(
        manager.receive(arriving.metadata, arriving.manifest, stream),
      ).rejects.toMatchObject(lost);
      expect(await filesOf(manager, 10)).toEqual({ a: bytesOf(700, 10) });
      expect(await manager.verify(stored.metadata)).toBe(true);
      lock.noticeLoss();
      expect(told).toEqual([expect.objectContaining(lost)]);
      await expect(manager.close()).rejects.toMatchObject(lost);
      expect(fileSystem.mutationCount).toBe(before);
    });
  });

  it('is lost at any call, and what was acknowledged stays for the next owner', async () => {
    let calls = 0;
    for (let at = 0; at <= calls; at += 1) {
      await inWorld(async (environment) => {
        const { fileSystem } = environment;
        const first = managerIn(environment);
        await first.open(1n);
        await make(first, 10, { a: bytesOf(700, 10) });
        const begin = fileSystem.mutationCount;
        const acknowledged = [10];
        const working = work(first, acknowledged).then(
          () => undefined,
          (error: unknown) => error,
        );
        const progress = { isOver: false };
        void working.then(() => {
          progress.isOver = true;
        });
        const until = at === 0 ? Infinity : begin + at;
        while (!progress.isOver && fileSystem.mutationCount < until) await Promise.resolve();
        if (progress.isOver) {
          calls = Math.max(calls, fileSystem.mutationCount - begin);
          await first.close();
          return;
        }
        fileSystem.takeLockAway(folder);
        const before = [...acknowledged];
        const error = await working;
        const changed = fileSystem.mutationCount;
        // Only a loss during the very last call left nothing to refuse.
        if (at < calls) expect(error).toMatchObject(lost);
        expect(acknowledged).toEqual(before);
        await first.close().catch(() => undefined);
        expect(fileSystem.mutationCount).toBe(changed);
        const second = managerIn(environment);
        await second.open(1n);
        const newest = second.list().at(-1)?.metadata.index ?? 0;
        expect(newest).toBeGreaterThanOrEqual(acknowledged.at(-1) ?? 0);
        const content = await filesOf(second, newest);
        expect(content).toEqual({ a: bytesOf(700, newest) });
        await second.close();
      });
    }
    expect(calls).toBeGreaterThan(15);
  });
});
