/** Making and finding logs where the directory, the database or the witness does not cooperate. */
import { describe, expect, it } from 'vitest';
import { ForeignFileError } from '@babuza/wal-core';
import type { LevelDatabase, LevelStoreKind } from '../src/index.ts';
import { GroupKeys } from '../src/keys.ts';
import { bytesOnly } from '../src/index.ts';
import { HostilePlace, HostileWitness } from './hostile-level.ts';
import { entries } from './samples.ts';

const identity = { clusterId: 1n, nodeId: 1n };
const keys = new GroupKeys(0n);

describe('a log that cannot be created', () => {
  it('for lack of space is not there, and may be created later', async () => {
    const place = new HostilePlace();
    const manager = place.manager();
    await manager.createWal(identity, { groupId: 1n });
    place.hostility.nextFailure = 'no-space';
    await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_NO_SPACE' });
    expect(await manager.hasExistingWal()).toBe(false);
    const { wal } = await manager.createWal(identity);
    await wal.save({ entries: entries(1, 1, 1) });
    await manager.close();
  });

  it('because its witness cannot be told is not handed out', async () => {
    const witness = new HostileWitness();
    const manager = new HostilePlace(witness).manager();
    witness.fails = true;
    await expect(manager.createWal(identity)).rejects.toMatchObject({
      code: 'WAL_POISONED',
      message: '/level could not be written: the test wants a failing witness',
    });
    await manager.close();
  });
});

/** A place whose directory holds a log of another kind. */
class ForeignPlace extends HostilePlace implements LevelStoreKind {
  openings = 0;

  async checkDirectory(directory: string): Promise<void> {
    // What is not waited for comes too late.
    await new Promise((resolve) => setImmediate(resolve));
    throw new ForeignFileError(directory, 'it holds a log of another kind');
  }

  override open(): Promise<LevelDatabase> {
    this.openings += 1;
    return super.open();
  }
}

it('a directory that holds a log of another kind is refused before the database is opened', async () => {
  const place = new ForeignPlace();
  await place.open();
  await place.database.close();
  for (const call of ['hasExistingWal', 'replayWal', 'findSnapshots'] as const) {
    const manager = place.manager();
    await expect(manager[call](), call).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    await manager.close();
  }
  const manager = place.manager();
  await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
  await manager.close();
  expect(place.openings).toBe(1);
});

it('an error of the program while a record is read is not told as damage of the log', async () => {
  const place = new HostilePlace();
  const first = place.manager();
  await first.createWal(identity);
  await first.close();
  await place.open();
  const state = await place.database.get(keys.state, bytesOnly);
  if (state === undefined) throw new Error('a log has a state record');
  Object.defineProperty(state, 'length', {
    get() {
      throw new TypeError('the test wants an error of the program');
    },
  });
  const iterate = place.database.iterator.bind(place.database);
  const value = (options: typeof bytesOnly) => {
    const iterator = iterate(options);
    return Object.defineProperty(iterator, 'nextv', {
      value: async () => [[keys.state, state]],
    });
  };
  Object.defineProperty(place.database, 'iterator', { value });
  await place.database.close();
  const manager = place.manager();
  await expect(manager.replayWal()).rejects.toMatchObject({
    code: 'WAL_READ_FAILED',
    message: '/level could not be read: the test wants an error of the program',
  });
  await manager.close();
});
