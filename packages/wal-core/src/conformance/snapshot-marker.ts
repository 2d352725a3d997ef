/**
 * Snapshot markers: which of them are valid, how an installed snapshot changes the log, and where a
 * replay starts.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import { failureOf, rejectionOf } from './failures.ts';
import { contentOf, entries, entry, marker, markerText, texts } from './samples.ts';
import type { Suite, World } from './suite.ts';

const fullMarker: SnapshotMetadata = {
  index: 7,
  term: 1,
  confState: {
    voters: [2n ** 64n - 1n, 1n, 2n],
    learners: [2n ** 63n],
    votersOutgoing: [1n, 3n, 4n],
    learnersNext: [3n],
    autoLeave: true,
  },
};

export function snapshotMarkerTests(suite: Suite): void {
  suite.test('a marker that matches an entry keeps the log', async (world) => {
    const opened = await world.create();
    const { wal, storage } = opened;
    await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 0n, commit: 8 } });
    await wal.saveSnapshot(fullMarker);
    suite.expect([storage.firstIndex(), storage.lastIndex()]).toEqual([1, 9]);
    suite.expect(markerText(storage.snapshot().metadata)).toBe(markerText(fullMarker));
    suite.expect(storage.initialState().confState).toEqual(fullMarker.confState);
    const before = contentOf(opened);
    await world.close();
    const found = await (await world.manager()).findSnapshots();
    suite.expect(found.map(markerText)).toEqual([markerText(fullMarker)]);
    const again = await world.replay();
    suite.expect(contentOf(again)).toEqual(before);
    suite.expect(again.storage.initialState().confState).toEqual(fullMarker.confState);
    suite.expect(again.snapshots.map(markerText)).toEqual([markerText(fullMarker)]);
  });

  suite.test('a marker raises the commit index', async (world) => {
    const { wal, storage } = await world.create();
    await wal.save({ entries: entries(1, 9, 1) });
    await wal.save({ snapshot: marker(6, 1), hardState: { term: 1, vote: 1n, commit: 2 } });
    suite.expect(storage.initialState().hardState).toEqual({ term: 1, vote: 1n, commit: 6 });
    suite.expect(await rejectionOf(wal.save({ entries: [entry(6, 2)] }))).toBe('WAL_OUT_OF_ORDER');
    const { hardState, storage: again } = await world.restart();
    suite.expect(hardState.commit).toBe(6);
    suite.expect(again.lastIndex()).toBe(9);
  });

  suite.test('a marker at index 0 carries the first membership', async (world) => {
    const { wal } = await world.create();
    await wal.saveSnapshot(marker(0, 0, 5n, 6n));
    const { storage, snapshots } = await world.restart();
    suite.expect(snapshots.map(({ index }) => index)).toEqual([0]);
    suite.expect(storage.initialState().confState.voters).toEqual([5n, 6n]);
    suite.expect([storage.firstIndex(), storage.lastIndex()]).toEqual([1, 0]);
  });

  suite.test(
    'snapshot metadata that its owner changes after the save does not change the log',
    async (world) => {
      const { wal, storage } = await world.create();
      await wal.save({ entries: entries(1, 3, 1) });
      const voters = [1n, 2n];
      const mine = { index: 2, term: 1, confState: { ...marker(2, 1).confState, voters } };
      await wal.saveSnapshot(mine);
      voters.length = 0;
      mine.index = 3;
      suite.expect(markerText(storage.snapshot().metadata)).toBe(markerText(marker(2, 1, 1n, 2n)));
    },
  );

  installTests(suite);
  validityTests(suite);
  startTests(suite);
}

function installTests(suite: Suite): void {
  /**
   * Installs the snapshot on a log with entries 1 to 9 of term 1 and commit index 3, and checks the
   * result.
   */
  const install = async (world: World, snapshot: SnapshotMetadata): Promise<void> => {
    const opened = await world.create();
    const { wal, storage } = opened;
    await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 1n, commit: 3 } });
    await wal.saveSnapshot(marker(2, 1));
    await wal.saveSnapshot(snapshot);
    const { index, term } = snapshot;
    suite
      .expect([storage.firstIndex(), storage.lastIndex(), storage.term(index)])
      .toEqual([index + 1, index, term]);
    suite.expect(failureOf(() => storage.entries(index, index + 1, 0))).toBe('WAL_COMPACTED');
    suite.expect(storage.initialState().hardState.commit).toBe(index);
    const before = contentOf(opened);
    const again = await world.restart();
    suite.expect(contentOf(again)).toEqual(before);
    suite.expect(again.snapshots.map(markerText)).toEqual([markerText(snapshot)]);
    await again.wal.save({ entries: [entry(index + 1, term)] });
    const reopened = await world.restart();
    suite.expect(reopened.storage.lastIndex()).toBe(index + 1);
    suite
      .expect(texts(reopened.storage.entries(index + 1, index + 2, Infinity)))
      .toEqual(texts([entry(index + 1, term)]));
  };

  suite.test('an installed snapshot beyond the log resets it, also after a restart', (world) =>
    install(world, marker(50, 4)),
  );
  suite.test('an installed snapshot right behind the log resets it', (world) =>
    install(world, marker(10, 2)),
  );
  suite.test(
    'an installed snapshot over an entry of another term drops the entries above it',
    (world) => install(world, marker(6, 2)),
  );
  suite.test(
    'an installed snapshot over the last entry, of another term, resets the log',
    (world) => install(world, marker(9, 3)),
  );

  suite.test(
    'a snapshot can be installed with entries and a hard state in one batch',
    async (world) => {
      const opened = await world.create();
      const { wal } = opened;
      await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 1n, commit: 3 } });
      await wal.save({
        snapshot: marker(20, 5),
        entries: entries(21, 25, 6),
        hardState: { term: 6, vote: 2n, commit: 22 },
      });
      const before = contentOf(opened);
      suite.expect([before['first'], before['last']]).toEqual([21, 25]);
      suite.expect(before['hardState']).toBe('term 6 vote 2 commit 22');
      suite.expect(contentOf(await world.restart())).toEqual(before);
    },
  );

  suite.test('a snapshot above the log may restart the terms', async (world) => {
    const opened = await world.create();
    const { wal } = opened;
    const last = 2 ** 53 - 1;
    const snapshot = marker(10, 1);
    const hardState = { term: 1, vote: 2n, commit: 10 };
    await wal.save({ entries: entries(1, 9, 1), hardState: { term: last, vote: 1n, commit: 3 } });
    for (const batch of [
      { hardState, snapshot },
      { hardState, restartsTerms: true },
      { snapshot, restartsTerms: true },
      { hardState: { ...hardState, commit: 9 }, snapshot: marker(9, 2), restartsTerms: true },
    ]) {
      suite.expect(await rejectionOf(wal.save(batch))).toBe('WAL_INVALID');
    }
    await wal.save({ hardState, snapshot, restartsTerms: true });
    await wal.save({ entries: [entry(11, 2)], hardState: { term: 2, vote: 2n, commit: 11 } });
    const before = contentOf(opened);
    suite.expect([before['first'], before['last']]).toEqual([11, 11]);
    suite.expect(before['hardState']).toBe('term 2 vote 2 commit 11');
    suite.expect(contentOf(await world.restart())).toEqual(before);
  });

  suite.test(
    'an installed snapshot takes effect between the saves around its call',
    async (world) => {
      const opened = await world.create();
      const { wal } = opened;
      await Promise.all([
        wal.save({ entries: entries(1, 9, 1) }),
        wal.save({ snapshot: marker(30, 2) }),
        wal.save({ entries: entries(31, 35, 2) }),
        wal.save({ entries: entries(33, 33, 3) }),
        wal.saveSnapshot(marker(32, 2)),
      ]);
      const before = contentOf(opened);
      suite.expect(before['entries']).toEqual(texts([...entries(31, 32, 2), entry(33, 3)]));
      suite.expect(before['hardState']).toBe('term 0 vote 0 commit 32');
      suite.expect(contentOf(await world.restart())).toEqual(before);
    },
  );

  suite.test('stale entries never reappear when the log grows after a reset', async (world) => {
    const { wal } = await world.create();
    await wal.save({ entries: entries(1, 40, 1) });
    await wal.saveSnapshot(marker(10, 2));
    await wal.save({ entries: entries(11, 12, 2) });
    const first = await world.restart();
    suite.expect(first.storage.lastIndex()).toBe(12);
    await first.wal.save({ entries: entries(13, 20, 2) });
    const { storage } = await world.restart();
    suite.expect([storage.firstIndex(), storage.lastIndex()]).toEqual([11, 20]);
    suite.expect(texts(storage.entries(11, 21, Infinity))).toEqual(texts(entries(11, 20, 2)));
  });
}

