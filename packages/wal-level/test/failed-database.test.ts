/**
 * After a failed write a database is closed and opened again, and so recovered, before the manager
 * reports anything that it holds. No call waits for that, and it survives failures of its own.
 */
import { expect, it } from 'vitest';
import type { LevelWalManager } from '../src/index.ts';
import { SharedDatabase } from '../src/shared-database.ts';
import { ForgetfulStore } from './forgetful-store.ts';
import { HostileStore } from './hostile-store.ts';
import { entries } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };
const poisoned = { code: 'WAL_POISONED' };

/** Two logs with three entries each. The store keeps nothing that is not synced. */
async function twoLogs() {
  const store = new ForgetfulStore(() => 0);
  const manager = store.manager();
  const [first, second] = await Promise.all(
    [0n, 1n].map(async (groupId) => {
      const opened = await manager.createWal(identity, { groupId });
      await opened.wal.save({ entries: entries(1, 3, 1) });
      return opened;
    }),
  );
  if (first === undefined || second === undefined) throw new Error('two');
  return { store, manager, first, second };
}

type Logs = Awaited<ReturnType<typeof twoLogs>>;

/** A save of the first log whose batch is visible in the database and not durable. */
async function failWriting({ store, first }: Pick<Logs, 'store' | 'first'>): Promise<void> {
  store.nextFailure = 'shown';
  await expect(first.wal.save({ entries: entries(4, 9, 1) })).rejects.toMatchObject(poisoned);
}

async function closeBoth({ first, second }: Pick<Logs, 'first' | 'second'>): Promise<void> {
  await Promise.all([first.wal.close(), second.wal.close()]);
}

const lastIndexOf = async (manager: LevelWalManager, groupId = 0n): Promise<number> =>
  (await manager.replayWal({ groupId })).storage.lastIndex();

it('a batch that a failed database shows and never made durable is gone when the log is opened again', async () => {
  const logs = await twoLogs();
  await failWriting(logs);
  await closeBoth(logs);
  const { store, manager } = logs;
  const again = await manager.replayWal();
  expect(again.storage.lastIndex()).toBe(3);
  await again.wal.save({ entries: entries(4, 5, 2) });
  store.cutPower();
  expect(await lastIndexOf(store.manager())).toBe(5);
});

it('a failed database is closed when no log in it is open; calls that need it before are refused with the reason', async () => {
  const logs = await twoLogs();
  await failWriting(logs);
  const { store, manager, first, second } = logs;
  const refused = { ...poisoned, message: expect.stringContaining('of the groups 1') };
  await first.wal.close();
  await expect(manager.replayWal()).rejects.toMatchObject(refused);
  await expect(manager.createWal(identity, { groupId: 7n })).rejects.toMatchObject(refused);
  await expect(manager.findSnapshots()).rejects.toMatchObject(refused);
  await expect(manager.hasExistingWal({ groupId: 7n })).rejects.toMatchObject(refused);
  // Calls that need no access to the database are answered.
  expect(await manager.hasExistingWal({ groupId: 1n })).toBe(true);
  expect(await manager.findSnapshots({ groupId: 1n })).toEqual([]);
  expect(second.storage.entries(1, 4, Infinity).length).toBe(3);
  expect(store.openings).toBe(1);
  await second.wal.close();
  expect(await manager.hasExistingWal({ groupId: 7n })).toBe(false);
  expect([await lastIndexOf(manager), await lastIndexOf(manager, 1n)]).toEqual([3, 3]);
  expect(store.openings).toBe(2);
  await manager.close();
});

it('a failed database is opened again once for all calls that wait for it', async () => {
  const logs = await twoLogs();
  await failWriting(logs);
  await closeBoth(logs);
  const { store, manager } = logs;
  const creating = manager.createWal(identity, { groupId: 2n });
  const lasts = await Promise.all([lastIndexOf(manager), lastIndexOf(manager, 1n)]);
  expect([...lasts, store.openings]).toEqual([3, 3, 2]);
  await (await creating).wal.save({ entries: entries(1, 1, 1) });
  await manager.close();
});

