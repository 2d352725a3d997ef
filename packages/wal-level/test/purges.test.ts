/**
 * What a purge deletes, where it looks for it, and what it reports; and the bytes that a log wrote.
 */
import { describe, expect, it } from 'vitest';
import { GroupKeys, parseKey, type KeyRange } from '../src/keys.ts';
import type { HostilePlace } from './hostile-level.ts';
import { oneLog, PlaceWith, type OneLog } from './one-log.ts';
import { entries, marker } from './samples.ts';

const keys = new GroupKeys(0n);

/** A log with nine entries, of which eight are committed. */
async function nineEntries(place = new PlaceWith()): Promise<OneLog> {
  const log = await oneLog(place);
  const hardState = { term: 1, vote: 0n, commit: 8 };
  await log.wal.save({ entries: entries(1, 9, 1), hardState });
  return log;
}

/** The indexes of the entries among which keys are looked for, as `first to end`. */
function searchesOf(place: HostilePlace): string[] {
  const seen: string[] = [];
  const find = place.database.keys.bind(place.database);
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
  Object.defineProperty(place.database, 'keys', { value });
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

  it('says what the database gave back, of the range of all entries that are purged', async () => {
    const place = new PlaceWith();
    const { wal, manager } = await nineEntries(place);
    const ranges: KeyRange[] = [];
    place.reclaim = async (database, range) => {
      expect(database).toBe(place.database);
      ranges.push(range);
      return { bytesFreed: 77, heldBy: 'a reader of the test' };
    };
    const report = await wal.purge(5);
    expect(report).toMatchObject({ bytesFreed: 77, heldBy: 'a reader of the test' });
    expect(ranges).toEqual([keys.entriesBetween(0, 6)]);
    await manager.close();
  });

  it('says why nothing was given back, whatever is thrown, and the log goes on', async () => {
    const place = new PlaceWith();
    const { wal, manager } = await nineEntries(place);
    const thrown: [unknown, string][] = [
      [new Error('the test wants no space'), 'the test wants no space'],
      ['a text', 'a text'],
    ];
    for (const [error, heldBy] of thrown) {
      place.reclaim = () => Promise.reject(error);
      const nothing = { segmentsRemoved: 0, segmentsRecycled: 0, segmentsKept: 1, bytesFreed: 0 };
      expect(await wal.purge(5)).toEqual({ toIndex: 5, firstIndex: 6, ...nothing, heldBy });
    }
    await wal.save({ entries: entries(10, 11, 1) });
    await manager.close();
  });
});

describe('the deletion of purged entries', () => {
  it('looks only where nothing was deleted before', async () => {
    const { place, wal, manager } = await nineEntries();
    const searches = searchesOf(place);
    await wal.purge(3);
    expect(searches.splice(0)).toEqual(['from 1 to 4', 'behind 3 to 4']);
    await wal.purge(3);
    await wal.purge(2);
    expect(searches).toEqual([]);
    await wal.purge(5);
    expect(searches.splice(0)).toEqual(['from 4 to 6', 'behind 5 to 6']);
    expect(place.hostility.clears).toBe(2);
    await manager.close();
  });

  it('is tried again with the next purge where it failed', async () => {
    const place = new PlaceWith();
    const { wal, manager } = await nineEntries(place);
    const find = place.database.keys.bind(place.database);
    Object.defineProperty(place.database, 'keys', {
      configurable: true,
      value: () => {
        throw new Error('the test wants no search');
      },
    });
    expect((await wal.purge(3)).heldBy).toBe('the test wants no search');
    Object.defineProperty(place.database, 'keys', { value: find });
    const searches = searchesOf(place);
    expect((await wal.purge(5)).heldBy).toBe(undefined);
    expect(searches).toEqual(['from 1 to 6', 'behind 5 to 6']);
    await manager.close();
  });
});

describe('the bytes that a log wrote', () => {
  it('are those of the keys and values of its batches', async () => {
    const { place, wal, manager } = await oneLog();
    const before = place.hostility.batches.length;
    await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 0n, commit: 4 } });
    await wal.save({ entries: entries(6, 7, 2) });
    await wal.saveSnapshot(marker(3, 1));
    await wal.purge(2);
    const operations = place.hostility.batches.slice(before).flatMap((batch) => batch.operations);
    const bytes = operations.map(
      (each) => each.key.length + (each.type === 'put' ? each.value.length : 0),
    );
    expect(wal.stats.bytesWritten).toBe(bytes.reduce((sum, each) => sum + each, 0));
    await manager.close();
  });
});
