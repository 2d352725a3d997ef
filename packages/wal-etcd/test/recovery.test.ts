/** Logs that an earlier replay misread. The crash tests found each of them. */
import { describe, expect, it } from 'vitest';
import { EntryType, type Entry } from '@babuza/raftpb';
import { crashStates, runWorkload, simulatedEnvironment } from '@babuza/testkit';
import { confState, metadata } from '@babuza/testkit/ladder';
import { directory, openManager } from './support/back-end.ts';
import { recordsIn } from './support/records.ts';

function entriesFrom(first: number, count: number, term: number, bytes: number): Entry[] {
  return Array.from({ length: count }, (_, at) => ({
    index: first + at,
    term,
    type: EntryType.Normal,
    data: new Uint8Array(bytes).fill(first + at + 64 * term),
  }));
}

describe('recovery', () => {
  it('reads a log once, unless it has a snapshot that is not valid', async () => {
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const manager = openManager(environment);
      const { wal } = await manager.createWal(metadata);
      const hardState = { term: 1, vote: 1n, commit: 5 };
      await wal.save({ entries: entriesFrom(1, 60, 1, 900), hardState });
      await wal.saveSnapshot({ index: 5, term: 1, confState });
      await manager.close();
      const before = environment.fileSystem.calls.length;
      await openManager(environment).replayWal();
      let read = 0;
      for (const { operation, bytes, path } of environment.fileSystem.calls.slice(before)) {
        if (operation === 'read' && path.endsWith('.wal')) read += bytes ?? 0;
      }
      let stored = 0;
      for (const path of environment.fileSystem.surgery.files()) {
        stored += environment.fileSystem.surgery.contents(path).length;
      }
      // The newest part is read once more, because it is written again.
      expect(read).toBeGreaterThan(stored);
      expect(read).toBeLessThanOrEqual(2 * stored);
    });
  });

  it('uses the last record of an entry for the term before the log', async () => {
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const manager = openManager(environment);
      const { wal } = await manager.createWal(metadata);
      // The second segment starts with entry 21 of term 1, and later has it with term 2.
      await wal.save({ entries: entriesFrom(1, 19, 1, 900) });
      await wal.save({ entries: entriesFrom(20, 1, 1, 10) });
      await wal.save({ entries: entriesFrom(21, 3, 1, 10) });
      const hardState = { term: 2, vote: 1n, commit: 22 };
      await wal.save({ entries: entriesFrom(21, 3, 2, 10), hardState });
      await wal.saveSnapshot({ index: 21, term: 2, confState });
      await wal.save({ entries: entriesFrom(24, 1, 2, 10) });
      await wal.purge(21);
      await manager.close();
      expect(environment.fileSystem.surgery.files()).toEqual([
        `${directory}/0000000000000001-0000000000000015.wal`,
      ]);
      const { storage, snapshots } = await openManager(environment).replayWal();
      expect([storage.firstIndex(), storage.lastIndex(), storage.term(21)]).toEqual([22, 24, 2]);
      expect(snapshots.map(({ index, term }) => `${index}/${term}`)).toEqual(['21/2']);
    });
  });

  it('keeps a snapshot without its hard state invalid when the commit index passes it later', async () => {
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const manager = openManager(environment);
      const { wal } = await manager.createWal(metadata);
      await wal.save({
        entries: entriesFrom(1, 12, 1, 10),
        hardState: { term: 1, vote: 1n, commit: 9 },
      });
      await wal.save({
        snapshot: { index: 40, term: 3, confState },
        hardState: { term: 3, vote: 1n, commit: 40 },
      });
    });
    const disk = environment.fileSystem.kill(1);
    const path = `${directory}/0000000000000000-0000000000000000.wal`;
    // The last record is a hard state of 24 bytes.
    const end = disk.surgery.contents(path).findLastIndex((byte) => byte !== 0) + 1;
    const start = Math.ceil(end / 8) * 8 - 24;
    disk.surgery.zero(path, start, 24);
    const world = simulatedEnvironment(2, disk);
    await runWorkload(world, async () => {
      const manager = openManager(world);
      const { wal, storage, hardState } = await manager.replayWal();
      expect([storage.firstIndex(), storage.lastIndex(), hardState.term]).toEqual([1, 12, 1]);
      await wal.save({
        entries: entriesFrom(13, 32, 4, 10),
        hardState: { term: 4, vote: 2n, commit: 42 },
      });
      await manager.close();
      const again = await openManager(world).replayWal();
      expect([again.storage.firstIndex(), again.storage.lastIndex()]).toEqual([1, 44]);
      expect(again.storage.term(40)).toBe(4);
      expect(again.snapshots).toEqual([]);
    });
  });
});

