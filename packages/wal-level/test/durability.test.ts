/** What is synced and what is not, and what is asked of the database besides. */
import { describe, expect, it } from 'vitest';
import { KeyKind, parseKey } from '../src/keys.ts';
import { HostilePlace } from './hostile-level.ts';
import { contentOf, entries, marker, reopenedContent } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };

/** The `sync` of the batches since the last call. */
function syncsOf(place: HostilePlace): boolean[] {
  return place.hostility.batches.splice(0).map(({ sync }) => sync);
}

/** Which kinds of keys the newest batch put and deleted, in order. */
function shapeOf(place: HostilePlace): string[] {
  const names = new Map(Object.entries(KeyKind).map(([name, kind]) => [kind, name] as const));
  return (place.hostility.batches.at(-1)?.operations ?? []).map(({ type, key }) => {
    const parsed = parseKey(key);
    return `${type} ${parsed && names.get(parsed.kind)} ${parsed?.index}`;
  });
}

describe('syncs', () => {
  it('law 1: everything but a commit index alone', async () => {
    const place = new HostilePlace();
    const { wal } = await place.manager().createWal(identity);
    expect(syncsOf(place)).toEqual([true]);
    await wal.save({ entries: entries(1, 5, 1), hardState: { term: 1, vote: 0n, commit: 0 } });
    expect(syncsOf(place)).toEqual([true]);
    await wal.save({ hardState: { term: 1, vote: 0n, commit: 2 } });
    expect(syncsOf(place)).toEqual([false]);
    await wal.save({ hardState: { term: 1, vote: 0n, commit: 2 } });
    await wal.save({});
    expect(syncsOf(place)).toEqual([]);
    await wal.sync();
    await wal.sync();
    expect(syncsOf(place)).toEqual([true]);
    await wal.save({ hardState: { term: 2, vote: 3n, commit: 2 } });
    await wal.saveSnapshot(marker(2, 1));
    await wal.purge(1);
    expect(syncsOf(place)).toEqual([true, true, true]);
    expect(wal.stats.syncs).toBe(5);
    await wal.close();
    expect(syncsOf(place)).toEqual([]);
  });

  it('closing makes a commit index durable that was not', async () => {
    const place = new HostilePlace();
    const { wal } = await place.manager().createWal(identity);
    await wal.save({ entries: entries(1, 5, 1) });
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 4 } });
    syncsOf(place);
    await wal.close();
    expect(syncsOf(place)).toEqual([true]);
  });

  it('setUnsafeNoFsync: none any more, until closing makes all of it durable', async () => {
    const place = new HostilePlace();
    const { wal } = await place.manager().createWal(identity);
    wal.setUnsafeNoFsync();
    syncsOf(place);
    await wal.save({ entries: entries(1, 5, 1), hardState: { term: 1, vote: 1n, commit: 3 } });
    await wal.sync();
    await wal.purge(2);
    expect(new Set(syncsOf(place))).toEqual(new Set([false]));
    expect([wal.stats.syncs, place.hostility.flushes]).toEqual([0, 0]);
    await wal.close();
    expect(syncsOf(place)).toEqual([true]);
    expect(place.hostility.flushes).toBe(1);
  });

  it('saves that wait together are one batch', async () => {
    const place = new HostilePlace();
    const { wal } = await place.manager().createWal(identity);
    syncsOf(place);
    await Promise.all(entries(1, 50, 1).map((entry) => wal.save({ entries: [entry] })));
    expect(syncsOf(place)).toEqual([true]);
    expect(wal.stats.batches).toBe(1);
  });
});

describe('batches', () => {
  it('hold exactly what changes, and the state', async () => {
    const place = new HostilePlace();
    const { wal } = await place.manager().createWal(identity);
    expect(shapeOf(place)).toEqual(['put Header 0', 'put State 0']);
    await wal.save({ entries: entries(1, 2, 1) });
    expect(shapeOf(place)).toEqual(['put Entry 1', 'put Entry 2', 'put TermRun 1', 'put State 0']);
    await wal.save({ entries: entries(3, 5, 1) });
    expect(shapeOf(place)).toEqual(['put Entry 3', 'put Entry 4', 'put Entry 5', 'put State 0']);
    await wal.save({ entries: entries(3, 3, 2), hardState: { term: 2, vote: 0n, commit: 2 } });
    expect(shapeOf(place)).toEqual([
      'del Entry 4',
      'del Entry 5',
      'put Entry 3',
      'put TermRun 3',
      'put State 0',
    ]);
    await wal.saveSnapshot(marker(1, 1));
    expect(shapeOf(place)).toEqual(['put Marker 1', 'put State 0']);
    await wal.purge(2);
    expect(shapeOf(place)).toEqual(['del TermRun 1', 'del Marker 1', 'put State 0']);
    await wal.saveSnapshot(marker(2, 1));
    await wal.saveSnapshot(marker(3, 4));
    expect(shapeOf(place)).toEqual([
      'del TermRun 3',
      'del Marker 2',
      'put Marker 3',
      'put State 0',
    ]);
  });

  it('a reset deletes entries above the snapshot at once and the others right after', async () => {
    const place = new HostilePlace();
    const manager = place.manager();
    const { wal } = await manager.createWal(identity);
    await wal.save({ entries: entries(1, 9, 1) });
    await wal.saveSnapshot(marker(6, 2));
    expect(shapeOf(place).filter((text) => text.startsWith('del Entry'))).toEqual([
      'del Entry 7',
      'del Entry 8',
      'del Entry 9',
    ]);
    await manager.close();
    const kinds = [...(await place.dump()).keys()].map((key) => key.slice(16, 18));
    expect(kinds).toEqual(['10', '20', '30']);
  });

  it('a purge deletes what it covers, and says when it could not', async () => {
    const place = new HostilePlace();
    const manager = place.manager();
    const opened = await manager.createWal(identity);
    await opened.wal.save({
      entries: entries(1, 9, 1),
      hardState: { term: 1, vote: 0n, commit: 8 },
    });
    expect((await opened.wal.purge(3)).heldBy).toBe(undefined);
    place.hostility.clearFails = true;
    const report = await opened.wal.purge(5);
    expect(report.firstIndex).toBe(6);
    expect(report.heldBy).toMatch('the test wants no deletion');
    const before = await reading(place, manager, opened);
    place.hostility.clearFails = false;
    // What was left over goes when the log is opened.
    expect(await reopenedContent(place)).toBe(before);
    const left = [...(await place.dump()).keys()].filter((key) => key.slice(16, 18) === '50');
    expect(left.map((key) => Number.parseInt(key.slice(18), 16))).toEqual([6, 7, 8, 9]);
  });
});

type Opened = Parameters<typeof contentOf>[0];
type Manager = ReturnType<HostilePlace['manager']>;

/** The content of an open log, whose place is closed then. */
async function reading(place: HostilePlace, manager: Manager, opened: Opened): Promise<string> {
  const { hardState } = opened.storage.initialState();
  const content = contentOf({ ...opened, hardState, snapshots: await manager.findSnapshots() });
  await manager.close();
  expect(place.database.status).toBe('closed');
  return content;
}
