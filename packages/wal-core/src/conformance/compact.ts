/**
 * Purging: it removes exactly the entries up to its index, and a log without entries is still a
 * log.
 */
import type { WalEvent } from '../events.ts';
import type { EntryStorage } from '../entry-storage.ts';
import { failureOf, rejectionOf } from './failures.ts';
import { contentOf, entries, entry, marker, markerText, texts } from './samples.ts';
import { sampleMetadata, type Suite } from './suite.ts';

export function compactTests(suite: Suite): void {
  suite.test('a purge removes all entries up to its index, and no others', async (world) => {
    let { wal, storage } = await world.create();
    const hardState = { term: 1, vote: 0n, commit: 900 };
    for (let first = 1; first < 1000; first += 100) {
      await wal.save({ entries: entries(first, first + 99, 1, 400) });
    }
    await wal.save({ hardState });
    for (const toIndex of [1, 2, 450, 451, 899]) {
      const report = await wal.purge(toIndex);
      suite.expect([report.toIndex, report.firstIndex]).toEqual([toIndex, toIndex + 1]);
      for (const count of [report.segmentsRemoved, report.segmentsRecycled, report.bytesFreed]) {
        suite.check(Number.isSafeInteger(count) && count >= 0, 'counts of the report are integers');
      }
      suite.expect([storage.firstIndex(), storage.term(toIndex)]).toEqual([toIndex + 1, 1]);
      suite.expect(failureOf(() => storage.entries(toIndex, 1001, 0))).toBe('WAL_COMPACTED');
      suite
        .expect(texts(storage.entries(toIndex + 1, 1001, 0)))
        .toEqual(texts([entry(toIndex + 1, 1, 400)]));
      ({ wal, storage } = await world.restart());
      checkStart(suite, storage, toIndex);
      suite
        .expect(texts(storage.entries(toIndex + 1, 1001, Infinity)))
        .toEqual(texts(entries(toIndex + 1, 1000, 1, 400)));
    }
  });

  suite.test('a log whose entries are all purged still exists', async (world) => {
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 12, 3), hardState: { term: 3, vote: 2n, commit: 12 } });
    await wal.purge(12);
    await world.close();
    const manager = await world.manager();
    suite.expect(await manager.hasExistingWal()).toBe(true);
    suite.expect(await rejectionOf(manager.createWal(sampleMetadata))).toBe('WAL_EXISTS');
    const { wal: again, storage, hardState } = await world.replay();
    suite.expect(hardState).toEqual({ term: 3, vote: 2n, commit: 12 });
    suite.expect([storage.lastIndex(), storage.term(12)]).toEqual([12, 3]);
    checkStart(suite, storage, 12);
    suite
      .expect(await rejectionOf(again.save({ entries: [entry(12, 4)] })))
      .toBe('WAL_OUT_OF_ORDER');
    await again.save({ entries: entries(13, 14, 4) });
    const reopened = await world.restart();
    suite
      .expect(texts(reopened.storage.entries(13, 15, Infinity)))
      .toEqual(texts(entries(13, 14, 4)));
  });

  suite.test(
    'a purge above the commit index is refused; a repeated purge is accepted',
    async (world) => {
      const opened = await world.create();
      const { wal } = opened;
      await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 0n, commit: 5 } });
      const before = contentOf(opened);
      for (const toIndex of [6, 9, 100, -1, 1.5, Number.NaN]) {
        suite.expect(await rejectionOf(wal.purge(toIndex)), `to ${toIndex}`).toBe('WAL_INVALID');
      }
      suite.expect(contentOf(opened)).toEqual(before);
      await wal.purge(0);
      suite.expect(contentOf(opened)).toEqual(before);
      await wal.purge(4);
      for (const toIndex of [4, 2, 0]) suite.expect((await wal.purge(toIndex)).firstIndex).toBe(5);
      const { storage } = await world.restart();
      checkStart(suite, storage, 4);
      suite.expect(texts(storage.entries(5, 10, Infinity))).toEqual(texts(entries(5, 9, 1)));
    },
  );

  markerTests(suite);
  orderTests(suite);
}

