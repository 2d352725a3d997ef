/** How much of the disk a received snapshot may take. */
import type { SnapshotManager, StoredSnapshot } from '@babuza/raft/ports';
import { describe, expect, it } from 'vitest';
import { DurableSnapshotManager, VolatileSnapshotManager } from '../src/index.ts';
import { MemoryFileSystem } from '../src/memory-file-system.ts';

const confState = {
  voters: [1n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const metadata = { index: 7, term: 2, confState };
const content = new Uint8Array(10_000).fill(5);

async function source(): Promise<{ from: SnapshotManager; snapshot: StoredSnapshot }> {
  const from = new VolatileSnapshotManager();
  await from.open(0n);
  const snapshot = await from.create(metadata, (files) => files.writeFile('state', [content]));
  return { from, snapshot };
}

/** A manager on a disk with this much free space, less what was received. */
async function target(options: object, freeBytes = 1e12): Promise<DurableSnapshotManager> {
  const fileSystem = Object.assign(new MemoryFileSystem(), { freeBytes: async () => freeBytes });
  const manager = new DurableSnapshotManager('/snapshots', options, { fileSystem });
  await manager.open(0n);
  return manager;
}

async function receive(manager: SnapshotManager): Promise<StoredSnapshot> {
  const { from, snapshot } = await source();
  return manager.receive(metadata, snapshot.manifest, from.send(metadata));
}

describe('a snapshot that is received', () => {
  it('is refused one byte above snapshotBytesMax, and accepted at it', async () => {
    const { snapshot } = await source();
    const small = await target({ snapshotBytesMax: snapshot.bytes - 1 });
    await expect(receive(small)).rejects.toMatchObject({ code: 'SNAPSHOT_TOO_LARGE' });
    expect(small.list()).toEqual([]);
    const large = await target({ snapshotBytesMax: snapshot.bytes });
    expect((await receive(large)).bytes).toBe(snapshot.bytes);
  });

  it('is refused if it leaves less than freeDiskBytesMin, and nothing of it stays', async () => {
    const { snapshot } = await source();
    const freeDiskBytesMin = 1000;
    const full = await target({ freeDiskBytesMin }, snapshot.bytes + freeDiskBytesMin - 1);
    await expect(receive(full)).rejects.toMatchObject({ code: 'SNAPSHOT_NO_SPACE' });
    expect([full.list(), await full.received(snapshot.manifest)]).toEqual([[], 0]);
    const fits = await target({ freeDiskBytesMin }, snapshot.bytes + freeDiskBytesMin);
    expect((await receive(fits)).bytes).toBe(snapshot.bytes);
  });

  it('is removed at once with evenNewest, even if it is the newest', async () => {
    const manager = await target({});
    await receive(manager);
    await expect(manager.remove(metadata)).rejects.toMatchObject({ code: 'SNAPSHOT_INVALID' });
    await manager.remove(metadata, { evenNewest: true });
    expect(manager.list()).toEqual([]);
  });

  it.each([
    { snapshotBytesMax: 0 },
    { snapshotBytesMax: 1.5 },
    { freeDiskBytesMin: -1 },
    { freeDiskBytesMin: Infinity },
  ])('has bounds that are checked: %o', (options) => {
    expect(() => new VolatileSnapshotManager(options)).toThrow(
      expect.objectContaining({ code: 'SNAPSHOT_INVALID' }),
    );
  });
});
