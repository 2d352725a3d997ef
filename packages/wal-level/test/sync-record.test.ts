/**
 * The sync record outside the database: when it is written, and which losses it reveals. It never
 * contains a number that is not durable, so a crash raises no false alarm.
 */
import { describe, expect, it } from 'vitest';
import type { WalEvent } from '@babuza/wal-core';
import { HostileStore, HostileSyncRecords, storeWith } from './hostile-store.ts';
import { contentOf, entries } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };

function store(): { store: HostileStore; syncRecords: HostileSyncRecords } {
  const syncRecords = new HostileSyncRecords();
  return { store: new HostileStore(syncRecords), syncRecords };
}

describe('the sync record is written', () => {
  it('durably when the log is created', async () => {
    const { store: made, syncRecords } = store();
    await made.manager().createWal(identity);
    expect(syncRecords.written).toEqual([{ batch: 1, durable: true }]);
  });

  it('with the newest durable batch once in 50 ms, and durably at closing', async () => {
    const { store: made, syncRecords } = store();
    const { wal } = await made.manager().createWal(identity);
    syncRecords.written.length = 0;
    for (const index of [1, 2, 3]) await wal.save({ entries: entries(index, index, 1) });
    await made.clock?.pass(49);
    expect(syncRecords.written).toEqual([]);
    await made.clock?.pass(1);
    expect(syncRecords.written).toEqual([{ batch: 4, durable: false }]);
    await made.clock?.pass(1000);
    expect(syncRecords.written.length).toBe(1);
    await wal.save({ entries: entries(4, 4, 1) });
    await wal.close();
    expect(syncRecords.written.slice(1)).toEqual([{ batch: 5, durable: true }]);
    expect(made.clock?.timers).toBe(0);
  });

  it('durably at closing even if the number was written before, because that write had no sync', async () => {
    const { store: made, syncRecords } = store();
    const { wal } = await made.manager().createWal(identity);
    await wal.save({ entries: entries(1, 1, 1) });
    await made.clock?.pass(50);
    await wal.close();
    expect(syncRecords.written.slice(1)).toEqual([
      { batch: 2, durable: false },
      { batch: 2, durable: true },
    ]);
  });

  it('neither for a commit index alone nor while syncs are turned off', async () => {
    const { store: made, syncRecords } = store();
    const { wal } = await made.manager().createWal(identity);
    await wal.save({ entries: entries(1, 5, 1) });
    await made.clock?.pass(50);
    syncRecords.written.length = 0;
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 3 } });
    wal.setUnsafeNoFsync();
    await wal.save({ entries: entries(6, 9, 1) });
    await made.clock?.pass(1000);
    expect(syncRecords.written).toEqual([]);
    await wal.close();
    // Closing made these batches and its own durable.
    expect(syncRecords.written).toEqual([{ batch: 5, durable: true }]);
  });

  it('no more after a failed write', async () => {
    const { store: made, syncRecords } = store();
    const { wal } = await made.manager().createWal(identity);
    await made.clock?.pass(50);
    syncRecords.written.length = 0;
    made.hostility.nextFailure = 'broken-after';
    await expect(wal.save({ entries: entries(1, 1, 1) })).rejects.toMatchObject({
      code: 'WAL_POISONED',
    });
    await made.clock?.pass(1000);
    await wal.close();
    expect(syncRecords.written.filter(({ batch }) => batch > 1)).toEqual([]);
  });

  it('without effect on the log when the write fails', async () => {
    const { store: made, syncRecords } = store();
    const manager = made.manager();
    const { wal } = await manager.createWal(identity);
    syncRecords.fails = true;
    await wal.save({ entries: entries(1, 5, 1) });
    await made.clock?.pass(50);
    await wal.save({ entries: entries(6, 7, 1) });
    await wal.close();
    expect((await manager.replayWal()).storage.lastIndex()).toBe(7);
    await manager.close();
  });
});

