/** Creating and finding logs when the directory, the database or the sync record fails. */
import { describe, expect, it } from 'vitest';
import { ForeignFileError } from '@babuza/wal-core';
import type { LevelDatabase, LevelStoreKind } from '../src/index.ts';
import { GroupKeys } from '../src/keys.ts';
import { bytesOnly } from '../src/index.ts';
import { HostileStore, HostileSyncRecords } from './hostile-store.ts';
import { entries } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };
const keys = new GroupKeys(0n);

describe('a log that cannot be created', () => {
  it('for lack of space does not exist, and may be created later', async () => {
    const store = new HostileStore();
    const manager = store.manager();
    await manager.createWal(identity, { groupId: 1n });
    store.hostility.nextFailure = 'no-space';
    await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_NO_SPACE' });
    expect(await manager.hasExistingWal()).toBe(false);
    const { wal } = await manager.createWal(identity);
    await wal.save({ entries: entries(1, 1, 1) });
    await manager.close();
  });

  it('because its sync record cannot be written is not returned', async () => {
    const syncRecords = new HostileSyncRecords();
    const manager = new HostileStore(syncRecords).manager();
    syncRecords.fails = true;
    await expect(manager.createWal(identity)).rejects.toMatchObject({
      code: 'WAL_POISONED',
      message: '/level could not be written: the test wants a failing sync record',
    });
    await manager.close();
  });
});

/** A store whose directory holds a log of another kind. */
class ForeignStore extends HostileStore implements LevelStoreKind {
  openings = 0;

  async checkDirectory(directory: string): Promise<void> {
    // An answer that nobody awaits comes too late.
    await new Promise((resolve) => setImmediate(resolve));
    throw new ForeignFileError(directory, 'it holds a log of another kind');
  }

  override open(): Promise<LevelDatabase> {
    this.openings += 1;
    return super.open();
  }
}

it('a directory that holds a log of another kind is refused before the database is opened', async () => {
  const store = new ForeignStore();
  await store.open();
  await store.database.close();
  for (const call of ['hasExistingWal', 'replayWal', 'findSnapshots'] as const) {
    const manager = store.manager();
    await expect(manager[call](), call).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    await manager.close();
  }
  const manager = store.manager();
  await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
  await manager.close();
  expect(store.openings).toBe(1);
});

it('an error of the program while a record is read is not reported as damage of the log', async () => {
  const store = new HostileStore();
  const first = store.manager();
  await first.createWal(identity);
  await first.close();
  await store.open();
  const state = await store.database.get(keys.state, bytesOnly);
  if (state === undefined) throw new Error('a log has a state record');
  Object.defineProperty(state, 'length', {
    get() {
      throw new TypeError('the test wants an error of the program');
    },
  });
  const iterate = store.database.iterator.bind(store.database);
  const value = (options: typeof bytesOnly) => {
    const iterator = iterate(options);
    return Object.defineProperty(iterator, 'nextv', {
      value: async () => [[keys.state, state]],
    });
  };
  Object.defineProperty(store.database, 'iterator', { value });
  await store.database.close();
  const manager = store.manager();
  await expect(manager.replayWal()).rejects.toMatchObject({
    code: 'WAL_READ_FAILED',
    message: '/level could not be read: the test wants an error of the program',
  });
  await manager.close();
});
