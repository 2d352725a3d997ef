/**
 * Saves that replace entries: what readers see, and the snapshots of the database that this needs.
 */
import { describe, expect, it } from 'vitest';
import type { HostileStore } from './hostile-store.ts';
import { oneLog } from './one-log.ts';
import { entries, marker, reopenedContent } from './samples.ts';

describe('a log whose entries are replaced', () => {
  it('shows the new ones, and those after them, as soon as the save resolves', async () => {
    const { wal, storage, manager } = await oneLog();
    await wal.save({ entries: entries(1, 6, 1) });
    const shown = (): number[] =>
      storage.entries(1, storage.lastIndex() + 1, Infinity).map(({ term }) => term);
    await wal.save({ entries: entries(3, 4, 2) });
    expect(shown()).toEqual([1, 1, 2, 2]);
    await wal.save({ entries: entries(5, 5, 2) });
    expect(shown()).toEqual([1, 1, 2, 2, 2]);
    // These saves share one batch.
    await Promise.all([
      wal.save({ entries: entries(6, 6, 3) }),
      wal.save({ entries: entries(2, 3, 4) }),
      wal.save({ entries: entries(4, 4, 5) }),
    ]);
    expect(shown()).toEqual([1, 4, 4, 5]);
    await wal.save({ entries: entries(5, 6, 5) });
    expect(shown()).toEqual([1, 4, 4, 5, 5, 5]);
    await manager.close();
  });

  it('shows the old ones until the save is durable', async () => {
    const { store, wal, storage, manager } = await oneLog();
    await wal.save({ entries: entries(1, 6, 1) });
    const before = storage.entries(1, 7, Infinity);
    const during: unknown[] = [];
    store.hostility.onWrite = async () => {
      during.push(storage.entries(1, 7, Infinity));
    };
    await wal.save({ entries: entries(3, 4, 2) });
    expect(during).toEqual([before]);
    await manager.close();
  });
});

/** The number of snapshots of the database that were taken, and that are open. */
function snapshotsOf({ database }: HostileStore): { taken: number; open: number } {
  const seen = { taken: 0, open: 0 };
  const take = database.snapshot.bind(database);
  const value = () => {
    const snapshot = take();
    const close = snapshot.close.bind(snapshot);
    seen.taken += 1;
    seen.open += 1;
    const closing = (): Promise<void> => {
      seen.open -= 1;
      return close();
    };
    return Object.defineProperty(snapshot, 'close', { value: closing });
  };
  Object.defineProperty(database, 'snapshot', { value });
  return seen;
}

describe('a snapshot of the database', () => {
  it('is taken only for a save that replaces entries, and closed when the save resolves', async () => {
    const { store, wal, manager } = await oneLog();
    const snapshots = snapshotsOf(store);
    await wal.save({ entries: entries(1, 6, 1), hardState: { term: 1, vote: 0n, commit: 2 } });
    await wal.saveSnapshot(marker(2, 1));
    await wal.purge(1);
    expect(snapshots).toEqual({ taken: 0, open: 0 });
    await wal.save({ entries: entries(4, 4, 2) });
    expect(snapshots).toEqual({ taken: 1, open: 0 });
    await wal.saveSnapshot(marker(9, 3));
    expect(snapshots).toEqual({ taken: 2, open: 0 });
    await manager.close();
  });

  it('is kept for readers after a failed save until the log is closed', async () => {
    const { store, wal, storage, manager } = await oneLog();
    const snapshots = snapshotsOf(store);
    await wal.save({ entries: entries(1, 6, 1) });
    const before = storage.entries(1, 7, Infinity);
    store.hostility.nextFailure = 'broken-after';
    await expect(wal.save({ entries: entries(3, 4, 2) })).rejects.toThrow('could not be written');
    expect(storage.entries(1, 7, Infinity)).toEqual(before);
    expect(snapshots).toEqual({ taken: 1, open: 1 });
    await wal.close();
    expect(snapshots).toEqual({ taken: 1, open: 0 });
    await manager.close();
  });
});

describe('saves that wait together', () => {
  it('are written if one of them changes the log, whatever the others do', async () => {
    const changing = { entries: entries(1, 2, 1) };
    for (const saves of [
      [{}, changing],
      [changing, {}],
      [{}, changing, {}],
    ]) {
      const { store, wal, manager } = await oneLog();
      await Promise.all(saves.map((save) => wal.save(save)));
      expect(wal.stats.batches).toBe(1);
      await manager.close();
      expect(await reopenedContent(store)).toMatch('1 to 2 ');
    }
  });
});
