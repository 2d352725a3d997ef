/**
 * Conflicts: new entries replace old ones in cache, index and store, and the old ones never
 * reappear.
 */
import { rejectionOf } from './failures.ts';
import { contentOf, entries, entry, texts } from './samples.ts';
import type { Suite } from './suite.ts';

export function truncateTests(suite: Suite): void {
  suite.test(
    'entries can be replaced from every index on, before and after a restart',
    async (world) => {
      const count = 6;
      let { wal, storage } = await world.create();
      for (let from = 1; from <= count; from += 1) {
        const term = from * 2;
        await wal.save({ entries: entries(1, count, term - 1) });
        const replacing = entries(from, from + 1, term);
        await wal.save({ entries: replacing });
        const expected = texts([...entries(1, from - 1, term - 1), ...replacing]);
        suite.expect(storage.lastIndex()).toBe(from + 1);
        suite.expect(texts(storage.entries(1, from + 2, Infinity))).toEqual(expected);
        ({ wal, storage } = await world.restart());
        suite.expect(storage.lastIndex(), `conflict at ${from}, reopened`).toBe(from + 1);
        suite.expect(texts(storage.entries(1, from + 2, Infinity))).toEqual(expected);
      }
    },
  );

  suite.test('replacing an entry removes all higher entries for good', async (world) => {
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 30, 1) });
    await wal.save({ entries: [entry(10, 2)] });
    let opened = await world.restart();
    suite.expect(opened.storage.lastIndex()).toBe(10);
    await opened.wal.save({ entries: [entry(11, 2)] });
    opened = await world.restart();
    suite.expect(opened.storage.lastIndex()).toBe(11);
    await opened.wal.save({ entries: entries(12, 20, 3) });
    opened = await world.restart();
    const expected = [...entries(1, 9, 1), ...entries(10, 11, 2), ...entries(12, 20, 3)];
    suite.expect(opened.storage.lastIndex()).toBe(20);
    suite.expect(texts(opened.storage.entries(1, 21, Infinity))).toEqual(texts(expected));
    const terms = [9, 10, 11, 12, 20].map((index) => opened.storage.term(index));
    suite.expect(terms).toEqual([1, 2, 2, 3, 3]);
  });

  suite.test('the entries of a new leader replace an uncommitted tail', async (world) => {
    const { wal } = await world.create();
    const hardState = { term: 1, vote: 1n, commit: 3 };
    await wal.save({ entries: entries(1, 8, 1), hardState });
    const reopened = await world.restart();
    suite.expect(reopened.storage.lastIndex()).toBe(8);
    await reopened.wal.save({
      entries: entries(4, 6, 2),
      hardState: { term: 2, vote: 0n, commit: 3 },
    });
    const expected = texts([...entries(1, 3, 1), ...entries(4, 6, 2)]);
    suite.expect(texts(reopened.storage.entries(1, 7, Infinity))).toEqual(expected);
    const { storage } = await world.restart();
    suite.expect(storage.lastIndex()).toBe(6);
    suite.expect(texts(storage.entries(1, 7, Infinity))).toEqual(expected);
  });

  suite.test('pending saves can replace entries of each other', async (world) => {
    const opened = await world.create();
    const { wal } = opened;
    await Promise.all([
      wal.save({ entries: entries(1, 10, 1) }),
      wal.save({ entries: entries(5, 6, 2) }),
      wal.save({ entries: entries(7, 9, 2) }),
      wal.save({ entries: entries(8, 8, 3) }),
      wal.save({ entries: [entry(1, 4)] }),
      wal.save({ entries: entries(2, 4, 4) }),
    ]);
    const before = contentOf(opened);
    suite.expect(before['entries']).toEqual(texts(entries(1, 4, 4)));
    suite.expect(contentOf(await world.restart())).toEqual(before);
  });

  suite.test('entries far below the cached ones can be replaced', async (world) => {
    const { entriesMax } = suite.cacheLimits;
    const count = Math.min(entriesMax, 2000) + 500;
    const { wal, storage } = await world.create();
    await wal.save({ entries: entries(1, count, 1, 12) });
    await wal.save({ entries: entries(100, 150, 2, 12) });
    const expected = texts([...entries(1, 99, 1, 12), ...entries(100, 150, 2, 12)]);
    suite.expect(storage.lastIndex()).toBe(150);
    suite.expect(texts(storage.entries(1, 151, Infinity))).toEqual(expected);
    await wal.save({ entries: entries(151, count, 2, 12) });
    const all = texts([...entries(1, 99, 1, 12), ...entries(100, count, 2, 12)]);
    suite.expect(texts(storage.entries(1, count + 1, Infinity))).toEqual(all);
    const again = await world.restart();
    suite.expect(texts(again.storage.entries(1, count + 1, Infinity))).toEqual(all);
  });

  suite.test('committed entries are never replaced', async (world) => {
    const opened = await world.create();
    await opened.wal.save({
      entries: entries(1, 9, 1),
      hardState: { term: 1, vote: 0n, commit: 6 },
    });
    const before = contentOf(opened);
    for (const index of [1, 5, 6]) {
      const refused = opened.wal.save({ entries: [entry(index, 2)] });
      suite.expect(await rejectionOf(refused), `entry ${index}`).toBe('WAL_OUT_OF_ORDER');
    }
    suite.expect(contentOf(opened)).toEqual(before);
    await opened.wal.save({ entries: [entry(7, 2)] });
    const after = contentOf(opened);
    suite.expect(after['entries']).toEqual(texts([...entries(1, 6, 1), entry(7, 2)]));
    suite.expect(contentOf(await world.restart())).toEqual(after);
  });

  suite.test('many conflicts in a row leave exactly the last entries', async (world) => {
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 40, 1) });
    const pending: Promise<void>[] = [];
    for (let round = 2; round <= 30; round += 1) {
      pending.push(wal.save({ entries: entries(42 - round, 45 - round, round, round * 10) }));
    }
    await Promise.all(pending);
    const opened = await world.restart();
    const expected = [...entries(1, 11, 1), ...entries(12, 15, 30, 300)];
    suite.expect(opened.storage.lastIndex()).toBe(15);
    suite.expect(texts(opened.storage.entries(1, 16, Infinity))).toEqual(texts(expected));
  });
}