function validityTests(suite: Suite): void {
  suite.test('invalid markers are refused and change nothing', async (world) => {
    const opened = await world.create();
    const { wal } = opened;
    await wal.save({ entries: entries(1, 9, 1), hardState: { term: 1, vote: 0n, commit: 7 } });
    await wal.saveSnapshot(marker(5, 1));
    const before = contentOf(opened);
    const refused: [string, SnapshotMetadata, string][] = [
      ['older than the newest', marker(4, 1), 'WAL_SNAPSHOT_OUT_OF_DATE'],
      ['another term than a committed entry', marker(6, 2), 'WAL_INVALID'],
      ['another term than the last committed entry', marker(7, 2), 'WAL_INVALID'],
      ['another term than the newest', marker(5, 2), 'WAL_INVALID'],
      ['an index that is no integer', marker(6.5, 1), 'WAL_INVALID'],
      ['an index without a term', marker(20, 0), 'WAL_INVALID'],
      ['a term above 2^53 - 1', marker(20, 2 ** 53), 'WAL_INVALID'],
      ['a member of 65 bits', marker(6, 1, 2n ** 64n), 'WAL_INVALID'],
    ];
    for (const [name, snapshot, code] of refused) {
      suite.expect(await rejectionOf(wal.saveSnapshot(snapshot)), name).toBe(code);
    }
    suite.expect(contentOf(opened)).toEqual(before);
    await wal.saveSnapshot(marker(5, 1));
    suite.expect(contentOf(opened)).toEqual(before);
    const again = await world.restart();
    suite.expect(contentOf(again)).toEqual(before);
    suite.expect(again.snapshots.length).toBe(1);
    await again.wal.purge(6);
    suite
      .expect(await rejectionOf(again.wal.saveSnapshot(marker(5, 1))))
      .toBe('WAL_SNAPSHOT_OUT_OF_DATE');
    // The log starts right behind this marker, so the marker matches.
    await again.wal.saveSnapshot(marker(6, 1));
    suite.expect([again.storage.firstIndex(), again.storage.lastIndex()]).toEqual([7, 9]);
  });

  suite.test(
    'findSnapshots lists the valid markers, ascending, and changes nothing',
    async (world) => {
      const { wal } = await world.create();
      await wal.save({ entries: entries(1, 30, 1), hardState: { term: 1, vote: 0n, commit: 25 } });
      const written = [3, 9, 12, 20].map((index) => marker(index, 1, BigInt(index)));
      for (const snapshot of written) await wal.saveSnapshot(snapshot);
      await world.close();
      for (let time = 0; time < 2; time += 1) {
        const found = await (await world.manager()).findSnapshots();
        suite.expect(found.map(markerText)).toEqual(written.map(markerText));
      }
      const { snapshots, storage } = await world.replay();
      suite.expect(snapshots.map(markerText)).toEqual(written.map(markerText));
      suite.expect(storage.lastIndex()).toBe(30);
    },
  );
}

