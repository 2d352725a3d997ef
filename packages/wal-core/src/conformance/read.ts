/** Reading: size limits, error codes, the bounded cache, and long reads. */
import { entryEncodedSize, type Entry } from '@babuza/raftpb';
import type { EntryStorage } from '../entry-storage.ts';
import { failureOf, rejectionOf } from './failures.ts';
import { entries, entry, marker, texts } from './samples.ts';
import { turn, type Suite } from './suite.ts';

export function readTests(suite: Suite): void {
  suite.test(
    'entries stops before maxBytes of encoded size, but returns at least one entry',
    async (world) => {
      const written = [30, 1, 500, 0, 90, 200].map((bytes, at) => entry(at + 1, 1, bytes));
      const { wal, storage } = await world.create();
      await wal.save({ entries: written });
      checkLimits(suite, storage, written);
      checkLimits(suite, (await world.restart()).storage, written);
    },
  );

  suite.test('ranges and indexes outside the log have error codes of their own', async (world) => {
    const { wal, storage } = await world.create();
    await wal.save({ entries: entries(1, 10, 2), hardState: { term: 2, vote: 0n, commit: 8 } });
    await wal.purge(4);
    suite.expect(failureOf(() => storage.entries(4, 6, Infinity))).toBe('WAL_COMPACTED');
    suite.expect(failureOf(() => storage.entries(0, 6, Infinity))).toBe('WAL_COMPACTED');
    suite.expect(failureOf(() => storage.entries(5, 12, Infinity))).toBe('WAL_UNAVAILABLE');
    suite.expect(failureOf(() => storage.entries(11, 12, 0))).toBe('WAL_UNAVAILABLE');
    suite.expect(failureOf(() => storage.entries(7, 6, Infinity))).toBe('WAL_INVALID');
    suite.expect(failureOf(() => storage.entries(5.5, 6, Infinity))).toBe('WAL_INVALID');
    suite.expect(failureOf(() => storage.entries(5, 6, Number.NaN))).toBe('WAL_INVALID');
    suite.expect(failureOf(() => storage.entries(5, 6, -1))).toBe('WAL_INVALID');
    suite.expect(storage.entries(5, 5, Infinity)).toEqual([]);
    suite.expect(storage.entries(11, 11, Infinity)).toEqual([]);
    suite.expect(storage.term(4)).toBe(2);
    suite.expect(failureOf(() => storage.term(3))).toBe('WAL_COMPACTED');
    suite.expect(failureOf(() => storage.term(11))).toBe('WAL_UNAVAILABLE');
  });

  suite.test('the array of entries belongs to the caller', async (world) => {
    const { wal, storage } = await world.create();
    const written = entries(1, 5, 1);
    await wal.save({ entries: written });
    const list = storage.entries(1, 6, Infinity);
    list.length = 2;
    list.push(entry(99, 9));
    suite.expect(texts(storage.entries(1, 6, Infinity))).toEqual(texts(written));
  });

  cacheTests(suite);
  iterateTests(suite);
  viewTests(suite);
}

function checkLimits(suite: Suite, storage: EntryStorage, written: readonly Entry[]): void {
  for (let from = 0; from < written.length; from += 1) {
    let sum = 0;
    for (let count = 1; count <= written.length - from; count += 1) {
      const last = written[from + count - 1];
      sum += last === undefined ? 0 : entryEncodedSize(last);
      const expected = texts(written.slice(from, from + count));
      const exact = storage.entries(from + 1, written.length + 1, sum);
      suite.expect(texts(exact), `${sum} bytes from entry ${from + 1}`).toEqual(expected);
      const less = storage.entries(from + 1, written.length + 1, sum - 1);
      const shorter = count === 1 ? expected : expected.slice(0, -1);
      suite.expect(texts(less), `${sum - 1} bytes from entry ${from + 1}`).toEqual(shorter);
    }
    suite.expect(storage.entries(from + 1, written.length + 1, 0).length).toBe(1);
  }
}

function cacheTests(suite: Suite): void {
  suite.test(
    'the cache stays within its bounds, and other entries are read from the store',
    async (world) => {
      const { entriesMax, bytesMax } = suite.cacheLimits;
      const small = entries(1, Math.min(entriesMax, 2000) + 300, 1, 10);
      const large = entries(
        small.length + 1,
        small.length + 20,
        1,
        Math.min(Math.ceil(bytesMax / 8), 200_000),
      );
      const written = [...small, ...large];
      const { wal, storage } = await world.create();
      for (let at = 0; at < written.length; at += 250) {
        await wal.save({ entries: written.slice(at, at + 250) });
        suite.check(wal.stats.cacheBytes <= bytesMax, `${wal.stats.cacheBytes} bytes are cached`);
      }
      suite.expect(texts(storage.entries(1, written.length + 1, Infinity))).toEqual(texts(written));
      const { cacheMisses, cacheHits, indexBytes } = wal.stats;
      suite.check(cacheMisses >= 300, `only ${cacheMisses} entries were read from the store`);
      suite.check(cacheMisses + cacheHits === written.length, 'each entry is a hit or a miss');
      // Six bytes an entry, plus the pages that are allocated in advance.
      suite.check(indexBytes <= written.length * 6 + 16_384, `the index takes ${indexBytes} bytes`);
      const again = await world.restart();
      suite
        .expect(texts(again.storage.entries(1, written.length + 1, Infinity)))
        .toEqual(texts(written));
      suite.check(
        again.wal.stats.cacheBytes <= bytesMax,
        'reading fills the cache beyond its bound',
      );
    },
  );

  suite.test('an entry larger than the whole cache is stored and read', async (world) => {
    const bytes = Math.min(suite.cacheLimits.bytesMax + 10_000, 2 * 1024 * 1024);
    const written = [entry(1, 1), entry(2, 1, bytes), entry(3, 1), entry(4, 1, bytes)];
    const { wal, storage } = await world.create();
    await wal.save({ entries: written });
    suite.expect(texts(storage.entries(1, 5, Infinity))).toEqual(texts(written));
    suite.expect(texts(storage.entries(2, 5, 100))).toEqual(texts(written.slice(1, 2)));
    suite.check(wal.stats.cacheBytes <= suite.cacheLimits.bytesMax, 'the cache exceeds its bound');
    const again = await world.restart();
    suite.expect(texts(again.storage.entries(1, 5, Infinity))).toEqual(texts(written));
  });
}

