/** Which batches are synced, and which operations they contain. */
import { describe, expect, it } from 'vitest';
import { KeyKind, parseKey } from '../src/keys.ts';
import { HostileStore } from './hostile-store.ts';
import { contentOf, entries, marker, reopenedContent } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };

/** The `sync` of the batches since the last call. */
function syncsOf(store: HostileStore): boolean[] {
  return store.hostility.batches.splice(0).map(({ sync }) => sync);
}

/** The operations of the newest batch in order, with the kind of each key. */
function shapeOf(store: HostileStore): string[] {
  const names = new Map(Object.entries(KeyKind).map(([name, kind]) => [kind, name] as const));
  return (store.hostility.batches.at(-1)?.operations ?? []).map(({ type, key }) => {
    const parsed = parseKey(key);
    return `${type} ${parsed && names.get(parsed.kind)} ${parsed?.index}`;
  });
}

describe('syncs', () => {
  it('law 1: cover everything except a commit index alone', async () => {
    const store = new HostileStore();
    const { wal } = await store.manager().createWal(identity);
    expect(syncsOf(store)).toEqual([true]);
    await wal.save({ entries: entries(1, 5, 1), hardState: { term: 1, vote: 0n, commit: 0 } });
    expect(syncsOf(store)).toEqual([true]);
    await wal.save({ hardState: { term: 1, vote: 0n, commit: 2 } });
    expect(syncsOf(store)).toEqual([false]);
    await wal.save({ hardState: { term: 1, vote: 0n, commit: 2 } });
    await wal.save({});
    expect(syncsOf(store)).toEqual([]);
    await wal.sync();
    await wal.sync();
    expect(syncsOf(store)).toEqual([true]);
    await wal.save({ hardState: { term: 2, vote: 3n, commit: 2 } });
    await wal.saveSnapshot(marker(2, 1));
    await wal.purge(1);
    expect(syncsOf(store)).toEqual([true, true, true]);
    expect(wal.stats.syncs).toBe(5);
    await wal.close();
    expect(syncsOf(store)).toEqual([]);
  });

  it('closing makes a commit index durable', async () => {
    const store = new HostileStore();
    const { wal } = await store.manager().createWal(identity);
    await wal.save({ entries: entries(1, 5, 1) });
    await wal.save({ hardState: { term: 0, vote: 0n, commit: 4 } });
    syncsOf(store);
    await wal.close();
    expect(syncsOf(store)).toEqual([true]);
  });

  it('stop after setUnsafeNoFsync until closing makes everything durable', async () => {
    const store = new HostileStore();
    const { wal } = await store.manager().createWal(identity);
    wal.setUnsafeNoFsync();
    syncsOf(store);
    await wal.save({ entries: entries(1, 5, 1), hardState: { term: 1, vote: 1n, commit: 3 } });
    await wal.sync();
    await wal.purge(2);
    expect(new Set(syncsOf(store))).toEqual(new Set([false]));
    expect([wal.stats.syncs, store.hostility.flushes]).toEqual([0, 0]);
    await wal.close();
    expect(syncsOf(store)).toEqual([true]);
    expect(store.hostility.flushes).toBe(1);
  });

  it('saves that wait together are one batch', async () => {
    const store = new HostileStore();
    const { wal } = await store.manager().createWal(identity);
    syncsOf(store);
    await Promise.all(entries(1, 50, 1).map((entry) => wal.save({ entries: [entry] })));
    expect(syncsOf(store)).toEqual([true]);
    expect(wal.stats.batches).toBe(1);
  });
});

describe('batches', () => {
  it('hold exactly the changes and the state record', async () => {
    const store = new HostileStore();
    const { wal } = await store.manager().createWal(identity);
    expect(shapeOf(store)).toEqual(['put Header 0', 'put State 0']);
    await wal.save({ entries: entries(1, 2, 1) });
    expect(shapeOf(store)).toEqual(['put Entry 1', 'put Entry 2', 'put TermRun 1', 'put State 0']);
    await wal.save({ entries: entries(3, 5, 1) });
    expect(shapeOf(store)).toEqual(['put Entry 3', 'put Entry 4', 'put Entry 5', 'put State 0']);
    await wal.save({ entries: entries(3, 3, 2), hardState: { term: 2, vote: 0n, commit: 2 } });
    expect(shapeOf(store)).toEqual([
      'del Entry 4',
      'del Entry 5',
      'put Entry 3',
      'put TermRun 3',
      'put State 0',
    ]);
    await wal.saveSnapshot(marker(1, 1));
    expect(shapeOf(store)).toEqual(['put Marker 1', 'put State 0']);
    await wal.purge(2);
    expect(shapeOf(store)).toEqual(['del TermRun 1', 'del Marker 1', 'put State 0']);
    await wal.saveSnapshot(marker(2, 1));
    await wal.saveSnapshot(marker(3, 4));
    expect(shapeOf(store)).toEqual([
      'del TermRun 3',
      'del Marker 2',
      'put Marker 3',
      'put State 0',
    ]);
  });

  it('of a reset delete the entries above the snapshot, and the others are deleted right after', async () => {
    const store = new HostileStore();
    const manager = store.manager();
    const { wal } = await manager.createWal(identity);
    await wal.save({ entries: entries(1, 9, 1) });
    await wal.saveSnapshot(marker(6, 2));
    expect(shapeOf(store).filter((text) => text.startsWith('del Entry'))).toEqual([
      'del Entry 7',
      'del Entry 8',
      'del Entry 9',
    ]);
    await manager.close();
    const kinds = [...(await store.dump()).keys()].map((key) => key.slice(16, 18));
    expect(kinds).toEqual(['10', '20', '30']);
  });

  it('of a purge are followed by deletions, whose failure is reported', async () => {
    const store = new HostileStore();
    const manager = store.manager();
    const opened = await manager.createWal(identity);
    await opened.wal.save({
      entries: entries(1, 9, 1),
      hardState: { term: 1, vote: 0n, commit: 8 },
    });
    expect((await opened.wal.purge(3)).heldBy).toBe(undefined);
    store.hostility.clearFails = true;
    const report = await opened.wal.purge(5);
    expect(report.firstIndex).toBe(6);
    expect(report.heldBy).toMatch('the test wants no deletion');
    const before = await reading(store, manager, opened);
    store.hostility.clearFails = false;
    // The leftovers are deleted when the log is opened.
    expect(await reopenedContent(store)).toBe(before);
    const left = [...(await store.dump()).keys()].filter((key) => key.slice(16, 18) === '50');
    expect(left.map((key) => Number.parseInt(key.slice(18), 16))).toEqual([6, 7, 8, 9]);
  });
});

type Opened = Parameters<typeof contentOf>[0];
type Manager = ReturnType<HostileStore['manager']>;

/** The content of an open log, whose manager is closed then. */
async function reading(store: HostileStore, manager: Manager, opened: Opened): Promise<string> {
  const { hardState } = opened.storage.initialState();
  const content = contentOf({ ...opened, hardState, snapshots: await manager.findSnapshots() });
  await manager.close();
  expect(store.database.status).toBe('closed');
  return content;
}