describe('with a sync record', () => {
  it('the loss of the newest batches together is noticed', async () => {
    for (const lost of [1, 2, 3]) {
      const { store: made, syncRecords } = store();
      const first = made.manager();
      const { wal } = await first.createWal(identity);
      await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 1n, commit: 4 } });
      for (let left = lost; left > 0; left -= 1) {
        made.hostility.nextFailure = 'dropped';
        await wal.save({ entries: entries(10 + lost - left, 10 + lost - left, 1) });
      }
      await first.close();
      const second = made.manager();
      await expect(second.replayWal()).rejects.toMatchObject({
        code: 'WAL_CORRUPT',
        verdict: 'lost-batches',
        firstIndex: 5,
      });
      await expect(second.findSnapshots()).rejects.toMatchObject({ code: 'WAL_CORRUPT' });
      await second.close();
      // Without a sync record it is a shorter log.
      syncRecords.records.clear();
      const third = made.manager();
      expect((await third.replayWal()).storage.lastIndex()).toBe(9);
      await third.close();
    }
  });

  it('a missing database is not taken for a new one', async () => {
    const { store: made, syncRecords } = store();
    const first = made.manager();
    const { wal } = await first.createWal(identity);
    await wal.save({ entries: entries(1, 9, 1) });
    await first.close();
    const emptied = new HostileStore(syncRecords);
    const manager = emptied.manager();
    expect(await manager.hasExistingWal()).toBe(true);
    expect(await manager.hasExistingWal({ groupId: 1n })).toBe(false);
    const refused = { code: 'WAL_CORRUPT', verdict: 'lost-batches' };
    await expect(manager.replayWal()).rejects.toMatchObject(refused);
    await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_EXISTS' });
    await manager.close();
  });

  it('no new database replaces one that is missing', async () => {
    const { store: made, syncRecords } = store();
    await made.manager().createWal(identity);
    const missing = new HostileStore(syncRecords);
    const manager = missing.manager();
    const creating = (groupId: bigint) => manager.createWal(identity, { groupId });
    const refused = { code: 'WAL_CORRUPT', verdict: 'missing-database' };
    await expect(creating(1n)).rejects.toMatchObject(refused);
    syncRecords.records.set(0n, { kind: 'damaged', file: '/witness' });
    await expect(creating(1n)).rejects.toMatchObject(refused);
    // Even a damaged record proves that the log existed.
    await expect(creating(0n)).rejects.toMatchObject({ code: 'WAL_EXISTS' });
    expect(await manager.hasExistingWal()).toBe(true);
    await expect(manager.replayWal()).rejects.toMatchObject({ verdict: 'lost-batches' });
    expect(await missing.exists()).toBe(false);
    syncRecords.records.clear();
    await creating(1n);
    await manager.close();
  });

  it('the existence of a log is known without the database', async () => {
    const { store: made } = store();
    const owner = made.manager();
    await owner.createWal(identity);
    const looker = made.manager();
    expect(await looker.hasExistingWal()).toBe(true);
    await expect(looker.hasExistingWal({ groupId: 1n })).rejects.toMatchObject({
      code: 'WAL_LOCKED',
    });
    await looker.close();
    await owner.close();
  });
});

describe('a sync record that cannot be used', () => {
  it('is reported when it is damaged, and the log opens', async () => {
    const { store: made, syncRecords } = store();
    const first = made.manager();
    const { wal } = await first.createWal(identity);
    await wal.save({ entries: entries(1, 9, 1) });
    await first.close();
    syncRecords.records.set(0n, { kind: 'damaged', file: '/witness' });
    const second = made.manager();
    const seen: WalEvent[] = [];
    second.events.subscribe((event) => seen.push(event));
    const opened = await second.replayWal();
    expect(contentOf(opened)).toContain('1 to 9');
    expect(seen[0]).toMatchObject({ type: 'repaired', file: '/witness', groupId: 0n });
    await second.close();
    expect(syncRecords.records.get(0n)).toEqual({ kind: 'batch', batch: 2 });
  });

  it('is not read for a log whose batches have no numbers', async () => {
    const { default: stored } = await import('./golden/version-1.json', { with: { type: 'json' } });
    const content = Object.entries(stored).map(
      ([key, value]) => [key, new Uint8Array(Buffer.from(value, 'hex'))] as const,
    );
    const syncRecords = new HostileSyncRecords();
    syncRecords.records.set(0n, { kind: 'batch', batch: 1000 });
    const made = await storeWith(new Map(content), syncRecords);
    const manager = made.manager();
    const { wal } = await manager.replayWal();
    await wal.save({ entries: entries(14, 14, 6) });
    await made.clock?.pass(50);
    await manager.close();
    expect(syncRecords.written).toEqual([]);
  });
});

describe('a slow sync', () => {
  it('is an event when it took more than a second', async () => {
    const { store: made } = store();
    const { wal } = await made.manager().createWal(identity);
    const seen: WalEvent[] = [];
    wal.events.subscribe((event) => {
      if (event.type === 'slow-sync') seen.push(event);
    });
    const { hostility, clock } = made;
    for (const tookMs of [1000, 1001]) {
      hostility.onWrite = async () => clock?.pass(tookMs);
      await wal.save({ entries: entries(tookMs - 999, tookMs - 999, 1) });
    }
    expect(seen).toEqual([{ type: 'slow-sync', groupId: 0n, latencyMs: 1001 }]);
    // A commit index alone is not synced.
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 1 } });
    expect(seen.length).toBe(1);
  });
});
