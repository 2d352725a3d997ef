/**
 * Histories in which later frames change the meaning of an entry, a marker or a start: a log with
 * overwritten entries, installed snapshots and purges is replayed from the remaining files.
 */
import type { SnapshotMetadata } from '@babuza/raftpb';
import { confState } from '@babuza/testkit/ladder';
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import type { OpenedWal } from '@babuza/wal-core';
import { allEntries, entriesOf, segmentsOf } from './support/damaged-log.ts';
import { metadata, openManager } from './support/workload.ts';

const snapshotAt = (index: number, term: number): SnapshotMetadata => ({ index, term, confState });

const commitTo = (commit: number, term = 1) => ({ hardState: { term, vote: 3n, commit } });

/** The disk after a process created a log, did some work, and was killed. */
async function created(work: (opened: OpenedWal) => Promise<void>): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(1);
  await runWorkload(environment, async () => {
    await work(await openManager(environment, { recycledMax: 0 }).createWal(metadata));
  });
  return environment.fileSystem.kill(1);
}

/** The disk after the log was opened, read, and killed. */
async function reopened(
  disk: SimulatedDisk,
  look: (opened: OpenedWal) => Promise<void> | void,
): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(2, disk);
  await runWorkload(environment, async () => {
    await look(await openManager(environment, { recycledMax: 0 }).replayWal());
  });
  return disk.kill(2);
}

/** Appends entries until the log has this many segments. */
async function fillTo({ wal, storage }: OpenedWal, segments: number, term = 1): Promise<number> {
  while (wal.stats.segments < segments) {
    const next = storage.lastIndex() + 1;
    await wal.save({ entries: entriesOf(next, next + 2, term, 1000) });
  }
  return storage.lastIndex();
}

/** Appends hard states only until the log has this many segments. */
async function fillWithVotes({ wal }: OpenedWal, segments: number, term: number): Promise<void> {
  for (let next = term; wal.stats.segments < segments; next += 1) {
    await wal.save({ hardState: { term: next, vote: 3n, commit: 10 } });
  }
}

describe('a snapshot that the log covers', () => {
  it('moves the start neither in the next segment nor for a purge below it', async () => {
    const disk = await created(async (opened) => {
      await opened.wal.save({ entries: entriesOf(1, 9), ...commitTo(9) });
      await fillTo(opened, 2);
      await opened.wal.saveSnapshot(snapshotAt(5, 1));
      await fillTo(opened, 4);
      await opened.wal.purge(2);
    });
    await reopened(disk, (opened) => {
      expect([opened.storage.firstIndex(), opened.snapshots.length]).toEqual([3, 1]);
      expect(allEntries(opened).slice(0, 7)).toEqual(entriesOf(3, 9));
    });
  });

  it('counts at the very start of a log whose uncommitted entries were overwritten after it', async () => {
    const disk = await created(async (opened) => {
      await opened.wal.save({ entries: entriesOf(1, 10), ...commitTo(8) });
      // Entries of an old leader in the first and the second segment.
      await fillTo(opened, 2);
      await opened.wal.saveSnapshot(snapshotAt(8, 1));
      await opened.wal.save({ entries: entriesOf(9, 10, 2), ...commitTo(8, 2) });
      expect((await opened.wal.purge(8)).segmentsKept).toBe(1);
    });
    const look = (opened: OpenedWal): void => {
      expect(allEntries(opened)).toEqual(entriesOf(9, 10, 2));
      expect(opened.snapshots).toEqual([snapshotAt(8, 1)]);
    };
    await reopened(await reopened(disk, look), look);
  });

  it('counts at the very start of a log whose earlier segments are purged', async () => {
    const disk = await created(async ({ wal }) => {
      // Each segment has one entry, so the frame of the marker is in a segment that is purged.
      await wal.save({ entries: entriesOf(1, 1, 1, 6000), ...commitTo(1) });
      await wal.saveSnapshot(snapshotAt(1, 1));
      for (const index of [2, 3]) await wal.save({ entries: entriesOf(index, index, 1, 6000) });
      expect((await wal.purge(1)).segmentsKept).toBe(2);
    });
    await reopened(disk, ({ snapshots, storage }) => {
      expect([storage.firstIndex(), snapshots]).toEqual([2, [snapshotAt(1, 1)]]);
    });
  });
});

describe('an installed snapshot', () => {
  it('still starts the log at the second opening, when older segments are gone', async () => {
    const disk = await created(async (opened) => {
      await fillTo(opened, 4);
      await opened.wal.saveSnapshot(snapshotAt(500, 2));
      await opened.wal.save({ entries: entriesOf(501, 503, 2) });
    });
    const look = (opened: OpenedWal): void => {
      expect(allEntries(opened)).toEqual(entriesOf(501, 503, 2));
    };
    const once = await reopened(disk, look);
    expect(segmentsOf(once)).toHaveLength(1);
    await reopened(once, look);
  });

  it('drops the entries above it when only hard states follow in its segment', async () => {
    const disk = await created(async (opened) => {
      await opened.wal.save({ entries: entriesOf(1, 20, 1, 50) });
      await opened.wal.saveSnapshot(snapshotAt(10, 2));
      await fillWithVotes(opened, 2, 3);
    });
    await reopened(disk, async ({ wal, storage }) => {
      expect([storage.firstIndex(), storage.lastIndex(), storage.term(10)]).toEqual([11, 10, 2]);
      await wal.save({ entries: entriesOf(11, 12, 1000) });
    });
  });
});

describe('an entry at the start of the log that had an older term', () => {
  it('is not compared with the entry that followed its older version', async () => {
    const base = 2;
    const disk = await created(async (opened) => {
      // The entry at the start and the next one in term 2, and both again in term 5.
      await opened.wal.save({ entries: entriesOf(1, 3, 2) });
      await opened.wal.save({ entries: entriesOf(2, 3, 5) });
      await fillTo(opened, 2, 5);
      await opened.wal.save(commitTo(3, 5));
      await opened.wal.purge(base);
      await fillTo(opened, 3, 5);
    });
    await reopened(disk, (opened) => {
      expect(opened.storage.firstIndex()).toBe(base + 1);
      expect(opened.storage.entries(3, 4, Infinity)).toEqual(entriesOf(3, 3, 5));
    });
  });
});

describe('files of purged segments', () => {
  it('that wait to be reused are removed at an opening', async () => {
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const opened = await openManager(environment).createWal(metadata);
      const last = await fillTo(opened, 5);
      await opened.wal.save(commitTo(last));
      expect((await opened.wal.purge(last)).segmentsRecycled).toBe(2);
    });
    const disk = await reopened(environment.fileSystem.kill(1), () => undefined);
    expect(disk.surgery.files().filter((path) => path.endsWith('.tmp'))).toEqual([]);
  });
});
