/** The lock of a directory is checked before each write to its database, deletions included. */
import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { LockedError, LockLostError } from '@babuza/wal-core';
import type { LogLock } from '@babuza/wal-core/backend';
import type { LevelDatabase, LevelStoreKind, DatabaseLock } from '../src/index.ts';
import { SharedDatabase } from '../src/shared-database.ts';
import { capabilities, HostileStore } from './hostile-store.ts';

const key = new Uint8Array([1]);
const batch = { operations: [{ type: 'put', key, value: key }], bytes: 2 } as const;

/** A database whose lock is stale, and is lost or renewed when it is confirmed. */
async function withStaleLock(isLost: boolean) {
  const database: LevelDatabase = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view',
    storeEncoding: 'view',
  });
  await database.open();
  const kind: LevelStoreKind = {
    capabilities,
    syncs: true,
    exists: () => Promise.resolve(true),
    open: () => Promise.resolve(database),
  };
  let isFresh = false;
  const asked: string[] = [];
  const lock: LogLock = {
    isFresh: () => isFresh,
    confirm: async () => {
      asked.push('confirm');
      if (isLost) throw new LockLostError('another process has the lock');
      isFresh = true;
    },
  };
  const failures: string[] = [];
  const shared = new SharedDatabase({
    kind,
    database,
    directory: '/level',
    lock,
    onFailure: ({ code }) => failures.push(code),
  });
  const keys = async (): Promise<number> => (await database.keys().all()).length;
  return { shared, failures, keys, asked };
}

describe('a lock that is stale before a write', () => {
  it('is renewed, and the batch is written', async () => {
    const { shared, failures, keys } = await withStaleLock(false);
    await shared.write(batch, true);
    expect([await keys(), failures]).toEqual([1, []]);
  });

  for (const what of ['batch', 'deletion'] as const) {
    it(`ends the writing if it is lost: a ${what}`, async () => {
      const { shared, failures, keys, asked } = await withStaleLock(true);
      const call =
        what === 'batch' ? shared.write(batch, true) : shared.clear({ first: key, last: key });
      await expect(call).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
      await expect(shared.write(batch, true)).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
      expect([await keys(), failures]).toEqual([0, ['WAL_LOCK_LOST']]);
      // The lock is not confirmed again.
      expect(asked).toEqual(['confirm']);
    });
  }
});

/** A store with a lock that one owner at a time can hold. */
class LockedStore extends HostileStore {
  isHeld = false;
  isFresh = true;
  nextOpenFails = false;
  /** How many confirmations fail before one succeeds. */
  failingConfirmations = 0;
  /** Tells the owner that its lock was lost. */
  lose: (error: LockLostError) => void = () => undefined;

  async lock(): Promise<DatabaseLock> {
    if (this.isHeld) throw new LockedError('another owner has the lock');
    this.isHeld = true;
    return {
      isFresh: () => this.isFresh,
      confirm: async () => {
        this.failingConfirmations -= 1;
        if (this.failingConfirmations >= 0) throw new Error('the lock cannot be read');
        this.isFresh = true;
      },
      onLost: (listener) => {
        this.lose = listener;
      },
      release: async () => {
        this.isHeld = false;
      },
    };
  }

  override async open(): Promise<LevelDatabase> {
    if (!this.nextOpenFails) return super.open();
    this.nextOpenFails = false;
    throw new Error('the test wants a failing opening');
  }
}

describe('the lock of a database', () => {
  const metadata = { clusterId: 1n, nodeId: 1n };

  it('is released when the database could not be opened, and another owner gets it', async () => {
    const store = new LockedStore();
    const manager = store.manager();
    store.nextOpenFails = true;
    await expect(manager.createWal(metadata)).rejects.toMatchObject({ code: 'WAL_READ_FAILED' });
    expect(store.isHeld).toBe(false);
    const other = store.manager();
    await other.createWal(metadata);
    await expect(manager.createWal(metadata)).rejects.toMatchObject({ code: 'WAL_LOCKED' });
    await other.close();
    await manager.close();
  });

  it('that could not be confirmed once ends the log, and no identity record is written after that', async () => {
    const store = new LockedStore();
    const manager = store.manager();
    const { wal } = await manager.createWal(metadata);
    await manager.writeIdentity(Uint8Array.of(1));
    store.isFresh = false;
    store.failingConfirmations = 1;
    const poisoned = { code: 'WAL_POISONED' };
    await expect(wal.sync()).rejects.toMatchObject(poisoned);
    await expect(manager.writeIdentity(Uint8Array.of(2))).rejects.toMatchObject(poisoned);
    expect(await manager.readIdentity()).toEqual(Uint8Array.of(1));
    await manager.close();
  });

  it('that was lost while nobody wrote ends the logs, and the manager opens none again', async () => {
    const store = new LockedStore();
    const manager = store.manager();
    const { wal } = await manager.createWal(metadata);
    store.lose(new LockLostError('another process has the lock'));
    await new Promise((resolve) => setImmediate(resolve));
    const lost = { code: 'WAL_LOCK_LOST' };
    await expect(wal.sync()).rejects.toMatchObject(lost);
    await wal.close();
    await expect(manager.replayWal()).rejects.toMatchObject(lost);
    await manager.close();
  });
});
