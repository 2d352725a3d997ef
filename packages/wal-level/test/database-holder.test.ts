/**
 * The one database of a manager and the lock of its directory: which calls reach the store, and in
 * which order.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { LockLostError, type WalError } from '@babuza/wal-core';
import { DatabaseHolder, type LogOwner } from '../src/database-holder.ts';
import type { LevelDatabase, LevelStoreKind, DatabaseLock } from '../src/index.ts';
import type { SharedDatabase } from '../src/shared-database.ts';
import { HostileStore } from './hostile-store.ts';

const lost = new LockLostError('another process has the lock');
const key = Uint8Array.of(1);
const batch = { operations: [{ type: 'put', key, value: key }], bytes: 2 } as const;

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A store that records the calls that it gets, answers slowly, and fails on demand. */
class ObservedStore extends HostileStore implements LevelStoreKind {
  readonly calls: string[] = [];
  readonly fails = new Set<string>();
  isThere: boolean | undefined;
  onOpen: () => void = () => undefined;
  onExists: () => void = () => undefined;
  /** Tells the owner of the lock that it was lost. */
  lose: (error: WalError) => void = () => undefined;

  async checkDirectory(): Promise<void> {
    await this.#step('check');
  }

  override async exists(): Promise<boolean> {
    await this.#step('exists');
    this.onExists();
    return this.isThere ?? super.exists();
  }

  async lock(): Promise<DatabaseLock> {
    await this.#step('lock');
    return {
      isFresh: () => true,
      confirm: async () => undefined,
      onLost: (listener) => {
        this.lose = listener;
      },
      release: () => this.#step('release'),
    };
  }

  override async open(): Promise<LevelDatabase> {
    this.onOpen();
    await this.#step('open');
    return super.open();
  }

  async close(database: LevelDatabase): Promise<void> {
    await this.#step('close');
    await database.close();
  }

  /** Records the call when it has ended. */
  async #step(name: string): Promise<void> {
    await turns();
    this.calls.push(name);
    if (this.fails.has(name)) throw new Error(`the test wants a failing ${name}`);
  }
}

let store = new ObservedStore();
let owner: LogOwner & { groups: bigint[]; poisonings: WalError[] };
let holder: DatabaseHolder;

beforeEach(() => {
  store = new ObservedStore();
  owner = {
    groups: [],
    poisonings: [],
    openGroups: () => owner.groups,
    poisonAll: (error) => owner.poisonings.push(error),
  };
  holder = new DatabaseHolder(store, '/level', owner);
});

/** An open database after a failed write. */
async function failedDatabase(): Promise<SharedDatabase> {
  const shared = await holder.open();
  store.hostility.nextFailure = 'broken-before';
  await expect(shared.write(batch, true)).rejects.toMatchObject({ code: 'WAL_POISONED' });
  expect(owner.poisonings).toEqual([shared.failure]);
  store.calls.length = 0;
  return shared;
}

describe('a database that is open', () => {
  it('is opened once, under the lock, and its directory is not checked again', async () => {
    await holder.checkDirectory();
    expect(await holder.exists()).toBe(false);
    expect(await holder.existing()).toBe(undefined);
    const [first, second] = await Promise.all([holder.open(), holder.open()]);
    expect(second).toBe(first);
    expect(store.calls.splice(0)).toEqual(['check', 'exists', 'exists', 'lock', 'open']);
    store.isThere = false;
    store.fails.add('check').add('exists');
    await holder.checkDirectory();
    expect(await holder.exists()).toBe(true);
    expect(await holder.existing()).toBe(first);
    expect(await holder.open()).toBe(first);
    expect(store.calls).toEqual([]);
    await holder.close();
    expect(store.calls).toEqual(['close', 'release']);
  });

  it('reports failures before the opening as failed reads', async () => {
    store.fails.add('check').add('exists');
    for (const [call, name] of [
      [() => holder.checkDirectory(), 'check'],
      [() => holder.exists(), 'exists'],
      [() => holder.existing(), 'exists'],
    ] as const) {
      await expect(call()).rejects.toMatchObject({
        code: 'WAL_READ_FAILED',
        message: `/level could not be read: the test wants a failing ${name}`,
      });
    }
  });
});

describe('a database that cannot be opened', () => {
  it.each(['lock', 'open'])('is opened by the next call after a failing %s', async (name) => {
    store.fails.add(name);
    const failure = {
      code: 'WAL_READ_FAILED',
      message: expect.stringContaining(`failing ${name}`),
    };
    const both = await Promise.allSettled([holder.open(), holder.open()]);
    for (const result of both)
      expect(result).toMatchObject({ status: 'rejected', reason: failure });
    expect(store.calls.splice(0)).toEqual(name === 'lock' ? ['lock'] : ['lock', 'open', 'release']);
    store.fails.clear();
    expect((await holder.open()).failure).toBe(undefined);
    expect(store.calls).toEqual(['lock', 'open']);
    await holder.close();
  });

  it('is the error that is reported, not that of the release of the lock', async () => {
    store.fails.add('open').add('release');
    await expect(holder.open()).rejects.toThrow('failing open');
  });

  it('because it lacks a feature is closed before the lock is released', async () => {
    store.database.supports = { ...store.database.supports, explicitSnapshots: false };
    await expect(holder.open()).rejects.toMatchObject({ code: 'WAL_INVALID' });
    expect(store.calls).toEqual(['lock', 'open', 'close', 'release']);
    expect(store.database.status).toBe('closed');
    store.fails.add('close');
    await expect(holder.open()).rejects.toThrow('failing close');
  });
});