function checkStart(suite: Suite, storage: EntryStorage, purgedTo: number): void {
  if (suite.target.capabilities.exactPurge) {
    suite.expect(storage.firstIndex()).toBe(purgedTo + 1);
    suite.expect(failureOf(() => storage.entries(purgedTo, purgedTo + 1, 0))).toBe('WAL_COMPACTED');
  } else {
    suite.check(storage.firstIndex() <= purgedTo + 1, `the log starts at ${storage.firstIndex()}`);
  }
}

function markerTests(suite: Suite): void {
  suite.test(
    'markers below a purge are removed, those at and above it stay valid',
    async (world) => {
      const { wal } = await world.create();
      await wal.save({ entries: entries(1, 20, 1), hardState: { term: 1, vote: 0n, commit: 18 } });
      for (const index of [4, 8, 12]) await wal.saveSnapshot(marker(index, 1));
      await wal.purge(8);
      await world.close();
      const found = await (await world.manager()).findSnapshots();
      const kept = found.filter(({ index }) => suite.target.capabilities.exactPurge || index >= 8);
      suite.expect(kept.map(markerText)).toEqual([marker(8, 1), marker(12, 1)].map(markerText));
      const { storage, snapshots } = await world.replay();
      suite.expect(snapshots.map(markerText)).toEqual(found.map(markerText));
      suite.expect(storage.snapshot().metadata.index).toBe(12);
      suite.expect(texts(storage.entries(9, 21, Infinity))).toEqual(texts(entries(9, 20, 1)));
    },
  );

  suite.test('a snapshot whose marker was purged is not offered any more', async (world) => {
    const { wal, storage } = await world.create();
    await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 0n, commit: 9 } });
    await wal.saveSnapshot(marker(3, 1));
    await wal.purge(5);
    suite.expect(failureOf(() => storage.snapshot())).toBe('WAL_SNAPSHOT_UNAVAILABLE');
    await wal.saveSnapshot(marker(7, 1));
    suite.expect(storage.snapshot().metadata.index).toBe(7);
  });

  suite.test(
    'a purge makes the commit index durable, so that a restart accepts it',
    async (world) => {
      const { wal } = await world.create();
      await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 0n, commit: 1 } });
      await wal.save({ hardState: { term: 1, vote: 0n, commit: 7 } });
      const { syncs } = wal.stats;
      await wal.purge(7);
      if (suite.target.capabilities.durable) {
        suite.check(wal.stats.syncs > syncs, 'a purge makes the commit index durable');
      }
      suite.expect((await world.restart()).hardState.commit).toBe(7);
    },
  );
}

function orderTests(suite: Suite): void {
  suite.test('a purge takes effect between the saves around its call', async (world) => {
    const { wal, storage } = await world.create();
    const saved = wal.save({
      entries: entries(1, 9, 1),
      hardState: { term: 1, vote: 0n, commit: 6 },
    });
    const purged = wal.purge(5);
    const replaced = wal.save({ entries: entries(7, 8, 2) });
    const report = await purged;
    suite.expect(report.firstIndex).toBe(6);
    await Promise.all([saved, replaced]);
    suite
      .expect(texts(storage.entries(6, 9, Infinity)))
      .toEqual(texts([entry(6, 1), ...entries(7, 8, 2)]));
    const again = await world.restart();
    suite.expect(again.storage.lastIndex()).toBe(8);
    checkStart(suite, again.storage, 5);
  });

  suite.test('an event reports a purge', async (world) => {
    const { wal } = await world.create();
    const seen: WalEvent[] = [];
    const unsubscribe = wal.events.subscribe((event) => seen.push(event));
    await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 0n, commit: 6 } });
    const report = await wal.purge(3);
    const purges = seen.filter(({ type }) => type === 'purged');
    suite.expect(purges).toEqual([{ type: 'purged', groupId: 0n, report }]);
    unsubscribe();
    await wal.purge(4);
    suite.expect(seen.filter(({ type }) => type === 'purged').length).toBe(1);
  });
}
