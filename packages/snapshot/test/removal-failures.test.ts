/** A removal that fails: it can be repeated, and is acknowledged only when it is durable. */
import { crashStates, simulatedEnvironment, type Fault, type SimulatedDisk } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { DurableSnapshotManager } from '../src/index.ts';
import { chunkBytes, indexes, make } from './support.ts';

const ten = { index: 10, term: 1 };

async function managerWithTwo(): Promise<{
  readonly manager: DurableSnapshotManager;
  readonly disk: SimulatedDisk;
}> {
  const environment = simulatedEnvironment(1);
  const manager = new DurableSnapshotManager('/snap', { chunkBytes }, environment);
  await manager.open(1n);
  await make(manager, 10);
  await make(manager, 20);
  return { manager, disk: environment.fileSystem };
}

/**
 * Checks that after a power cut only snapshot 20 exists, and nothing looks damaged. The disk cannot
 * be used afterwards.
 */
async function expectGone(disk: SimulatedDisk): Promise<void> {
  for (const { disk: left, lost } of crashStates(disk, {
    exhaustiveMax: 20,
    samples: 20,
    seed: 1,
  })) {
    const manager = new DurableSnapshotManager('/snap', {}, simulatedEnvironment(2, left));
    await manager.open(1n);
    expect(indexes(manager), `lost: ${lost}`).toEqual([20]);
    expect(left.surgery.files().join('\n'), `lost: ${lost}`).not.toContain('damaged');
    await manager.close();
  }
}

const faults: readonly [string, Fault, 'rename' | 'sync-directory'][] = [
  ['the renaming', { type: 'error', kind: 'io' }, 'rename'],
  ['the sync of the folder', { type: 'sync-error', pending: 'kept' }, 'sync-directory'],
  ['the sync that loses the name', { type: 'sync-error', pending: 'dropped' }, 'sync-directory'],
];

describe('a removal whose disk fails', () => {
  for (const [name, fault, on] of faults) {
    it(`is done when it is repeated: ${name}`, async () => {
      const { manager, disk } = await managerWithTwo();
      disk.inject({ on, fault });
      await expect(manager.remove(ten)).rejects.toMatchObject({ code: 'SNAPSHOT_WRITE_FAILED' });
      await manager.remove(ten);
      await expectGone(disk);
    });

    it(`is done by the next retention: ${name}`, async () => {
      const { manager, disk } = await managerWithTwo();
      disk.inject({ on, fault });
      await expect(manager.retain(1)).rejects.toMatchObject({ code: 'SNAPSHOT_WRITE_FAILED' });
      await manager.retain(1);
      await expectGone(disk);
    });

    it(`is rejected again as long as the disk fails: ${name}`, async () => {
      const { manager, disk } = await managerWithTwo();
      const injected = disk.inject({ on, fault, sticky: true });
      for (let attempt = 0; attempt < 3; attempt += 1) {
        await expect(manager.remove(ten)).rejects.toMatchObject({ code: 'SNAPSHOT_WRITE_FAILED' });
      }
      // The failure was reported to the caller of the removal, and is not a failure of the
      // retention.
      await manager.retain(1);
      injected.remove();
      await manager.remove(ten);
      await expectGone(disk);
    });
  }
});

it('a removal that is begun anew reports that the old name could not be given back', async () => {
  const { manager, disk } = await managerWithTwo();
  disk.inject({ on: 'sync-directory', fault: { type: 'sync-error', pending: 'kept' } });
  await expect(manager.remove(ten)).rejects.toMatchObject({ code: 'SNAPSHOT_WRITE_FAILED' });
  disk.inject({ on: 'rename', fault: { type: 'error', kind: 'io' } });
  await expect(manager.remove(ten)).rejects.toMatchObject({ cause: { kind: 'io' } });
  await manager.remove(ten);
  await expectGone(disk);
});

it('a second removal of the same snapshot waits until the first one is durable', async () => {
  const { manager, disk } = await managerWithTwo();
  const first = manager.remove(ten);
  await manager.remove(ten);
  await expectGone(disk);
  await first;
});
