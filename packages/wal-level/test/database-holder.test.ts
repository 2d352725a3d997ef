/**
 * The one database of a manager and the lock of its directory: who is asked, when, and in which
 * order.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { LockLostError, type WalError } from '@babuza/wal-core';
import { DatabaseHolder, type LogOwner } from '../src/database-holder.ts';
import type { LevelDatabase, LevelStoreKind, PlaceLock } from '../src/index.ts';
import type { SharedDatabase } from '../src/shared-database.ts';
import { HostilePlace } from './hostile-level.ts';

const lost = new LockLostError('another process has the lock');
const key = Uint8Array.of(1);
const batch = { operations: [{ type: 'put', key, value: key }], bytes: 2 } as const;

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A place that tells what is asked of it, slowly, and fails on demand. */
class ToldPlace extends HostilePlace implements LevelStoreKind {
  readonly told: string[] = [];
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

  async lock(): Promise<PlaceLock> {
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

  /** It is told when it has ended. */
  async #step(name: string): Promise<void> {
    await turns();
    this.told.push(name);
    if (this.fails.has(name)) throw new Error(`the test wants a failing ${name}`);
  }
}

let place = new ToldPlace();
let owner: LogOwner & { groups: bigint[]; told: WalError[] };
let holder: DatabaseHolder;

beforeEach(() => {
  place = new ToldPlace();
  owner = {
    groups: [],
    told: [],
    openGroups: () => owner.groups,
    poisonAll: (error) => owner.told.push(error),
  };
  holder = new DatabaseHolder(place, '/level', owner);
});

/** The database, open, to which a write failed. */
async function failedDatabase(): Promise<SharedDatabase> {
  const shared = await holder.open();
  place.hostility.nextFailure = 'broken-before';
  await expect(shared.write(batch, true)).rejects.toMatchObject({ code: 'WAL_POISONED' });
  expect(owner.told).toEqual([shared.failure]);
  place.told.length = 0;
  return shared;
}

