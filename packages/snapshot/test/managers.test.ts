/** Runs the suite for all managers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { nodeEnvironment } from '@babuza/vfs';
import { OneByteFileSystem, simulatedEnvironment } from '@babuza/testkit';
import { describe, expect, it } from 'vitest';
import { DurableSnapshotManager, VolatileSnapshotManager } from '../src/index.ts';
import { describeManager } from './manager-suite.ts';
import { chunkBytes, fails, make } from './support.ts';

describeManager('volatile', async () => ({ manager: new VolatileSnapshotManager({ chunkBytes }) }));

describeManager('durable, simulated disk', async () => {
  const environment = simulatedEnvironment(1);
  return {
    manager: new DurableSnapshotManager('/snap', { chunkBytes }, environment),
    cleanUp: async () => expect(environment.fileSystem.openPaths).toEqual([]),
  };
});

describeManager('durable, compressed, one byte at a time', async () => {
  const fileSystem = new OneByteFileSystem(simulatedEnvironment(2).fileSystem);
  const options = { chunkBytes, compression: 'deflate' } as const;
  const manager = new DurableSnapshotManager('/snap', options, { fileSystem });
  return { manager, flipEvery: 31 };
});

describeManager('durable, this disk', async () => {
  const directory = mkdtempSync(`${tmpdir()}/babuza-snapshot-`);
  return {
    manager: new DurableSnapshotManager(directory, { chunkBytes }, nodeEnvironment()),
    flipEvery: 7,
    cleanUp: async () => rmSync(directory, { recursive: true }),
  };
});

describe('managers', () => {
  it('say whether they are durable', () => {
    expect(new DurableSnapshotManager('/snap').durable).toBe(true);
    expect(new VolatileSnapshotManager().durable).toBe(false);
  });

  it('refuse invalid options', () => {
    for (const options of [
      { compression: 'lz' },
      { chunkBytes: 1 },
      { chunkBytes: 2 ** 30 },
      { compressionLevel: 0 },
      { sync: false },
    ]) {
      expect(() => new DurableSnapshotManager('/snap', options as object)).toThrow(
        expect.objectContaining({ code: 'SNAPSHOT_INVALID' }),
      );
    }
    expect(() => new DurableSnapshotManager('snap')).toThrow('absolute');
  });

  it('refuse every call before they are open, and can be closed', async () => {
    const manager = new VolatileSnapshotManager();
    expect(manager.list()).toEqual([]);
    await fails('SNAPSHOT_CLOSED', make(manager, 1));
    await manager.close();
    await fails('SNAPSHOT_CLOSED', manager.open(0n));
    const second = new VolatileSnapshotManager();
    await fails('SNAPSHOT_INVALID', second.open(-1n));
    await second.close();
  });
});
