/** The properties of the log in memory alone: its names, and which manager has which store. */
import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '@babuza/testkit';
import {
  BadgerWalMemory,
  LevelWalMemory,
  MemoryStore,
  PebbleWalMemory,
  walBackend,
} from '../src/index.ts';

const identity = { clusterId: 1, nodeId: 1 };

describe('the log in memory', () => {
  it('has its name and the names of the original design', () => {
    expect(walBackend.types).toEqual([
      'level-wal-memory',
      'badger-wal-memory',
      'pebble-wal-memory',
    ]);
    expect(walBackend.types).toEqual([LevelWalMemory, BadgerWalMemory, PebbleWalMemory]);
    expect(walBackend.capabilities.durable).toBe(false);
  });

  it('is empty at every opening without a store, whatever the directory', async () => {
    const first = await walBackend.open('/same');
    await first.createWal(identity);
    const second = await walBackend.open('/same');
    expect(await second.hasExistingWal()).toBe(false);
    await first.close();
    await second.createWal(identity);
    await second.close();
    const third = await walBackend.open('/same');
    expect(await third.hasExistingWal()).toBe(false);
    await third.close();
  });

  it('outlives its manager in a store, which has one owner at a time', async () => {
    const store = new MemoryStore();
    const first = await walBackend.open('/one', { store });
    const { wal } = await first.createWal(identity);
    await wal.save({ entries: [{ index: 1, term: 1, type: 0 }] });
    const second = await walBackend.open('/two', { store });
    await expect(second.replayWal()).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await first.close();
    expect((await second.replayWal()).storage.lastIndex()).toBe(1);
    expect(await second.replayWal().catch((error: unknown) => error)).toMatchObject({
      code: 'WAL_LOCKED',
    });
    await second.close();
  });

  it('refuses a directory with a durable log, which it would hide, and one that cannot be read', async () => {
    const disk = new SimulatedDisk({ seed: 1 });
    await disk.makeDirectory('/node');
    disk.surgery.put('/node/0000000000000001-00c0ffee.wal', new Uint8Array(16));
    const environment = { fileSystem: disk };
    const manager = await walBackend.open('/node', { environment });
    const foreign = { code: 'WAL_FOREIGN', file: '/node' };
    await expect(manager.hasExistingWal()).rejects.toMatchObject(foreign);
    await expect(manager.createWal(identity)).rejects.toMatchObject(foreign);
    disk.inject({ on: 'list', fault: { type: 'error', kind: 'permission' } });
    await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_PERMISSION' });
    disk.inject({ on: 'list', fault: { type: 'error', kind: 'io' } });
    await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_READ_FAILED' });
    disk.surgery.remove('/node/0000000000000001-00c0ffee.wal');
    await manager.createWal(identity);
    await manager.close();
  });

  it('never counts a sync', async () => {
    const manager = await walBackend.open('/any');
    const { wal } = await manager.createWal(identity);
    await wal.save({ hardState: { term: 1, vote: 1n, commit: 0 } });
    await wal.sync();
    expect([wal.stats.syncs, wal.stats.saves]).toEqual([0, 1]);
    await manager.close();
  });
});
