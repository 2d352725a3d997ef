/** What one log does with its database besides saving: reading, purging, reporting, closing. */
import { describe, expect, it } from 'vitest';
import type { LevelStoreKind, Reclaimed } from '../src/index.ts';
import { GroupKeys, parseKey, type KeyRange } from '../src/keys.ts';
import { HostilePlace, HostileWitness } from './hostile-level.ts';
import { contentOf, entries, marker } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };
const keys = new GroupKeys(0n);
const uncached = { cache: { entriesMax: 0, bytesMax: 0 } };
const failing = (text: string): Promise<never> => Promise.reject(new Error(text));

/** A place whose optional methods a test can give. */
class PlaceWith extends HostilePlace implements LevelStoreKind {
  reclaim?: (database: unknown, range: KeyRange) => Promise<Reclaimed>;
  onFlush: () => Promise<void> = async () => undefined;

  override async flush(): Promise<void> {
    await super.flush();
    await this.onFlush();
  }
}

async function opened(place = new PlaceWith()) {
  const manager = place.manager(uncached);
  return { place, manager, ...(await manager.createWal(identity)) };
}

/** A log with nine entries, of which eight are committed. */
async function nineEntries(place = new PlaceWith()) {
  const log = await opened(place);
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

describe('a log whose entries are replaced', () => {
  it('shows the new ones as soon as the save resolved, and what is saved behind them', async () => {
    const { wal, storage, manager } = await opened();
    await wal.save({ entries: entries(1, 6, 1) });
    const shown = (): number[] =>
      storage.entries(1, storage.lastIndex() + 1, Infinity).map(({ term }) => term);
    await wal.save({ entries: entries(3, 4, 2) });
    expect(shown()).toEqual([1, 1, 2, 2]);
    await wal.save({ entries: entries(5, 5, 2) });
    expect(shown()).toEqual([1, 1, 2, 2, 2]);
    // Several saves that are one batch.
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
    const { place, wal, storage, manager } = await opened();
    await wal.save({ entries: entries(1, 6, 1) });
    const before = storage.entries(1, 7, Infinity);
    const during: unknown[] = [];
    place.hostility.onWrite = async () => {
      during.push(storage.entries(1, 7, Infinity));
    };
    await wal.save({ entries: entries(3, 4, 2) });
    expect(during).toEqual([before]);
    await manager.close();
  });
});

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
    const { place, wal, manager } = await opened();
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
    const { wal, manager } = await opened(new PlaceWith(witness));
    await wal.save({ entries: entries(1, 1, 1) });
    await wal.close();
    expect(witness.told.at(-1)).toEqual({ batch: 2, durable: true });
    await manager.close();
  });

  it('waits until what is left over is deleted', async () => {
    const { place, wal, manager } = await opened();
    await wal.save({ entries: entries(1, 9, 1) });
    await wal.saveSnapshot(marker(6, 2));
    await wal.close();
    expect(place.hostility.clears).toBe(1);
    expect(await place.database.keys(keys.entriesBetween(0, 10)).all()).toEqual([]);
    await manager.close();
  });

  it('writes nothing where all is durable, also with syncs turned off since then', async () => {
    const { place, wal, manager } = await opened();
    await wal.save({ entries: entries(1, 5, 1) });
    wal.setUnsafeNoFsync();
    const before = place.hostility.batches.length;
    await wal.close();
    expect([place.hostility.batches.length - before, place.hostility.flushes]).toEqual([0, 0]);
    await manager.close();
  });

  it('flushes before the batch that is synced, in which the database tells of a failed flush', async () => {
    const { place, wal, manager } = await opened();
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
    const { place, wal, manager } = await opened();
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
    const { wal, manager } = await opened(place);
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
