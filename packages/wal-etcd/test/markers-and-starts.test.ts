/**
 * Snapshots in a log: their members, the hard states that cover them, and the start of the log
 * after them.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import { confState, entriesFrom, metadata } from '@babuza/testkit/ladder';
import { encodeEtcdMetadata, RawWal } from '../src/format.ts';
import { readWal } from '../src/inspect.ts';
import { directory, openManager } from './support/back-end.ts';
import { recordsIn } from './support/records.ts';
import {
  allEntries,
  codeOf,
  commitTo,
  created,
  inWorld,
  reopened,
  snapshotAt,
} from './support/worlds.ts';

const segmentBytes = 16 * 1024;
const firstPath = `${directory}/0000000000000000-0000000000000000.wal`;

/** The end of the records of the first segment. */
function endsOf(disk: SimulatedDisk): number[] {
  return recordsIn(disk.surgery.contents(firstPath)).map(
    ({ offset, recordBytes, padding }) => offset + 8 + recordBytes + padding,
  );
}

describe('snapshots', () => {
  const older = snapshotAt(2, 1, { ...confState, voters: [1n, 2n] });
  const newer = snapshotAt(4, 1, { ...confState, voters: [1n, 2n, 3n], learners: [4n] });
  const installed = snapshotAt(500, 2, { ...confState, voters: [9n] });

  it('keep their own members', async () => {
    const disk = await created(async (opened) => {
      await opened.wal.save({ entries: entriesFrom(1, 5, 1, 100), ...commitTo(5) });
      await opened.wal.saveSnapshot(older);
      await opened.wal.saveSnapshot(newer);
    });
    const again = await reopened(disk, async (opened) => {
      expect(opened.snapshots).toEqual([older, newer]);
      await opened.wal.saveSnapshot(installed);
    });
    await reopened(again, ({ snapshots }) => expect(snapshots).toEqual([installed]));
  });

  it('that are installed with entries and a hard state leave a log that opens after each of their records', async () => {
    let endsBefore: number[] = [];
    const disk = await inWorld(undefined, async (manager, files) => {
      const { wal } = await manager.createWal(metadata);
      await wal.save({ entries: entriesFrom(1, 5, 1, 100), ...commitTo(2) });
      endsBefore = endsOf(files);
      await wal.save({
        snapshot: installed,
        entries: entriesFrom(501, 3, 2, 100),
        ...commitTo(502, 2),
      });
    });
    const ends = endsOf(disk).slice(endsBefore.length - 1);
    expect(ends.length).toBeGreaterThan(5);
    for (const [behind, end] of ends.entries()) {
      const cut = disk.kill(1);
      cut.surgery.zero(firstPath, end, cut.surgery.contents(firstPath).length - end);
      await reopened(cut, async (opened) => {
        const { storage, snapshots, hardState, wal } = opened;
        const isThere = storage.lastIndex() >= 500;
        expect([storage.firstIndex(), snapshots], `behind record ${behind}`).toEqual(
          isThere ? [501, [installed]] : [1, []],
        );
        expect(hardState.commit).toBeGreaterThanOrEqual(isThere ? 500 : 2);
        await wal.save({ entries: entriesFrom(storage.lastIndex() + 1, 1, 2, 10) });
      });
      expect(await codeOf(reopened(cut.kill(1), () => undefined))).toBe('done');
    }
  });

  it('at the end of a segment give the next one their index plus 1, so that etcd finds them', async () => {
    const last = { index: 500, term: 2 };
    const disk = await inWorld(undefined, async (manager) => {
      const { wal } = await manager.createWal(metadata);
      while (wal.stats.segments < 2) {
        last.index += 10;
        await wal.saveSnapshot(snapshotAt(last.index, 2));
      }
    });
    const name = (last.index + 1).toString(16).padStart(16, '0');
    expect(disk.surgery.files()).toContain(`${directory}/0000000000000001-${name}.wal`);
    const environment = simulatedEnvironment(3, disk.kill(1));
    await runWorkload(environment, async () => {
      const at = { index: BigInt(last.index), term: 2n };
      const { hardState, error } = await readWal(directory, at, { environment });
      expect([hardState.commit, error]).toEqual([BigInt(last.index), undefined]);
    });
  });
});

describe('an entry that the snapshot covers, after the snapshot record', () => {
  it('is ignored, as in etcd', async () => {
    const environment = simulatedEnvironment(1);
    const member = encodeEtcdMetadata({ nodeId: 1n, clusterId: 1n });
    await runWorkload(environment, async () => {
      const raw = await RawWal.create(directory, member, { environment, segmentBytes });
      await raw.saveSnapshot({ index: 10n, term: 2n, confState });
      const entryAt = (index: bigint) => ({ index, term: 2n, type: 0, data: new Uint8Array(3) });
      const entries = [9n, 10n, 11n, 12n].map(entryAt);
      await raw.save({ term: 2n, vote: 1n, commit: 11n }, entries);
      await raw.close();
      const manager = openManager(environment, { metadata: 'etcd' });
      const opened = await manager.replayWal();
      expect([opened.storage.firstIndex(), opened.snapshots.length]).toEqual([11, 1]);
      expect(allEntries(opened).map(({ index }) => index)).toEqual([11, 12]);
      expect(opened.storage.term(10)).toBe(2);
      await manager.close();
    });
  });
});

