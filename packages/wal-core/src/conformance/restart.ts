/** Restarts: the whole log is restored each time, and dropping the uncommitted tail is durable. */
import { rejectionOf } from './failures.ts';
import { contentOf, entries, entry, marker, markerText, texts } from './samples.ts';
import type { Suite } from './suite.ts';

export function restartTests(suite: Suite): void {
  suite.test('an empty log is still empty after a restart, and takes entries', async (world) => {
    const before = contentOf(await world.create());
    const again = await world.restart();
    suite.expect(contentOf(again)).toEqual(before);
    suite.expect([again.tail.verdict, again.tail.bytesDropped]).toEqual(['clean', 0]);
    await again.wal.save({ entries: [entry(1, 1)] });
    suite.expect((await world.restart()).storage.lastIndex()).toBe(1);
  });

  suite.test(
    'two restarts restore the whole log, and a clean close leaves a clean tail',
    async (world) => {
      const opened = await world.create();
      await opened.wal.save({
        entries: entries(1, 20, 1),
        hardState: { term: 1, vote: 1n, commit: 10 },
      });
      await opened.wal.saveSnapshot(marker(8, 1, 4n));
      await opened.wal.save({
        entries: entries(15, 18, 2),
        hardState: { term: 2, vote: 2n, commit: 14 },
      });
      const before = contentOf(opened);
      for (let time = 0; time < 2; time += 1) {
        const again = await world.restart();
        suite.expect(contentOf(again)).toEqual(before);
        suite.expect(again.hardState).toEqual({ term: 2, vote: 2n, commit: 14 });
        suite.expect(again.snapshots.map(markerText)).toEqual([markerText(marker(8, 1, 4n))]);
        suite.expect([again.tail.verdict, again.tail.bytesDropped]).toEqual(['clean', 0]);
      }
    },
  );

  suite.test('a log grows over many restarts', async (world) => {
    let opened = await world.create();
    for (let round = 0; round < 10; round += 1) {
      const first = round * 3 + 1;
      const hardState = { term: round + 1, vote: BigInt(round), commit: first };
      await opened.wal.save({ entries: entries(first, first + 2, round + 1, 100), hardState });
      opened = await world.restart();
      suite.expect(opened.hardState).toEqual(hardState);
      suite.expect(opened.storage.lastIndex()).toBe(first + 2);
    }
    const expected = Array.from({ length: 30 }, (_, at) =>
      entry(at + 1, Math.floor(at / 3) + 1, 100),
    );
    suite.expect(texts(opened.storage.entries(1, 31, Infinity))).toEqual(texts(expected));
  });

  suite.test('a log is closed and opened again within one manager', async (world) => {
    const opened = await world.create();
    await opened.wal.save({ entries: entries(1, 9, 1) });
    const before = contentOf(opened);
    await opened.wal.close();
    const again = await world.replay();
    suite.expect(contentOf(again)).toEqual(before);
    await again.wal.save({ entries: [entry(10, 1)] });
    suite.expect(again.storage.lastIndex()).toBe(10);
  });

  discardTests(suite);
}

function discardTests(suite: Suite): void {
  suite.test(
    'discardUncommitted drops the entries above the commit index for good',
    async (world) => {
      const { wal } = await world.create();
      await wal.save({ entries: entries(1, 20, 1), hardState: { term: 1, vote: 0n, commit: 12 } });
      const discarded = await world.restart({ discardUncommitted: true });
      suite.expect([discarded.storage.lastIndex(), discarded.hardState.commit]).toEqual([12, 12]);
      suite
        .expect(texts(discarded.storage.entries(1, 13, Infinity)))
        .toEqual(texts(entries(1, 12, 1)));
      const before = contentOf(discarded);
      const plain = await world.restart();
      suite.expect(contentOf(plain)).toEqual(before);
      await plain.wal.save({ entries: entries(13, 14, 3) });
      const { storage } = await world.restart();
      suite.expect(storage.lastIndex()).toBe(14);
      suite
        .expect(texts(storage.entries(11, 15, Infinity)))
        .toEqual(texts([...entries(11, 12, 1), ...entries(13, 14, 3)]));
    },
  );

  suite.test('discardUncommitted when no entry is committed', async (world) => {
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 8, 1), hardState: { term: 3, vote: 2n, commit: 0 } });
    const { storage, hardState } = await world.restart({ discardUncommitted: true });
    suite.expect([storage.firstIndex(), storage.lastIndex()]).toEqual([1, 0]);
    suite.expect(hardState).toEqual({ term: 3, vote: 2n, commit: 0 });
    const again = await world.restart();
    suite.expect(again.storage.lastIndex()).toBe(0);
    await again.wal.save({ entries: [entry(1, 4)] });
    const reopened = await world.restart();
    suite.expect(texts(reopened.storage.entries(1, 2, Infinity))).toEqual(texts([entry(1, 4)]));
  });

  suite.test('discardUncommitted when the first kept entry is uncommitted', async (world) => {
    const { wal } = await world.create();
    // The entries follow an installed snapshot.
    await wal.save({ snapshot: marker(10, 2), entries: entries(11, 15, 2) });
    const installed = await world.restart({ discardUncommitted: true });
    suite.expect([installed.storage.firstIndex(), installed.storage.lastIndex()]).toEqual([11, 10]);
    suite.expect((await world.restart()).storage.lastIndex()).toBe(10);
  });

  suite.test('discardUncommitted after a purge of all committed entries', async (world) => {
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 20, 1), hardState: { term: 1, vote: 0n, commit: 12 } });
    await wal.purge(12);
    const { storage } = await world.restart({ discardUncommitted: true });
    suite.expect([storage.lastIndex(), storage.term(12)]).toEqual([12, 1]);
    const again = await world.restart();
    suite.expect(again.storage.lastIndex()).toBe(12);
    await again.wal.save({ entries: [entry(13, 2)] });
    suite.expect((await world.restart()).storage.term(13)).toBe(2);
  });

  suite.test('discardUncommitted keeps the snapshot and all committed entries', async (world) => {
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 0n, commit: 4 } });
    await wal.saveSnapshot(marker(4, 1));
    await wal.saveSnapshot(marker(7, 1));
    const older = await world.restart({
      discardUncommitted: true,
      snapshot: { index: 4, term: 1 },
    });
    suite.expect([older.storage.lastIndex(), older.hardState.commit]).toEqual([7, 7]);
    const before = contentOf(await world.restart());
    suite.expect(before['last']).toBe(7);
    suite.expect(contentOf(await world.restart({ discardUncommitted: true }))).toEqual(before);
  });

  suite.test('a replay with wrong expected metadata discards nothing', async (world) => {
    const opened = await world.create();
    await opened.wal.save({
      entries: entries(1, 9, 1),
      hardState: { term: 1, vote: 0n, commit: 4 },
    });
    const before = contentOf(opened);
    await world.close();
    const manager = await world.manager();
    const refused = manager.replayWal({ discardUncommitted: true, expect: { nodeId: 99 } });
    suite.expect(await rejectionOf(refused)).toBe('WAL_METADATA_MISMATCH');
    const unknown = manager.replayWal({
      discardUncommitted: true,
      snapshot: { index: 3, term: 1 },
    });
    suite.expect(await rejectionOf(unknown)).toBe('WAL_NOT_FOUND');
    suite.expect(contentOf(await world.replay())).toEqual(before);
  });
}
