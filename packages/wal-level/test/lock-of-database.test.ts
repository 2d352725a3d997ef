/** The lock of a directory is asked before each write to its database, also for deletions. */
import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { LockLostError, type LogLock } from '@babuza/wal-core';
import type { LevelDatabase, LevelStoreKind } from '../src/index.ts';
import { SharedDatabase } from '../src/shared-database.ts';
import { capabilities } from './hostile-level.ts';

const key = new Uint8Array([1]);
const batch = { operations: [{ type: 'put', key, value: key }], bytes: 2 } as const;

/** A database whose lock is stale, and lost or renewed when it is asked for. */
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
  const lock: LogLock = {
    isFresh: () => isFresh,
    confirm: async () => {
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
  return { shared, failures, keys };
}

describe('a lock that is stale before a write', () => {
  it('is renewed, and the batch is written', async () => {
    const { shared, failures, keys } = await withStaleLock(false);
    await shared.write(batch, true);
    expect([await keys(), failures]).toEqual([1, []]);
  });

  for (const what of ['batch', 'deletion'] as const) {
    it(`ends the writing where it is lost: a ${what}`, async () => {
      const { shared, failures, keys } = await withStaleLock(true);
      const call =
        what === 'batch' ? shared.write(batch, true) : shared.clear({ first: key, last: key });
      await expect(call).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
      await expect(shared.write(batch, true)).rejects.toMatchObject({ code: 'WAL_LOCK_LOST' });
      expect([await keys(), failures]).toEqual([0, ['WAL_LOCK_LOST']]);
    });
  }
});
