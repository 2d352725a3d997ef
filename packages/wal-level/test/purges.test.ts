/**
 * The keys that a purge searches and deletes, its report, and the count of bytes that a log wrote.
 */
import { describe, expect, it } from 'vitest';
import { GroupKeys, parseKey, type KeyRange } from '../src/keys.ts';
import type { HostileStore } from './hostile-store.ts';
import { oneLog, StoreWith, type OneLog } from './one-log.ts';
import { entries, marker } from './samples.ts';

const keys = new GroupKeys(0n);

/** A log with nine entries, of which eight are committed. */
async function nineEntries(store = new StoreWith()): Promise<OneLog> {
  const log = await oneLog(store);
  const hardState = { term: 1, vote: 0n, commit: 8 };
  await log.wal.save({ entries: entries(1, 9, 1), hardState });
  return log;
}

/** The ranges that the log searches for keys, as `first to end`. */
function searchesOf(store: HostileStore): string[] {
  const seen: string[] = [];
  const find = store.database.keys.bind(store.database);
  const value = (
    options: Parameters<typeof find>[0] & { gt?: Uint8Array; gte?: Uint8Array; lt?: Uint8Array },
  ) => {
    const from = options.gte ?? options.gt;
    if (from !== undefined && options.lt !== undefined) {
      const edge = options.gte === undefined ? 'behind' : 'from';
      seen.push(`${edge} ${parseKey(from)?.index} to ${parseKey(options.lt)?.index}`);
    }
    return find(options);
  };
  Object.defineProperty(store.database, 'keys', { value });
  return seen;
}

describe('the report of a purge', () => {
  it('says that the database is one segment, which is kept, and frees no bytes', async () => {
    const { wal, manager } = await nineEntries();
    expect(await wal.purge(5)).toEqual({
      toIndex: 5,
      firstIndex: 6,
      segmentsRemoved: 0,
      segmentsRecycled: 0,
      segmentsKept: 1,
      bytesFreed: 0,
      heldBy: undefined,
    });
    expect(wal.stats.segments).toBe(1);
    await manager.close();
  });

  it('says how many bytes the database freed in the range of all purged entries', async () => {
    const store = new StoreWith();
    const { wal, manager } = await nineEntries(store);
    const ranges: KeyRange[] = [];
    store.reclaim = async (database, range) => {
      expect(database).toBe(store.database);
      ranges.push(range);
      return { bytesFreed: 77, heldBy: 'a reader of the test' };
    };
    const report = await wal.purge(5);
    expect(report).toMatchObject({ bytesFreed: 77, heldBy: 'a reader of the test' });
    expect(ranges).toEqual([keys.entriesBetween(0, 6)]);
    await manager.close();
  });

  it('says why nothing was freed, whatever is thrown, and the log goes on', async () => {
    const store = new StoreWith();
    const { wal, manager } = await nineEntries(store);
    const thrown: [unknown, string][] = [
      [new Error('the test wants no space'), 'the test wants no space'],
      ['a text', 'a text'],
    ];
    for (const [error, heldBy] of thrown) {
      store.reclaim = () => Promise.reject(error);
      const nothing = { segmentsRemoved: 0, segmentsRecycled: 0, segmentsKept: 1, bytesFreed: 0 };
      expect(await wal.purge(5)).toEqual({ toIndex: 5, firstIndex: 6, ...nothing, heldBy });
    }
    await wal.save({ entries: entries(10, 11, 1) });
    await manager.close();
  });
});

describe('the deletion of purged entries', () => {
  it('searches only where nothing was deleted before', async () => {
    const { store, wal, manager } = await nineEntries();
    const searches = searchesOf(store);
    await wal.purge(3);
    expect(searches.splice(0)).toEqual(['from 1 to 4', 'behind 3 to 4']);
    await wal.purge(3);
    await wal.purge(2);
    expect(searches).toEqual([]);
    await wal.purge(5);
    expect(searches.splice(0)).toEqual(['from 4 to 6', 'behind 5 to 6']);
    expect(store.hostility.clears).toBe(2);
    await manager.close();
  });

  it('is tried again with the next purge after a failure', async () => {
    const store = new StoreWith();
    const { wal, manager } = await nineEntries(store);
    const find = store.database.keys.bind(store.database);
    Object.defineProperty(store.database, 'keys', {
      configurable: true,
      value: () => {
        throw new Error('the test wants no search');
      },
    });
    expect((await wal.purge(3)).heldBy).toBe('the test wants no search');
    Object.defineProperty(store.database, 'keys', { value: find });
    const searches = searchesOf(store);
    expect((await wal.purge(5)).heldBy).toBe(undefined);
    expect(searches).toEqual(['from 1 to 6', 'behind 5 to 6']);
    await manager.close();
  });
});

describe('the bytes that a log wrote', () => {
  it('are those of the keys and values of its batches', async () => {
    const { store, wal, manager } = await oneLog();
    const before = store.hostility.batches.length;
    await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 0n, commit: 4 } });
    await wal.save({ entries: entries(6, 7, 2) });
    await wal.saveSnapshot(marker(3, 1));
    await wal.purge(2);
    const operations = store.hostility.batches.slice(before).flatMap((batch) => batch.operations);
    const bytes = operations.map(
      (each) => each.key.length + (each.type === 'put' ? each.value.length : 0),
    );
    expect(wal.stats.bytesWritten).toBe(bytes.reduce((sum, each) => sum + each, 0));
    await manager.close();
  });
});