it('a failed database that cannot be closed or opened fails the call, and the next call tries again', async () => {
  const logs = await twoLogs();
  await failWriting(logs);
  await closeBoth(logs);
  const { store, manager } = logs;
  const failed = { code: 'WAL_READ_FAILED' };
  store.nextCloseFails = true;
  const both = [lastIndexOf(manager), lastIndexOf(manager, 1n)];
  for (const result of await Promise.allSettled(both)) {
    expect(result).toMatchObject({ status: 'rejected', reason: failed });
  }
  store.nextOpenFails = true;
  await expect(lastIndexOf(manager)).rejects.toMatchObject(failed);
  expect(await lastIndexOf(manager)).toBe(3);
  expect(store.openings).toBe(2);
  await manager.close();
});

it('a database may fail again after it was opened again', async () => {
  const logs = await twoLogs();
  await failWriting(logs);
  await closeBoth(logs);
  const { store, manager } = logs;
  for (let round = 1; round <= 3; round += 1) {
    const [first, second] = await Promise.all(
      [0n, 1n].map((groupId) => manager.replayWal({ groupId })),
    );
    if (first === undefined || second === undefined) throw new Error('two');
    expect(first.storage.lastIndex()).toBe(3);
    await failWriting({ store, first });
    await closeBoth({ first, second });
  }
  expect(store.openings).toBe(4);
  await manager.close();
});

it('a failed database is closed with the manager, even while it is opened again', async () => {
  const logs = await twoLogs();
  await failWriting(logs);
  await closeBoth(logs);
  const { store, manager } = logs;
  const opening = manager.replayWal();
  await manager.close();
  await expect((await opening).wal.save({})).rejects.toMatchObject({ code: 'WAL_CLOSED' });
  await expect(manager.replayWal()).rejects.toMatchObject({ code: 'WAL_CLOSED' });
  expect(await lastIndexOf(store.manager())).toBe(3);
});

it('a database that fails while a log is read fails the opening, and is closed when the reading has ended', async () => {
  const logs = await twoLogs();
  const { store, manager, first, second } = logs;
  await second.wal.close();
  let goOn = (): void => undefined;
  const failed = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  store.onRead = () => failed;
  const reading = [manager.findSnapshots({ groupId: 1n }), manager.replayWal({ groupId: 1n })];
  await failWriting({ store, first });
  await first.wal.close();
  // This call needs the database opened again, and so waits for the other two.
  const opening = lastIndexOf(manager);
  goOn();
  for (const result of await Promise.allSettled(reading)) {
    expect(result).toMatchObject({ status: 'rejected', reason: poisoned });
  }
  expect([await opening, await lastIndexOf(manager, 1n), store.openings]).toEqual([3, 3, 2]);
  await manager.close();
});

it('a failed database accepts no further write, whatever the logs do', async () => {
  const store = new HostileStore();
  const told: unknown[] = [];
  const shared = new SharedDatabase({
    kind: store,
    database: await store.open(),
    directory: '/level',
    onFailure: (error) => told.push(error),
  });
  const { hostility } = store;
  const key = Uint8Array.of(1);
  const batch = { operations: [{ type: 'put', key, value: key }], bytes: 2 } as const;
  const write = () => shared.write(batch, true);
  const calls = [write, () => shared.clear({ first: key, last: key }), write];
  hostility.nextFailure = 'no-space';
  const full = calls.map((call) => call());
  await expect(full[0]).rejects.toMatchObject({ code: 'WAL_NO_SPACE' });
  await Promise.all(full.slice(1));
  expect([hostility.batches.length, hostility.clears, told.length]).toEqual([2, 1, 0]);
  hostility.nextFailure = 'broken-after';
  for (const result of await Promise.allSettled(calls.map((call) => call()))) {
    expect(result).toMatchObject({ status: 'rejected', reason: poisoned });
  }
  for (const call of calls) await expect(call()).rejects.toBe(shared.failure);
  await expect(shared.use(async () => told.push('a look'))).rejects.toBe(shared.failure);
  expect([hostility.batches.length, hostility.clears]).toEqual([3, 1]);
  expect(told).toEqual([shared.failure]);
  await shared.close();
});
