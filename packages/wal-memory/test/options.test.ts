/** The options of the log in memory, and the owner of a store. */
import { describe, expect, it } from 'vitest';
import type { Entry } from '@babuza/raftpb';
import { MemoryStore, walBackend } from '../src/index.ts';

const identity = { clusterId: 1, nodeId: 1 };

function entriesOf(count: number): Entry[] {
  const data = new Uint8Array(100);
  return Array.from({ length: count }, (_, at) => ({ index: at + 1, term: 1, type: 0, data }));
}

describe('a store', () => {
  it('has one owner even if two managers open it for the first time at once', async () => {
    const store = new MemoryStore();
    const opened = await Promise.allSettled([store.open(), store.open(), store.open()]);
    expect(opened.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const each of opened.slice(1)) {
      expect(each).toMatchObject({ reason: { code: 'WAL_LOCKED' } });
    }
  });

  it('has one owner even if two managers open it at once after it was closed', async () => {
    const store = new MemoryStore();
    await (await store.open()).close();
    const opened = await Promise.allSettled([store.open(), store.open()]);
    expect(opened.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  it('exists once it was opened', async () => {
    const store = new MemoryStore();
    expect(store.exists).toBe(false);
    const opening = store.open();
    expect(store.exists).toBe(true);
    await (await opening).close();
    expect(store.exists).toBe(true);
  });
});

describe('the option', () => {
  it.each([
    [3, 3],
    [4, 4],
    [5, 4],
  ])('cache.entriesMax of 4 keeps of %i entries %i', async (count, kept) => {
    const cache = { entriesMax: 4, bytesMax: 10_000 };
    const manager = await walBackend.open('/memory', { cache });
    const { wal, storage } = await manager.createWal(identity);
    await wal.save({ entries: entriesOf(count) });
    for (let index = 1; index <= count; index += 1) storage.entries(index, index + 1, Infinity);
    expect(wal.stats).toMatchObject({ cacheHits: kept, cacheMisses: count - kept });
    await manager.close();
  });

  it.each([true, false])('verifyOnOpen: %s decides whether each entry is read', async (verify) => {
    const store = new MemoryStore();
    const first = await walBackend.open('/memory', { store });
    const { wal } = await first.createWal(identity);
    await wal.save({ entries: entriesOf(3) });
    await first.close();
    const database = await store.open();
    for await (const [key, value] of database.iterator({})) {
      if (value.length < 100) continue;
      // The last byte of an entry belongs to its payload.
      const damaged = new Uint8Array(value);
      damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
      await database.batch([{ type: 'put', key, value: damaged }]);
      break;
    }
    await database.close();
    const second = await walBackend.open('/memory', { store, verifyOnOpen: verify });
    const opening = second.replayWal();
    if (verify) await expect(opening).rejects.toMatchObject({ code: 'WAL_CORRUPT' });
    else expect((await opening).storage.lastIndex()).toBe(3);
    await second.close();
  });
});
