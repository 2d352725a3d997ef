/**
 * The witness outside of the database: what it is told and when, and what is missed because of it.
 * It is never told anything that is not durable, so no crash raises a false alarm.
 */
import { describe, expect, it } from 'vitest';
import type { WalEvent } from '@babuza/wal-core';
import { HostilePlace, HostileWitness, placeWith } from './hostile-level.ts';
import { contentOf, entries } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };

function place(): { place: HostilePlace; witness: HostileWitness } {
  const witness = new HostileWitness();
  return { place: new HostilePlace(witness), witness };
}

describe('the witness is told', () => {
  it('that the log exists, durably, when it is created', async () => {
    const { place: made, witness } = place();
    await made.manager().createWal(identity);
    expect(witness.told).toEqual([{ batch: 1, durable: true }]);
  });

  it('the newest durable batch, once in 50 ms, and durably at closing', async () => {
    const { place: made, witness } = place();
    const { wal } = await made.manager().createWal(identity);
    witness.told.length = 0;
    for (const index of [1, 2, 3]) await wal.save({ entries: entries(index, index, 1) });
    await made.clock?.pass(49);
    expect(witness.told).toEqual([]);
    await made.clock?.pass(1);
    expect(witness.told).toEqual([{ batch: 4, durable: false }]);
    await made.clock?.pass(1000);
    expect(witness.told.length).toBe(1);
    await wal.save({ entries: entries(4, 4, 1) });
    await wal.close();
    expect(witness.told.slice(1)).toEqual([{ batch: 5, durable: true }]);
    expect(made.clock?.timers).toBe(0);
  });

  it('at closing durably also what it was told before: that may be in a cache only', async () => {
    const { place: made, witness } = place();
    const { wal } = await made.manager().createWal(identity);
    await wal.save({ entries: entries(1, 1, 1) });
    await made.clock?.pass(50);
    await wal.close();
    expect(witness.told.slice(1)).toEqual([
      { batch: 2, durable: false },
      { batch: 2, durable: true },
    ]);
  });

  it('nothing of a commit index alone, or while syncs are skipped', async () => {
    const { place: made, witness } = place();
    const { wal } = await made.manager().createWal(identity);
    await wal.save({ entries: entries(1, 5, 1) });
    await made.clock?.pass(50);
    witness.told.length = 0;
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 3 } });
    wal.setUnsafeNoFsync();
    await wal.save({ entries: entries(6, 9, 1) });
    await made.clock?.pass(1000);
    expect(witness.told).toEqual([]);
    await wal.close();
    // All of them and that of closing: durable by then.
    expect(witness.told).toEqual([{ batch: 5, durable: true }]);
  });

  it('nothing after a write that failed', async () => {
    const { place: made, witness } = place();
    const { wal } = await made.manager().createWal(identity);
    await made.clock?.pass(50);
    witness.told.length = 0;
    made.hostility.nextFailure = 'broken-after';
    await expect(wal.save({ entries: entries(1, 1, 1) })).rejects.toMatchObject({
      code: 'WAL_POISONED',
    });
    await made.clock?.pass(1000);
    await wal.close();
    expect(witness.told.filter(({ batch }) => batch > 1)).toEqual([]);
  });

  it('and when it does not listen, the log goes on', async () => {
    const { place: made, witness } = place();
    const manager = made.manager();
    const { wal } = await manager.createWal(identity);
    witness.fails = true;
    await wal.save({ entries: entries(1, 5, 1) });
    await made.clock?.pass(50);
    await wal.save({ entries: entries(6, 7, 1) });
    await wal.close();
    expect((await manager.replayWal()).storage.lastIndex()).toBe(7);
    await manager.close();
  });
});

describe('because of the witness', () => {
  it('the newest batches are missed when they are lost together', async () => {
    for (const lost of [1, 2, 3]) {
      const { place: made, witness } = place();
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
      // Without a witness it is a shorter log.
      witness.recollections.clear();
      const third = made.manager();
      expect((await third.replayWal()).storage.lastIndex()).toBe(9);
      await third.close();
    }
  });

  it('a database that is gone is not a new one', async () => {
    const { place: made, witness } = place();
    const first = made.manager();
    const { wal } = await first.createWal(identity);
    await wal.save({ entries: entries(1, 9, 1) });
    await first.close();
    const emptied = new HostilePlace(witness);
    const manager = emptied.manager();
    expect(await manager.hasExistingWal()).toBe(true);
    expect(await manager.hasExistingWal({ groupId: 1n })).toBe(false);
    const refused = { code: 'WAL_CORRUPT', verdict: 'lost-batches' };
    await expect(manager.replayWal()).rejects.toMatchObject(refused);
    await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_EXISTS' });
    await manager.close();
  });

  it('no new database takes the place of one that is missing', async () => {
    const { place: made, witness } = place();
    await made.manager().createWal(identity);
    const missing = new HostilePlace(witness);
    const manager = missing.manager();
    const creating = (groupId: bigint) => manager.createWal(identity, { groupId });
    const refused = { code: 'WAL_CORRUPT', verdict: 'missing-database' };
    await expect(creating(1n)).rejects.toMatchObject(refused);
    witness.recollections.set(0n, { kind: 'damaged', file: '/witness' });
    await expect(creating(1n)).rejects.toMatchObject(refused);
    // Also a damaged one was only ever made for a log that there was.
    await expect(creating(0n)).rejects.toMatchObject({ code: 'WAL_EXISTS' });
    expect(await manager.hasExistingWal()).toBe(true);
    await expect(manager.replayWal()).rejects.toMatchObject({ verdict: 'lost-batches' });
    expect(await missing.exists()).toBe(false);
    witness.recollections.clear();
    await creating(1n);
    await manager.close();
  });

  it('whether there is a log is known without the database', async () => {
    const { place: made } = place();
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

describe('a witness that is of no use', () => {
  it('is told of when it is damaged, and the log opens', async () => {
    const { place: made, witness } = place();
    const first = made.manager();
    const { wal } = await first.createWal(identity);
    await wal.save({ entries: entries(1, 9, 1) });
    await first.close();
    witness.recollections.set(0n, { kind: 'damaged', file: '/witness' });
    const second = made.manager();
    const seen: WalEvent[] = [];
    second.events.subscribe((event) => seen.push(event));
    const opened = await second.replayWal();
    expect(contentOf(opened)).toContain('1 to 9');
    expect(seen[0]).toMatchObject({ type: 'repaired', file: '/witness', groupId: 0n });
    await second.close();
    expect(witness.recollections.get(0n)).toEqual({ kind: 'batch', batch: 2 });
  });

  it('is not asked about a log whose batches have no numbers', async () => {
    const { default: stored } = await import('./golden/version-1.json', { with: { type: 'json' } });
    const content = Object.entries(stored).map(
      ([key, value]) => [key, new Uint8Array(Buffer.from(value, 'hex'))] as const,
    );
    const witness = new HostileWitness();
    witness.recollections.set(0n, { kind: 'batch', batch: 1000 });
    const made = await placeWith(new Map(content), witness);
    const manager = made.manager();
    const { wal } = await manager.replayWal();
    await wal.save({ entries: entries(14, 14, 6) });
    await made.clock?.pass(50);
    await manager.close();
    expect(witness.told).toEqual([]);
  });
});

describe('a slow sync', () => {
  it('is an event when it took more than a second', async () => {
    const { place: made } = place();
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