describe('a database that is open', () => {
  it('is opened once, under the lock, and nothing more is asked about its directory', async () => {
    await holder.checkDirectory();
    expect(await holder.exists()).toBe(false);
    expect(await holder.existing()).toBe(undefined);
    const [first, second] = await Promise.all([holder.open(), holder.open()]);
    expect(second).toBe(first);
    expect(place.told.splice(0)).toEqual(['check', 'exists', 'exists', 'lock', 'open']);
    place.isThere = false;
    place.fails.add('check').add('exists');
    await holder.checkDirectory();
    expect(await holder.exists()).toBe(true);
    expect(await holder.existing()).toBe(first);
    expect(await holder.open()).toBe(first);
    expect(place.told).toEqual([]);
    await holder.close();
    expect(place.told).toEqual(['close', 'release']);
  });

  it('tells failures before it as those of a read', async () => {
    place.fails.add('check').add('exists');
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
  it.each(['lock', 'open'])('is opened by the next call: after a failing %s', async (name) => {
    place.fails.add(name);
    const failure = {
      code: 'WAL_READ_FAILED',
      message: expect.stringContaining(`failing ${name}`),
    };
    const both = await Promise.allSettled([holder.open(), holder.open()]);
    for (const result of both)
      expect(result).toMatchObject({ status: 'rejected', reason: failure });
    expect(place.told.splice(0)).toEqual(name === 'lock' ? ['lock'] : ['lock', 'open', 'release']);
    place.fails.clear();
    expect((await holder.open()).failure).toBe(undefined);
    expect(place.told).toEqual(['lock', 'open']);
    await holder.close();
  });

  it('is told, and not that its lock could not be given back', async () => {
    place.fails.add('open').add('release');
    await expect(holder.open()).rejects.toThrow('failing open');
  });

  it('because it lacks what a log needs is closed before the lock is given back', async () => {
    place.database.supports = { ...place.database.supports, explicitSnapshots: false };
    await expect(holder.open()).rejects.toMatchObject({ code: 'WAL_INVALID' });
    expect(place.told).toEqual(['lock', 'open', 'close', 'release']);
    expect(place.database.status).toBe('closed');
    place.fails.add('close');
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
    expect(place.told).toEqual(['close', 'open']);
    await shared.write(batch, true);
    await holder.close();
    expect(place.told.slice(2)).toEqual(['close', 'release']);
  });

  it('is not made again by a call that makes nothing where its files are gone', async () => {
    await failedDatabase();
    place.isThere = false;
    expect(await holder.existing()).toBe(undefined);
    expect(place.told).toEqual(['close', 'exists']);
    await holder.close();
  });

  it('is not left while a log in it is open', async () => {
    const failed = await failedDatabase();
    owner.groups = [3n, 4n];
    for (const call of [() => holder.open(), () => holder.existing()]) {
      await expect(call()).rejects.toMatchObject({
        code: 'WAL_POISONED',
        message: expect.stringContaining('of the groups 3, 4'),
        cause: failed.failure,
      });
    }
    expect(place.told).toEqual([]);
  });

  it('is closed once for all who need the next one, and again where that failed', async () => {
    await failedDatabase();
    place.fails.add('close');
    const calls = await Promise.allSettled([holder.open(), holder.existing()]);
    for (const result of calls) {
      const reason = { code: 'WAL_READ_FAILED' };
      expect(result).toMatchObject({ status: 'rejected', reason });
    }
    expect(place.told.splice(0)).toEqual(['close']);
    place.fails.clear();
    const [first, second] = await Promise.all([holder.open(), holder.existing()]);
    expect(second).toBe(first);
    expect(place.told.filter((name) => name !== 'exists')).toEqual(['close', 'open']);
  });
});

describe('closing', () => {
  it('of a holder that never opened a database does nothing', async () => {
    await holder.close();
    expect(place.told).toEqual([]);
  });

  it('that fails is told as a failed read, and the lock is given back', async () => {
    await holder.open();
    place.fails.add('close');
    await expect(holder.close()).rejects.toMatchObject({ code: 'WAL_READ_FAILED' });
    expect(place.told).toEqual(['lock', 'open', 'close', 'release']);
  });

  it('fails where the lock cannot be given back', async () => {
    await holder.open();
    place.fails.add('release');
    await expect(holder.close()).rejects.toThrow('failing release');
  });
});

describe('a lock that is lost', () => {
  it('ends the writing at once and for good', async () => {
    const shared = await holder.open();
    place.lose(lost);
    await turns();
    expect([shared.failure, owner.told]).toEqual([lost, [lost]]);
    await expect(shared.write(batch, true)).rejects.toBe(lost);
    expect(place.hostility.batches.length).toBe(0);
    await expect(holder.open()).rejects.toBe(lost);
  });

  it('while a batch is written leaves the log with the loss, told once', async () => {
    const shared = await holder.open();
    place.hostility.onWrite = async () => {
      place.lose(lost);
      await turns();
    };
    place.hostility.nextFailure = 'broken-after';
    const calls = [shared.write(batch, true), shared.clear({ first: key, last: key })];
    const [writing, waiting] = await Promise.allSettled(calls);
    expect(writing).toMatchObject({ status: 'rejected', reason: { code: 'WAL_POISONED' } });
    expect(waiting).toMatchObject({ status: 'rejected', reason: lost });
    expect([shared.failure, owner.told, place.hostility.clears]).toEqual([lost, [lost], 0]);
  });

  it('after a write failed leaves the first failure as it is', async () => {
    const shared = await failedDatabase();
    const { failure } = shared;
    place.lose(lost);
    await turns();
    expect(shared.failure).toBe(failure);
    expect(owner.told).toEqual([failure]);
    await expect(holder.open()).rejects.toBe(lost);
  });

  it('while no database is open ends the next opening', async () => {
    await failedDatabase();
    let losses = 0;
    place.onExists = () => {
      losses += 1;
      place.lose(lost);
    };
    await expect(holder.existing()).rejects.toBe(lost);
    expect([losses, place.told]).toEqual([1, ['close', 'exists']]);
  });

  it('while the database is opened ends the writing, also where the opening fails', async () => {
    place.onOpen = () => place.lose(lost);
    const shared = await holder.open();
    await turns();
    expect(shared.failure).toBe(lost);
    place = new ToldPlace();
    holder = new DatabaseHolder(place, '/level', owner);
    place.onOpen = () => place.lose(lost);
    place.fails.add('open');
    await expect(holder.open()).rejects.toThrow('failing open');
    // An error that nobody handles would end the process now.
    await turns();
    await expect(holder.open()).rejects.toBe(lost);
  });
});