describe('a commit index', () => {
  it.each([4, 5])(
    'of %i in a log of four entries is damage if it is above the last index',
    async (commit) => {
      const environment = simulatedEnvironment(1);
      const member = encodeEtcdMetadata({ nodeId: 1n, clusterId: 1n });
      await runWorkload(environment, async () => {
        const raw = await RawWal.create(directory, member, { environment, segmentBytes });
        const entryAt = (index: bigint) => ({ index, term: 2n, type: 0, data: new Uint8Array(3) });
        const state = { term: 2n, vote: 1n, commit: BigInt(commit) };
        await raw.save(state, [1n, 2n, 3n, 4n].map(entryAt));
        await raw.close();
        const manager = openManager(environment, { metadata: 'etcd' });
        const opening = manager.replayWal().then(({ hardState }) => hardState.commit);
        const outcome = await opening.catch((error: Error) => error.message);
        if (commit === 4) expect(outcome).toBe(4);
        else expect(outcome).toContain('the commit index 5 is above the last index 4');
        await manager.close();
      });
    },
  );
});

describe('a log whose first segments another program has removed', () => {
  it('is committed at least up to its start, whatever its last hard state is', async () => {
    const environment = simulatedEnvironment(1);
    const member = encodeEtcdMetadata({ nodeId: 1n, clusterId: 1n });
    const state = { term: 2n, vote: 1n, commit: 3n };
    await runWorkload(environment, async () => {
      const raw = await RawWal.create(directory, member, { environment, segmentBytes });
      const entryAt = (index: bigint) => ({ index, term: 2n, type: 0, data: new Uint8Array(3) });
      await raw.save(state, [1n, 2n, 3n, 4n].map(entryAt));
      await raw.cut();
      await raw.save(state, [5n, 6n, 7n].map(entryAt));
      await raw.close();
      environment.fileSystem.surgery.remove(firstPath);
      const manager = openManager(environment, { metadata: 'etcd' });
      const { storage, hardState } = await manager.replayWal();
      expect([storage.firstIndex(), storage.lastIndex(), hardState.commit]).toEqual([6, 7, 5]);
      await manager.close();
    });
  });
});

describe('a save that is refused', () => {
  it('drops its commit index and keeps the one before it, which the close writes', async () => {
    const disk = await inWorld(undefined, async (manager, files) => {
      const { wal, storage } = await manager.createWal(metadata);
      const fault = { type: 'error', kind: 'too-many-open' } as const;
      const shortage = files.inject({ on: 'open', path: /tmp$/, sticky: true, fault });
      for (let outcome: unknown = 'done'; outcome === 'done';) {
        // This commit index is not written by itself.
        await wal.save(commitTo(storage.lastIndex()));
        const next = storage.lastIndex() + 1;
        const save = { entries: entriesFrom(next, 3, 1, 900), ...commitTo(next) };
        outcome = await codeOf(wal.save(save));
        expect(['done', 'WAL_TRY_AGAIN']).toContain(outcome);
      }
      shortage.remove();
      await manager.close();
    });
    await reopened(disk.crash(1), ({ hardState, storage }) => {
      expect(hardState.commit).toBe(storage.lastIndex());
    });
  });
});

describe('zeros in place of a record, followed by other bytes', () => {
  it('are the end of the log, and the bytes after them are zeroed', async () => {
    const disk = await created(async ({ wal }) => {
      await wal.save({ entries: entriesFrom(1, 2, 1, 100) });
    });
    const end = endsOf(disk).at(-1) ?? 0;
    disk.surgery.overwrite(firstPath, end + 2000, new Uint8Array(64).fill(7));
    const once = await reopened(disk, ({ tail }) => expect(tail.verdict).toBe('uncertain'));
    expect(
      once.surgery
        .contents(firstPath)
        .subarray(end)
        .every((byte) => byte === 0),
    ).toBe(true);
    await reopened(once.crash(1), ({ tail }) => expect(tail.verdict).toBe('clean'));
  });

  it('are the end of a raw log too', async () => {
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const raw = await RawWal.create(directory, undefined, { environment, segmentBytes });
      await raw.close();
    });
    const disk = environment.fileSystem.kill(1);
    const end = endsOf(disk).at(-1) ?? 0;
    disk.surgery.overwrite(firstPath, end + 2000, new Uint8Array(64).fill(7));
    const world = simulatedEnvironment(2, disk);
    await runWorkload(world, async () => {
      const raw = await RawWal.open(directory, undefined, { environment: world, segmentBytes });
      await raw.readAll();
      await raw.close();
    });
    const left = world.fileSystem.crash(1).surgery.contents(firstPath);
    expect(left.subarray(end).every((byte) => byte === 0)).toBe(true);
  });
});
