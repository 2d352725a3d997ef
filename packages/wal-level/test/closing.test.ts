/** What is durable when a log is closed, and what closing waits for. */
import { describe, expect, it } from 'vitest';
import { GroupKeys } from '../src/keys.ts';
import { HostileWitness } from './hostile-level.ts';
import { oneLog, PlaceWith } from './one-log.ts';
import { contentOf, entries, marker } from './samples.ts';

const keys = new GroupKeys(0n);
const failing = (text: string): Promise<never> => Promise.reject(new Error(text));

/** A witness that takes its time. */
class SlowWitness extends HostileWitness {
  override async remember(groupId: bigint, batch: number, durable: boolean): Promise<void> {
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await super.remember(groupId, batch, durable);
  }
}

describe('closing a log', () => {
  it('waits until the witness knows the newest batch', async () => {
    const witness = new SlowWitness();
    const { wal, manager } = await oneLog(new PlaceWith(witness));
    await wal.save({ entries: entries(1, 1, 1) });
    await wal.close();
    expect(witness.told.at(-1)).toEqual({ batch: 2, durable: true });
    await manager.close();
  });

  it('waits until what is left over is deleted', async () => {
    const { place, wal, manager } = await oneLog();
    await wal.save({ entries: entries(1, 9, 1) });
    await wal.saveSnapshot(marker(6, 2));
    await wal.close();
    expect(place.hostility.clears).toBe(1);
    expect(await place.database.keys(keys.entriesBetween(0, 10)).all()).toEqual([]);
    await manager.close();
  });

  it('writes nothing where all is durable, also with syncs turned off since then', async () => {
    const { place, wal, manager } = await oneLog();
    await wal.save({ entries: entries(1, 5, 1) });
    wal.setUnsafeNoFsync();
    const before = place.hostility.batches.length;
    await wal.close();
    expect([place.hostility.batches.length - before, place.hostility.flushes]).toEqual([0, 0]);
    await manager.close();
  });

  it('makes a commit index durable by a sync alone where syncs were not turned off', async () => {
    const { place, wal, manager } = await oneLog();
    await wal.save({ entries: entries(1, 5, 1) });
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 4 } });
    await wal.close();
    expect([place.hostility.batches.at(-1)?.sync, place.hostility.flushes]).toEqual([true, 0]);
    await manager.close();
  });

  it('writes nothing after a write that failed, also where a commit index is not durable', async () => {
    const { place, wal, manager } = await oneLog();
    await wal.save({ entries: entries(1, 5, 1) });
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 4 } });
    place.hostility.nextFailure = 'broken-before';
    await expect(wal.save({ entries: entries(6, 6, 1) })).rejects.toThrow('could not be written');
    const before = place.hostility.batches.length;
    await wal.close();
    expect(place.hostility.batches.length).toBe(before);
    await manager.close();
  });

  it('flushes before the batch that is synced, in which the database tells of a failed flush', async () => {
    const { place, wal, manager } = await oneLog();
    wal.setUnsafeNoFsync();
    await wal.save({ entries: entries(1, 5, 1) });
    const batchesBefore: number[] = [];
    place.onFlush = async () => {
      batchesBefore.push(place.hostility.batches.length);
    };
    await wal.close();
    expect(batchesBefore).toEqual([place.hostility.batches.length - 1]);
    expect(place.hostility.batches.at(-1)?.sync).toBe(true);
    await manager.close();
  });

  it('fails where the flush fails, and the log can be opened again', async () => {
    const { place, wal, manager } = await oneLog();
    wal.setUnsafeNoFsync();
    await wal.save({ entries: entries(1, 5, 1) });
    place.onFlush = () => failing('the test wants no flush');
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
    const place = Object.assign(new PlaceWith(), { syncs: false });
    const { wal, manager } = await oneLog(place);
    await wal.save({ entries: entries(1, 5, 1) });
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 4 } });
    const before = place.hostility.batches.length;
    await wal.sync();
    await wal.close();
    expect(place.hostility.batches.length).toBe(before);
    expect(place.hostility.batches.some(({ sync }) => sync)).toBe(false);
    expect(wal.stats.syncs).toBe(0);
    await manager.close();
  });
});
