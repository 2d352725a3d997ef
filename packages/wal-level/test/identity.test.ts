/** The identity record of a log in a database: damage, failures, and what is durable when. */
import { describe, expect, it } from 'vitest';
import { bytesOnly } from '../src/database.ts';
import { GroupKeys } from '../src/keys.ts';
import { encodeHeader, encodeIdentity } from '../src/values.ts';
import { HostileStore, storeWith, resealed } from './hostile-store.ts';

const metadata = { clusterId: 1n, nodeId: 1n };
const key = '000000000000000018';

/** The content of a database after an identity record of 40 bytes was written. */
async function storedWithRecord(): Promise<Map<string, Uint8Array>> {
  const store = new HostileStore();
  const manager = store.manager();
  await manager.createWal(metadata);
  await manager.writeIdentity(Uint8Array.from({ length: 40 }, (_, at) => at));
  await manager.close();
  return store.dump();
}

describe('the identity record', () => {
  it('is refused when a bit is wrong or a byte is missing, and the log opens', async () => {
    const stored = await storedWithRecord();
    const value = stored.get(key) ?? new Uint8Array(0);
    expect(value.length).toBe(48);
    const damaged: Uint8Array[] = [];
    for (let byte = 0; byte < value.length; byte += 1) {
      const flipped = value.slice();
      flipped[byte] = (flipped[byte] ?? 0) ^ (1 << (byte % 8));
      damaged.push(flipped, value.slice(0, byte));
    }
    for (const each of damaged) {
      const store = await storeWith(new Map([...stored, [key, each]]));
      const manager = store.manager();
      const { wal } = await manager.replayWal();
      await expect(manager.readIdentity()).rejects.toMatchObject({
        code: 'WAL_CORRUPT',
        file: '/level',
        verdict: 'identity-record',
      });
      await wal.save({ entries: [{ index: 1, term: 1, type: 0 }] });
      await manager.writeIdentity(Uint8Array.of(1));
      expect(await manager.readIdentity()).toEqual(Uint8Array.of(1));
      await manager.close();
    }
  });

  it('of another group under its key is refused', async () => {
    const stored = await storedWithRecord();
    const other = encodeIdentity(new GroupKeys(1n).identity, Uint8Array.of(1));
    const manager = (await storeWith(new Map([...stored, [key, other]]))).manager();
    await expect(manager.readIdentity()).rejects.toMatchObject({ code: 'WAL_CORRUPT' });
    await manager.close();
  });

  it('of a newer release is refused by its version', async () => {
    const stored = await storedWithRecord();
    const { identity } = new GroupKeys(0n);
    const value = encodeIdentity(identity, Uint8Array.of(1));
    value[7] = 2;
    const store = await storeWith(new Map([...stored, [key, resealed(identity, value)]]));
    const manager = store.manager();
    await expect(manager.readIdentity()).rejects.toMatchObject({ code: 'WAL_VERSION' });
    await manager.close();
  });

  it('is not read before it is durable', async () => {
    const store = new HostileStore();
    const manager = store.manager();
    await manager.createWal(metadata);
    await manager.writeIdentity(Uint8Array.of(1));
    let isDurable = false;
    store.hostility.onWrite = async () => {
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      isDurable = true;
    };
    const writing = manager.writeIdentity(Uint8Array.of(2));
    expect(await manager.readIdentity()).toEqual(Uint8Array.of(2));
    expect(isDurable).toBe(true);
    await writing;
    await manager.close();
  });

  it('is written with a sync, in one batch', async () => {
    const store = new HostileStore();
    const manager = store.manager();
    await manager.createWal(metadata);
    const before = store.hostility.batches.length;
    await manager.writeIdentity(Uint8Array.of(1));
    const batches = store.hostility.batches.slice(before);
    expect(batches.map(({ operations, sync }) => [operations.length, sync])).toEqual([[1, true]]);
    await manager.close();
  });

  it('cannot be written to a full disk, and the log goes on', async () => {
    const store = new HostileStore();
    const manager = store.manager();
    const { wal } = await manager.createWal(metadata);
    await manager.writeIdentity(Uint8Array.of(1));
    store.hostility.nextFailure = 'no-space';
    await expect(manager.writeIdentity(Uint8Array.of(2))).rejects.toMatchObject({
      code: 'WAL_NO_SPACE',
    });
    expect(await manager.readIdentity()).toEqual(Uint8Array.of(1));
    await wal.save({ entries: [{ index: 1, term: 1, type: 0 }] });
    await manager.writeIdentity(Uint8Array.of(3));
    expect(await manager.readIdentity()).toEqual(Uint8Array.of(3));
    await manager.close();
  });

  it.each(['broken-before', 'broken-after'] as const)(
    'ends the writing of all logs when its write fails: %s',
    async (failure) => {
      const store = new HostileStore();
      const manager = store.manager();
      const { wal } = await manager.createWal(metadata);
      const { wal: other } = await manager.createWal(metadata, { groupId: 1n });
      await manager.writeIdentity(Uint8Array.of(1));
      store.hostility.nextFailure = failure;
      const poisoned = { code: 'WAL_POISONED' };
      await expect(manager.writeIdentity(Uint8Array.of(2))).rejects.toMatchObject(poisoned);
      await expect(wal.save({ entries: [{ index: 1, term: 1, type: 0 }] })).rejects.toMatchObject(
        poisoned,
      );
      await expect(other.sync()).rejects.toMatchObject(poisoned);
      await expect(manager.writeIdentity(Uint8Array.of(3))).rejects.toMatchObject(poisoned);
      // Nothing is reported before the database was closed, opened and so recovered.
      await expect(manager.readIdentity()).rejects.toMatchObject(poisoned);
      await manager.close();
      const again = store.manager();
      await again.replayWal();
      expect([[1], [2]]).toContainEqual([...((await again.readIdentity()) ?? [])]);
      await again.writeIdentity(Uint8Array.of(4));
      expect(await again.readIdentity()).toEqual(Uint8Array.of(4));
      await again.close();
    },
  );

  it('without its log keeps a new log from being created', async () => {
    const stored = await storedWithRecord();
    const manager = (await storeWith(new Map([...stored].filter(([at]) => at === key)))).manager();
    await expect(manager.createWal(metadata)).rejects.toMatchObject({ code: 'WAL_EXISTS' });
    await expect(manager.replayWal()).rejects.toMatchObject({ code: 'WAL_CORRUPT' });
    await manager.close();
  });
});

describe('a header with an identity', () => {
  it('is damaged if it is too short for its identity', async () => {
    const { header } = new GroupKeys(0n);
    const identity = new Uint8Array(100).fill(3);
    const value = encodeHeader(header, { ...metadata, entryBytesMax: 4096, identity });
    for (const length of [37, 38, 100, value.length - 1]) {
      const store = new HostileStore();
      await store.open();
      await store.database.put(header, resealed(header, value.slice(0, length)), bytesOnly);
      await store.database.close();
      const manager = store.manager();
      await expect(manager.replayWal(), `${length} bytes`).rejects.toMatchObject({
        code: 'WAL_CORRUPT',
      });
      await manager.close();
    }
  });
});