describe('a snapshot of entries that the log has', () => {
  it('stays invalid without its hard state when other entries are saved later', async () => {
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const { wal } = await openManager(environment).createWal(metadata);
      const hardState = { term: 1, vote: 1n, commit: 9 };
      await wal.save({ entries: entriesFrom(1, 12, 1, 10), hardState });
      await wal.saveSnapshot({ index: 11, term: 1, confState });
    });
    const disk = environment.fileSystem.kill(1);
    const path = `${directory}/0000000000000000-0000000000000000.wal`;
    // The last record is the hard state that covers the snapshot.
    const last = recordsIn(disk.surgery.contents(path)).at(-1);
    disk.surgery.zero(path, last?.offset ?? 0, 8 + (last?.recordBytes ?? 0));
    const world = simulatedEnvironment(2, disk);
    await runWorkload(world, async () => {
      const manager = openManager(world);
      const { wal, storage, hardState } = await manager.replayWal();
      expect([storage.lastIndex(), hardState.commit]).toEqual([12, 9]);
      await wal.save({
        entries: entriesFrom(10, 5, 2, 10),
        hardState: { term: 2, vote: 2n, commit: 13 },
      });
      await manager.close();
      const again = await openManager(world).replayWal();
      expect([again.storage.firstIndex(), again.storage.lastIndex()]).toEqual([1, 14]);
      expect([again.storage.term(11), again.snapshots]).toEqual([2, []]);
    });
  });
});

describe('a power cut', () => {
  it('during a save that extends the file, with a referenced payload, is never taken for damage', async () => {
    const environment = simulatedEnvironment(1);
    const { fileSystem: disk } = environment;
    await runWorkload(environment, async () => {
      const { wal } = await openManager(environment).createWal(metadata);
      await wal.save({ entries: entriesFrom(1, 3, 1, 5000) });
      // Wait until the next segment is prepared and synced.
      await environment.clock.sleep(100);
      disk.stopWhen(({ operation }) => operation === 'datasync');
      await wal.save({ entries: entriesFrom(4, 1, 1, 4100) });
    });
    let states = 0;
    for (const { disk: left, lost } of crashStates(disk, { exhaustiveMax: 8192 })) {
      const world = simulatedEnvironment(2, left);
      await runWorkload(world, async () => {
        const opened = await openManager(world)
          .replayWal()
          .catch((error: unknown) => {
            throw new Error(`lost: ${lost}`, { cause: error });
          });
        expect(opened.storage.lastIndex()).toBeGreaterThanOrEqual(3);
        states += 1;
      });
    }
    expect(states).toBeGreaterThan(500);
  });
});

describe('a segment whose name was not durable when its process was killed', () => {
  it('is there after a power cut if a later process has saved to it', async () => {
    const environment = simulatedEnvironment(1);
    const { fileSystem } = environment;
    const isNamed = (): boolean =>
      fileSystem.surgery.files().filter((path) => path.endsWith('.wal')).length === 2;
    await runWorkload(environment, async () => {
      const { wal } = await openManager(environment).createWal(metadata);
      fileSystem.stopWhen(({ operation }) => operation === 'sync-directory' && isNamed());
      await wal.save({ entries: entriesFrom(1, 20, 1, 900) });
      await wal.save({ entries: entriesFrom(21, 1, 1, 10) });
    });
    const world = simulatedEnvironment(2, fileSystem.kill(1));
    await runWorkload(world, async () => {
      const { wal, storage } = await openManager(world).replayWal();
      expect([storage.lastIndex(), wal.stats.segments]).toEqual([21, 2]);
      await wal.save({ entries: entriesFrom(22, 1, 1, 10) });
    });
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const left = simulatedEnvironment(3, world.fileSystem.crash(seed));
      await runWorkload(left, async () => {
        const { storage } = await openManager(left).replayWal();
        expect(storage.lastIndex(), `seed ${seed}`).toBe(22);
      });
    }
  });
});