function startTests(suite: Suite): void {
  suite.test(
    'a replay from an older snapshot keeps the log and the commit index',
    async (world) => {
      const { wal } = await world.create();
      await wal.save({ entries: entries(1, 30, 1), hardState: { term: 1, vote: 0n, commit: 25 } });
      for (const index of [5, 15]) await wal.saveSnapshot(marker(index, 1, BigInt(index)));
      const older = await world.restart({ snapshot: { index: 5, term: 1 } });
      suite.expect(older.storage.snapshot().metadata.index).toBe(5);
      suite.expect(older.storage.initialState().confState.voters).toEqual([5n]);
      suite.expect(older.hardState.commit).toBe(25);
      suite.expect(older.snapshots.map(({ index }) => index)).toEqual([5, 15]);
      suite.expect(texts(older.storage.entries(6, 31, Infinity))).toEqual(texts(entries(6, 30, 1)));
      const newest = await world.restart();
      suite.expect(newest.storage.snapshot().metadata.index).toBe(15);
      suite.expect(newest.storage.firstIndex()).toBe(1);
    },
  );

  suite.test(
    'a replay from an unknown snapshot is refused and does not change the log',
    async (world) => {
      const opened = await world.create();
      await opened.wal.save({
        entries: entries(1, 9, 1),
        hardState: { term: 1, vote: 0n, commit: 9 },
      });
      await opened.wal.saveSnapshot(marker(5, 1));
      const before = contentOf(opened);
      await world.close();
      const manager = await world.manager();
      for (const snapshot of [marker(4, 1), marker(5, 2), marker(50, 1)]) {
        suite.expect(await rejectionOf(manager.replayWal({ snapshot }))).toBe('WAL_NOT_FOUND');
      }
      suite.expect(contentOf(await world.replay())).toEqual(before);
    },
  );
}
