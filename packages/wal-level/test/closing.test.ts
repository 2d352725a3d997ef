/** Closing a log: what it makes durable and what it waits for. */
import { describe, expect, it } from 'vitest';
import { GroupKeys } from '../src/keys.ts';
import { HostileSyncRecords } from './hostile-store.ts';
import { oneLog, StoreWith } from './one-log.ts';
import { contentOf, entries, marker } from './samples.ts';

const keys = new GroupKeys(0n);
const failing = (text: string): Promise<never> => Promise.reject(new Error(text));

/** Sync records whose writes are slow. */
class SlowSyncRecords extends HostileSyncRecords {
  override async write(groupId: bigint, batch: number, durable: boolean): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await super.write(groupId, batch, durable);
  }
}

describe('closing a log', () => {
  it('waits until the sync record has the newest batch', async () => {
    const syncRecords = new SlowSyncRecords();
    const { wal, manager } = await oneLog(new StoreWith(syncRecords));
    await wal.save({ entries: entries(1, 1, 1) });
    await wal.close();
    expect(syncRecords.written.at(-1)).toEqual({ batch: 2, durable: true });
    await manager.close();
  });

  it('waits until leftover entries are deleted', async () => {
    const { store, wal, manager } = await oneLog();
    await wal.save({ entries: entries(1, 9, 1) });
    await wal.saveSnapshot(marker(6, 2));
    await wal.close();
    expect(store.hostility.clears).toBe(1);
    expect(await store.database.keys(keys.entriesBetween(0, 10)).all()).toEqual([]);
    await manager.close();
  });

  it('writes nothing when everything is durable, even if syncs were turned off since then', async () => {
    const { store, wal, manager } = await oneLog();
    await wal.save({ entries: entries(1, 5, 1) });
    wal.setUnsafeNoFsync();
    const before = store.hostility.batches.length;
    await wal.close();
    expect([store.hostility.batches.length - before, store.hostility.flushes]).toEqual([0, 0]);
    await manager.close();
  });

  it('makes a commit index durable with one synced batch and no flush while syncs are on', async () => {
    const { store, wal, manager } = await oneLog();
    await wal.save({ entries: entries(1, 5, 1) });
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 4 } });
    await wal.close();
    expect([store.hostility.batches.at(-1)?.sync, store.hostility.flushes]).toEqual([true, 0]);
    await manager.close();
  });

  it('writes nothing after a failed write, even if a commit index is not durable', async () => {
    const { store, wal, manager } = await oneLog();
    await wal.save({ entries: entries(1, 5, 1) });
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 4 } });
    store.hostility.nextFailure = 'broken-before';
    await expect(wal.save({ entries: entries(6, 6, 1) })).rejects.toThrow('could not be written');
    const before = store.hostility.batches.length;
    await wal.close();
    expect(store.hostility.batches.length).toBe(before);
    await manager.close();
  });

  it('flushes before the synced batch, with which the database reports a failed flush', async () => {
    const { store, wal, manager } = await oneLog();
    wal.setUnsafeNoFsync();
    await wal.save({ entries: entries(1, 5, 1) });
    const batchesBefore: number[] = [];
    store.onFlush = async () => {
      batchesBefore.push(store.hostility.batches.length);
    };
    await wal.close();
    expect(batchesBefore).toEqual([store.hostility.batches.length - 1]);
    expect(store.hostility.batches.at(-1)?.sync).toBe(true);
    await manager.close();
  });

  it('fails when the flush fails, and the log can be opened again', async () => {
    const { store, wal, manager } = await oneLog();
    wal.setUnsafeNoFsync();
    await wal.save({ entries: entries(1, 5, 1) });
    store.onFlush = () => failing('the test wants no flush');
    await expect(wal.close()).rejects.toMatchObject({
      code: 'WAL_POISONED',
      message: '/level could not be written: the test wants no flush',
    });
    const again = await manager.replayWal();
    expect(contentOf(again)).toMatch('1 to 5');
    await manager.close();
  });
});

describe('a database without syncs', () => {
  it('gets none, counts none and needs none at closing', async () => {
    const store = Object.assign(new StoreWith(), { syncs: false });
    const { wal, manager } = await oneLog(store);
    await wal.save({ entries: entries(1, 5, 1) });
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 4 } });
    const before = store.hostility.batches.length;
    await wal.sync();
    await wal.close();
    expect(store.hostility.batches.length).toBe(before);
    expect(store.hostility.batches.some(({ sync }) => sync)).toBe(false);
    expect(wal.stats.syncs).toBe(0);
    await manager.close();
  });
});
