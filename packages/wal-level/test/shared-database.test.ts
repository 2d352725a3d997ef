/**
 * Logs that share a database: batches are written one after the other, and a failed write ends the
 * writing of all logs. `failed-database.test.ts` tests what follows.
 */
import { describe, expect, it } from 'vitest';
import type { WalEvent } from '@babuza/wal-core';
import { SharedDatabase } from '../src/shared-database.ts';
import { HostileStore } from './hostile-store.ts';
import { entries, entry } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };
const poisoned = { code: 'WAL_POISONED' };
const groups = [0n, 1n, 2n];

async function opened(store: HostileStore) {
  const manager = store.manager();
  const logs = await Promise.all(groups.map((groupId) => manager.createWal(identity, { groupId })));
  const [first, second, third] = logs.map(({ wal }) => wal);
  if (first === undefined || second === undefined || third === undefined) throw new Error('three');
  return { manager, first, second, third, storages: logs.map(({ storage }) => storage) };
}

describe('logs of one database', () => {
  it('write one batch at a time, and combine those that wait', async () => {
    const store = new HostileStore();
    const { manager, first, second, third } = await opened(store);
    let under = 0;
    let most = 0;
    store.hostility.onWrite = async () => {
      under += 1;
      most = Math.max(most, under);
      await new Promise((resolve) => setImmediate(resolve));
      under -= 1;
    };
    const before = store.hostility.batches.length;
    await Promise.all([first, second, third].map((wal) => wal.save({ entries: entries(1, 3, 1) })));
    expect([most, store.hostility.batches.length - before]).toEqual([1, 2]);
    await manager.close();
  });

  it('combine no more than 4 MiB', async () => {
    const store = new HostileStore();
    const { manager, first, second, third } = await opened(store);
    const before = store.hostility.batches.length;
    const large = entry(1, 1, 3 * 1024 * 1024);
    await Promise.all([first, second, third].map((wal) => wal.save({ entries: [large] })));
    expect(store.hostility.batches.length - before).toBe(3);
    await manager.close();
  });

  it('share a sync when one of them needs it, and do not sync when none does', async () => {
    const store = new HostileStore();
    const { manager, first, second, third } = await opened(store);
    await Promise.all([first, second].map((wal) => wal.save({ entries: entries(1, 3, 1) })));
    const hardState = { term: 0, vote: 0n, commit: 1 };
    await third.save({ entries: entries(1, 1, 1) });
    await Promise.all([
      third.save({ entries: entries(2, 2, 1) }),
      first.save({ hardState }),
      second.save({ hardState }),
    ]);
    expect(store.hostility.batches.slice(-2).map(({ sync }) => sync)).toEqual([true, false]);
    await Promise.all([
      first.save({ hardState: { ...hardState, commit: 2 } }),
      second.save({ hardState: { ...hardState, commit: 2 } }),
      third.save({ entries: entries(3, 3, 1) }),
    ]);
    expect(store.hostility.batches.slice(-2).map(({ sync }) => sync)).toEqual([false, true]);
    await manager.close();
  });

  it('end together when a write of one fails, because later batches could not be read again', async () => {
    const store = new HostileStore();
    const { manager, first, second, third, storages } = await opened(store);
    await Promise.all([first, second, third].map((wal) => wal.save({ entries: entries(1, 3, 1) })));
    const seen: WalEvent[] = [];
    manager.events.subscribe((event) => seen.push(event));
    store.hostility.nextFailure = 'broken-before';
    const saving = [first, second].map((wal) => wal.save({ entries: entries(4, 5, 1) }));
    const behind = first.save({ entries: entries(6, 6, 1) });
    for (const result of await Promise.allSettled([...saving, behind])) {
      expect(result).toMatchObject({ status: 'rejected', reason: poisoned });
    }
    // The idle log is poisoned once, too, and its next save does not reach the database.
    expect(seen.map(({ type, groupId }) => [type, groupId])).toEqual(
      groups.map((groupId) => ['poisoned', groupId]),
    );
    const batches = store.hostility.batches.length;
    await expect(third.save({ entries: entries(4, 5, 1) })).rejects.toMatchObject(poisoned);
    await expect(third.sync()).rejects.toMatchObject(poisoned);
    expect([store.hostility.batches.length, seen.length]).toEqual([batches, 3]);
    for (const storage of storages) expect(storage.entries(1, 4, Infinity).length).toBe(3);
    expect(await manager.hasExistingWal({ groupId: 2n })).toBe(true);
    await manager.close();
  });

  it('end when a deletion fails, because it is a write', async () => {
    const store = new HostileStore();
    const { manager, first, second } = await opened(store);
    const hardState = { term: 1, vote: 0n, commit: 8 };
    await first.save({ entries: entries(1, 9, 1), hardState });
    store.hostility.clearFails = true;
    expect((await first.purge(5)).heldBy).toMatch('the test wants no deletion');
    await expect(first.save({ entries: entries(10, 11, 1) })).rejects.toMatchObject(poisoned);
    await expect(second.save({ entries: entries(1, 3, 1) })).rejects.toMatchObject(poisoned);
    store.hostility.clearFails = false;
    await manager.close();
    const { wal, storage } = await store.manager().replayWal();
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([6, 9]);
    await wal.save({ entries: entries(10, 11, 1) });
  });

  it('go on when nothing was written for lack of space', async () => {
    const store = new HostileStore();
    const { manager, first, second } = await opened(store);
    store.hostility.nextFailure = 'no-space';
    const saving = first.save({ entries: entries(1, 3, 1) });
    await expect(saving).rejects.toMatchObject({ code: 'WAL_NO_SPACE' });
    await Promise.all([first, second].map((wal) => wal.save({ entries: entries(1, 3, 1) })));
    await manager.close();
  });

  it('go on while one of them deletes what it purged, page by page', async () => {
    const store = new HostileStore();
    const { manager, first, second } = await opened(store);
    const hardState = { term: 1, vote: 0n, commit: 2600 };
    await first.save({ entries: entries(1, 2600, 1), hardState });
    const { hostility } = store;
    const purging = first.purge(2500);
    const clearsBefore: number[] = [];
    for (let index = 1; hostility.clears < 3 && index < 100; index += 1) {
      await second.save({ entries: entries(index, index, 1) });
      clearsBefore.push(hostility.clears);
    }
    expect(await purging).toMatchObject({ firstIndex: 2501, heldBy: undefined });
    expect([hostility.clears, new Set(clearsBefore).has(2)]).toEqual([3, true]);
    const left = [...(await store.dump()).keys()].filter(
      (key) => key.startsWith('0'.repeat(16)) && key.slice(16, 18) === '50',
    );
    expect(left.length).toBe(100);
    await manager.close();
  });
});

describe('closing a database', () => {
  it('waits for all work that began in it, even if that fails', async () => {
    for (const ends of [
      ['first', 'second'],
      ['second', 'first'],
    ]) {
      const store = new HostileStore();
      const database = await store.open();
      const onFailure = (): void => undefined;
      const shared = new SharedDatabase({ kind: store, database, directory: '/level', onFailure });
      const end = new Map<string, () => void>();
      const gate = (name: string): Promise<void> =>
        new Promise((resolve) => end.set(name, resolve));
      const using = Promise.allSettled([
        shared.use(async () => {
          await gate('first');
          return database.status;
        }),
        shared.use(async () => {
          await gate('second');
          throw new Error(`the work ends while the database is ${database.status}`);
        }),
      ]);
      const closing = shared.close();
      for (const name of ends) {
        await new Promise((resolve) => setImmediate(resolve));
        expect(database.status).toBe('open');
        end.get(name)?.();
      }
      expect(await using).toMatchObject([
        { status: 'fulfilled', value: 'open' },
        { status: 'rejected', reason: { message: 'the work ends while the database is open' } },
      ]);
      await closing;
      expect(database.status).toBe('closed');
    }
  });
});