describe('a database that failed', () => {
  it('is closed and opened again under the same lock', async () => {
    const failed = await failedDatabase();
    const shared = await holder.open();
    expect(shared).not.toBe(failed);
    expect(shared.lock).toBeDefined();
    expect(shared.lock).toBe(failed.lock);
    expect(store.calls).toEqual(['close', 'open']);
    await shared.write(batch, true);
    await holder.close();
    expect(store.calls.slice(2)).toEqual(['close', 'release']);
  });

  it('is not created again by a call that creates nothing, when its files are gone', async () => {
    await failedDatabase();
    store.isThere = false;
    expect(await holder.existing()).toBe(undefined);
    expect(store.calls).toEqual(['close', 'exists']);
    await holder.close();
  });

  it('is not closed while a log in it is open', async () => {
    const failed = await failedDatabase();
    owner.groups = [3n, 4n];
    for (const call of [() => holder.open(), () => holder.existing()]) {
      await expect(call()).rejects.toMatchObject({
        code: 'WAL_POISONED',
        message: expect.stringContaining('of the groups 3, 4'),
        cause: failed.failure,
      });
    }
    expect(store.calls).toEqual([]);
  });

  it('is closed once for all callers that need the next one, and again after a failed close', async () => {
    await failedDatabase();
    store.fails.add('close');
    const calls = await Promise.allSettled([holder.open(), holder.existing()]);
    for (const result of calls) {
      const reason = { code: 'WAL_READ_FAILED' };
      expect(result).toMatchObject({ status: 'rejected', reason });
    }
    expect(store.calls.splice(0)).toEqual(['close']);
    store.fails.clear();
    const [first, second] = await Promise.all([holder.open(), holder.existing()]);
    expect(second).toBe(first);
    expect(store.calls.filter((name) => name !== 'exists')).toEqual(['close', 'open']);
  });
});

describe('closing', () => {
  it('of a holder that never opened a database does nothing', async () => {
    await holder.close();
    expect(store.calls).toEqual([]);
  });

  it('that fails is reported as a failed read, and the lock is released', async () => {
    await holder.open();
    store.fails.add('close');
    await expect(holder.close()).rejects.toMatchObject({ code: 'WAL_READ_FAILED' });
    expect(store.calls).toEqual(['lock', 'open', 'close', 'release']);
  });

  it('fails when the lock cannot be released', async () => {
    await holder.open();
    store.fails.add('release');
    await expect(holder.close()).rejects.toThrow('failing release');
  });
});

describe('a lock that is lost', () => {
  it('ends the writing at once and for good', async () => {
    const shared = await holder.open();
    store.lose(lost);
    await turns();
    expect([shared.failure, owner.poisonings]).toEqual([lost, [lost]]);
    await expect(shared.write(batch, true)).rejects.toBe(lost);
    expect(store.hostility.batches.length).toBe(0);
    await expect(holder.open()).rejects.toBe(lost);
  });

  it('while a batch is written fails the log once, with the loss of the lock', async () => {
    const shared = await holder.open();
    store.hostility.onWrite = async () => {
      store.lose(lost);
      await turns();
    };
    store.hostility.nextFailure = 'broken-after';
    const calls = [shared.write(batch, true), shared.clear({ first: key, last: key })];
    const [writing, waiting] = await Promise.allSettled(calls);
    expect(writing).toMatchObject({ status: 'rejected', reason: { code: 'WAL_POISONED' } });
    expect(waiting).toMatchObject({ status: 'rejected', reason: lost });
    expect([shared.failure, owner.poisonings, store.hostility.clears]).toEqual([lost, [lost], 0]);
  });

  it('after a write failed leaves the first failure as it is', async () => {
    const shared = await failedDatabase();
    const { failure } = shared;
    store.lose(lost);
    await turns();
    expect(shared.failure).toBe(failure);
    expect(owner.poisonings).toEqual([failure]);
    await expect(holder.open()).rejects.toBe(lost);
  });

  it('while no database is open ends the next opening', async () => {
    await failedDatabase();
    let losses = 0;
    store.onExists = () => {
      losses += 1;
      store.lose(lost);
    };
    await expect(holder.existing()).rejects.toBe(lost);
    expect([losses, store.calls]).toEqual([1, ['close', 'exists']]);
  });

  it('while the database is opened ends the writing, even if the opening fails', async () => {
    store.onOpen = () => store.lose(lost);
    const shared = await holder.open();
    await turns();
    expect(shared.failure).toBe(lost);
    store = new ObservedStore();
    holder = new DatabaseHolder(store, '/level', owner);
    store.onOpen = () => store.lose(lost);
    store.fails.add('open');
    await expect(holder.open()).rejects.toThrow('failing open');
    // An unhandled rejection would end the process here.
    await turns();
    await expect(holder.open()).rejects.toBe(lost);
  });
});