function iterateTests(suite: Suite): void {
  suite.test('iterate yields the whole range, page by page', async (world) => {
    const { wal, storage } = await world.create();
    const written = entries(1, 120, 1, 50);
    await wal.save({ entries: written });
    for (const pageBytes of [1, 500, 1_000_000]) {
      const read: Entry[] = [];
      for await (const one of storage.iterate(3, 118, { pageBytes })) read.push(one);
      suite
        .expect(texts(read), `pages of ${pageBytes} bytes`)
        .toEqual(texts(written.slice(2, 117)));
    }
    const none: Entry[] = [];
    for await (const one of storage.iterate(5, 5)) none.push(one);
    suite.expect(none).toEqual([]);
    suite.expect(await rejectionOf(storage.iterate(5, 200).next())).toBe('WAL_UNAVAILABLE');
    suite.expect(await rejectionOf(storage.iterate(5, 4).next())).toBe('WAL_INVALID');
  });

  suite.test('iterate stops at an abort, and fails when a purge overtakes it', async (world) => {
    const { wal, storage } = await world.create();
    await wal.save({ entries: entries(1, 50, 1), hardState: { term: 1, vote: 0n, commit: 50 } });
    const aborter = new AbortController();
    const aborted = storage.iterate(1, 51, { signal: aborter.signal });
    await aborted.next();
    aborter.abort(new Error('enough'));
    const failure: unknown = await aborted.next().then(
      () => undefined,
      (error: unknown) => error,
    );
    suite.check(failure instanceof Error && failure.message === 'enough', 'the reason is thrown');
    const overtaken = storage.iterate(1, 51, { pageBytes: 1 });
    await overtaken.next();
    await wal.purge(30);
    suite.expect(await rejectionOf(overtaken.next())).toBe('WAL_COMPACTED');
  });
}

function viewTests(suite: Suite): void {
  suite.test('compact hides entries until a restart and does not change the log', async (world) => {
    const { wal, storage } = await world.create();
    await wal.save({ entries: entries(1, 20, 1), hardState: { term: 1, vote: 0n, commit: 12 } });
    storage.compact(10);
    suite.expect([storage.firstIndex(), storage.term(10)]).toEqual([11, 1]);
    suite.expect(failureOf(() => storage.entries(10, 12, Infinity))).toBe('WAL_COMPACTED');
    suite.expect(failureOf(() => storage.term(9))).toBe('WAL_COMPACTED');
    suite.expect(failureOf(() => storage.compact(10))).toBe('WAL_COMPACTED');
    suite.expect(failureOf(() => storage.compact(21))).toBe('WAL_UNAVAILABLE');
    // A marker for a hidden entry still matches the log, so the entries above it stay.
    await wal.saveSnapshot(marker(8, 1));
    suite.expect([storage.firstIndex(), storage.lastIndex()]).toEqual([11, 20]);
    storage.compact(15);
    // Entries above the commit index may be replaced even if they are hidden.
    await wal.save({ entries: entries(13, 22, 2) });
    suite.expect([storage.lastIndex(), storage.term(13)]).toEqual([22, 2]);
    const again = await world.restart();
    suite.expect(again.storage.firstIndex()).toBe(1);
    suite
      .expect(texts(again.storage.entries(1, 23, Infinity)))
      .toEqual(texts([...entries(1, 12, 1), ...entries(13, 22, 2)]));
  });

  suite.test('createSnapshot is checked against the log', async (world) => {
    const { wal, storage } = await world.create();
    await wal.save({ entries: entries(1, 9, 3), hardState: { term: 3, vote: 0n, commit: 9 } });
    storage.createSnapshot(marker(5, 3, 7n), Uint8Array.of(1, 2));
    suite.expect(storage.snapshot().metadata.index).toBe(5);
    suite.expect([...(storage.snapshot().data ?? [])]).toEqual([1, 2]);
    suite.expect(storage.initialState().confState.voters).toEqual([7n]);
    suite
      .expect(failureOf(() => storage.createSnapshot(marker(4, 3))))
      .toBe('WAL_SNAPSHOT_OUT_OF_DATE');
    suite.expect(failureOf(() => storage.createSnapshot(marker(6, 2)))).toBe('WAL_INVALID');
    suite.expect(failureOf(() => storage.createSnapshot(marker(10, 3)))).toBe('WAL_INVALID');
    // Saving the marker of an older snapshot must not hide the newer one or its manifest.
    await wal.saveSnapshot(marker(5, 3, 7n));
    suite.expect([...(storage.snapshot().data ?? [])]).toEqual([1, 2]);
    await turn();
    suite.expect(storage.snapshot().metadata.index).toBe(5);
  });
}
