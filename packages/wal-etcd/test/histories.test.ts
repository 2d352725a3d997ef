/**
 * Short histories of a log in etcd's format. Each shows one guarantee: the state after a close, a
 * refusal, an installed snapshot, a discard, and a crash in the middle of one.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import { entriesFrom, metadata } from '@babuza/testkit/ladder';
import type { OpenedWal, ReplayOptions, WalManager } from '@babuza/wal-core';
import { openManager } from './support/back-end.ts';
import {
  allEntries,
  codeOf,
  commitTo,
  created,
  fillTo,
  inWorld,
  reopened,
  snapshotAt,
  withoutCache,
} from './support/worlds.ts';

/** The number of segments that were unlinked. */
const unlinksOf = ({ calls }: SimulatedDisk): number =>
  calls.filter(({ operation, path }) => operation === 'unlink' && path.endsWith('.wal')).length;

describe('a close', () => {
  it('makes the newest unwritten commit index durable', async () => {
    const disk = await inWorld(undefined, async (manager) => {
      const { wal } = await manager.createWal(metadata);
      await wal.save({ entries: entriesFrom(1, 5, 1, 100), ...commitTo(0) });
      for (const commit of [1, 3, 4]) await wal.save(commitTo(commit));
      await manager.close();
    });
    await reopened(disk.crash(1), ({ hardState }) => expect(hardState.commit).toBe(4));
  });
});

describe('an installed snapshot', () => {
  it('is valid after a crash, with or without the entries after it', async () => {
    const disk = await created(async (opened) => {
      await opened.wal.save({ entries: entriesFrom(1, 5, 1, 100), ...commitTo(2) });
      await opened.wal.saveSnapshot(snapshotAt(500, 2));
      await opened.wal.save({ entries: entriesFrom(501, 2, 2, 100) });
    });
    await reopened(disk.crash(1), (opened) => {
      expect(opened.snapshots).toEqual([snapshotAt(500, 2)]);
      expect(opened.hardState.commit).toBe(500);
      expect(allEntries(opened)).toEqual(entriesFrom(501, 2, 2, 100));
    });
  });

  it('lets a purge remove all segments before it', async () => {
    await created(async (opened) => {
      await fillTo(opened, 4);
      await opened.wal.saveSnapshot(snapshotAt(500, 2));
      expect((await opened.wal.purge(500)).segmentsKept).toBe(1);
    });
  });
});

describe('a large save', () => {
  for (const inline of [false, true]) {
    for (const segmentBytes of [16 * 1024, 8 * 1024 * 1024]) {
      it(`is synced at least every 4 MiB, in writes that share no sector, inline ${inline}, in a segment of ${segmentBytes} bytes`, async () => {
        let before = 0;
        const work = async (manager: WalManager, files: SimulatedDisk): Promise<void> => {
          const { wal } = await manager.createWal(metadata);
          await wal.save({ entries: entriesFrom(1, 1, 1, 100) });
          before = files.calls.length;
          await wal.save({ entries: entriesFrom(2, 6, 1, 1024 * 1024) });
        };
        const { calls } = await inWorld(undefined, work, { inline, segmentBytes });
        let unsynced = 0;
        let most = 0;
        let end = 0;
        for (const { operation, bytes = 0, position = 0 } of calls.slice(before)) {
          if (operation === 'datasync') unsynced = 0;
          if (!operation.startsWith('write')) continue;
          if (position === end) expect(position % 512, 'a border of sectors').toBe(0);
          unsynced += bytes;
          end = position + bytes;
          most = Math.max(most, unsynced);
          if (operation === 'write-durable') unsynced = 0;
        }
        expect(most).toBeGreaterThan(1024 * 1024);
        expect(most).toBeLessThanOrEqual(4 * 1024 * 1024);
      });
    }
  }
});

describe('a log that is opened with smaller segments than before', () => {
  it.each([false, true])('begins a new one at once, inline %s', async (inline) => {
    const environment = simulatedEnvironment(1);
    await runWorkload(environment, async () => {
      const large = openManager(environment, { segmentBytes: 256 * 1024 });
      const { wal } = await large.createWal(metadata);
      await wal.save({ entries: entriesFrom(1, 40, 1, 1000) });
      await large.close();
      const small = openManager(environment, { segmentBytes: 16 * 1024, inline });
      const opened = await small.replayWal();
      const segments = [opened.wal.stats.segments];
      await opened.wal.save({ entries: entriesFrom(41, 1, 1, 10) });
      await opened.wal.save({ entries: entriesFrom(42, 1, 1, 10) });
      segments.push(opened.wal.stats.segments);
      expect(segments).toEqual([1, 2]);
      await small.close();
    });
  });
});

describe('a save that is refused', () => {
  const fault = { type: 'error', kind: 'too-many-open' } as const;

  it('leaves nothing behind: the next save writes its vote, and later entries can be read', async () => {
    const environment = simulatedEnvironment(1);
    const disk = environment.fileSystem;
    let last = 0;
    let term = 0;
    await runWorkload(environment, async () => {
      const { wal, storage } = await openManager(environment, withoutCache).createWal(metadata);
      const shortage = disk.inject({ on: 'open', path: /tmp$/, sticky: true, fault });
      let outcome: unknown = 'done';
      while (outcome === 'done') {
        last = storage.lastIndex();
        term += 1;
        outcome = await codeOf(
          wal.save({ entries: entriesFrom(last + 1, 3, 1, 900), ...commitTo(0, term) }),
        );
      }
      expect(outcome).toBe('WAL_TRY_AGAIN');
      shortage.remove();
      // The entries differ from the refused ones, with the same vote.
      await wal.save({ entries: entriesFrom(last + 1, 4, 1, 300), ...commitTo(0, term) });
      await wal.save({ entries: entriesFrom(last + 5, 4, 1, 200) });
      last += 8;
      expect(storage.entries(1, last + 1, Infinity).slice(-8)).toEqual([
        ...entriesFrom(last - 7, 4, 1, 300),
        ...entriesFrom(last - 3, 4, 1, 200),
      ]);
    });
    await reopened(disk.crash(1), (opened) => {
      expect(opened.storage.lastIndex()).toBe(last);
      expect(opened.hardState).toEqual({ term, vote: 3n, commit: 0 });
    });
  });
});

describe('a save of entries that is refused', () => {
  const fault = { type: 'error', kind: 'too-many-open' } as const;

  it('does not change the name of the next segment, which a save without entries starts', async () => {
    let last = 0;
    const disk = await inWorld(undefined, async (manager, files) => {
      const { wal, storage } = await manager.createWal(metadata);
      const shortage = files.inject({ on: 'open', path: /tmp$/, sticky: true, fault });
      const save = (): Promise<unknown> =>
        codeOf(wal.save({ entries: entriesFrom(storage.lastIndex() + 1, 5, 1, 300) }));
      while ((await save()) === 'done');
      shortage.remove();
      last = storage.lastIndex();
      for (let term = 1; wal.stats.segments < 2; term += 1) await wal.save(commitTo(0, term));
      expect(storage.lastIndex()).toBe(last);
    });
    const name = (last + 1).toString(16).padStart(16, '0');
    expect(disk.surgery.files().some((path) => path.endsWith(`-${name}.wal`))).toBe(true);
  });
});

describe('a save while the rename of the segment is pending', () => {
  for (const on of ['rename', 'open-directory'] as const) {
    it(`is not written before the rename, and does not count as written: ${on}`, async () => {
      const environment = simulatedEnvironment(1);
      const disk = environment.fileSystem;
      let last = 0;
      let term = 1;
      await runWorkload(environment, async () => {
        const { wal, storage } = await openManager(environment).createWal(metadata);
        const fault = { type: 'error', kind: 'too-many-open' } as const;
        const shortage = disk.inject({ on, sticky: true, fault });
        const save = (): Promise<unknown> =>
          codeOf(wal.save({ entries: entriesFrom(last + 1, 3, 1, 900), ...commitTo(0, term) }));
        while ((await save()) === 'done') {
          last = storage.lastIndex();
          term += 1;
        }
        // Only one segment is full: nothing was written to the next one.
        expect(last * 900).toBeLessThan(20 * 1024);
        shortage.remove();
        // The next save has only the vote of the refused one.
        await wal.save(commitTo(0, term));
      });
      for (const seed of [1, 2, 3]) {
        await reopened(disk.crash(seed), ({ storage, hardState }) => {
          expect(storage.lastIndex()).toBe(last);
          expect(hardState).toEqual({ term, vote: 3n, commit: 0 });
        });
      }
    });
  }
});

describe('a read', () => {
  it('of one entry keeps its payload when another one is read, and keeps empty and absent apart', async () => {
    await inWorld(
      undefined,
      async (manager) => {
        const { wal, storage } = await manager.createWal(metadata);
        await wal.save({ entries: entriesFrom(1, 3, 1, 100) });
        const empty = { index: 4, term: 1, type: 0, data: new Uint8Array(0) } as const;
        const absent = { index: 5, term: 1, type: 0, data: undefined } as const;
        await wal.save({ entries: [empty, absent] });
        const read = [1, 2, 3, 4, 5].flatMap((at) => storage.entries(at, at + 1, Infinity));
        expect(read).toStrictEqual([...entriesFrom(1, 3, 1, 100), empty, absent]);
      },
      withoutCache,
    );
  });
});

describe('the bytes of an interrupted write', () => {
  it('are zeroed after the record that replaces them', async () => {
    const disk = await inWorld(undefined, async (manager) => {
      const { wal } = await manager.createWal(metadata);
      await wal.save({ entries: entriesFrom(1, 2, 1, 100) });
    });
    const torn = disk.kill(1);
    await inWorld(torn, async (manager) => {
      const { wal } = await manager.replayWal();
      const fault = { type: 'partial-write', kind: 'io', bytes: 3000 } as const;
      torn.inject({ on: 'write-durable', fault });
      const failing = wal.save({ entries: entriesFrom(3, 3, 1, 1400) });
      expect(await codeOf(failing)).toBe('WAL_POISONED');
    });
    const once = await reopened(torn.kill(1), async (opened) => {
      const next = opened.storage.lastIndex() + 1;
      await opened.wal.save({ entries: entriesFrom(next, 1, 1, 10) });
    });
    await reopened(once, (opened) => expect(opened.tail.verdict).toBe('clean'));
  });
});

describe('a missing segment', () => {
  it('in the middle is damage', async () => {
    const disk = await created(async (opened) => {
      await fillTo(opened, 4);
    });
    const paths = disk.surgery.files().filter((path) => path.endsWith('.wal'));
    disk.surgery.remove(paths[1] ?? '');
    await inWorld(disk, async (manager) => {
      expect(await codeOf(manager.replayWal())).toBe('WAL_CORRUPT');
      expect(disk.openPaths).toEqual([]);
    });
  });
});

describe('a creation that is refused', () => {
  it('leaves no log behind, and can be repeated', async () => {
    await inWorld(undefined, async (manager, disk) => {
      await manager.createWal(metadata, { groupId: 5n });
      const fault = { type: 'error', kind: 'too-many-open' } as const;
      const shortage = disk.inject({ on: 'open-directory', sticky: true, fault });
      expect(await codeOf(manager.createWal(metadata))).toBe('WAL_TRY_AGAIN');
      shortage.remove();
      expect(await manager.hasExistingWal()).toBe(false);
      await manager.createWal(metadata);
      await manager.close();
      expect(disk.openPaths).toEqual([]);
    });
  });
});

describe('a discard down to the newest snapshot, which writes the log again', () => {
  const discards: ReplayOptions = { discardUncommitted: true };

  const before = (): Promise<SimulatedDisk> =>
    created(async (opened) => {
      await opened.wal.save({ entries: entriesFrom(1, 1, 1, 100), ...commitTo(1) });
      await opened.wal.saveSnapshot(snapshotAt(1, 1));
      await fillTo(opened, 4);
    });

  it('keeps the snapshot, and the entries up to it', async () => {
    const look = (opened: OpenedWal): void => {
      expect([opened.hardState.commit, opened.snapshots]).toEqual([1, [snapshotAt(1, 1)]]);
      expect(allEntries(opened)).toEqual(entriesFrom(1, 1, 1, 100));
    };
    const once = await reopened(await before(), look, discards);
    await reopened(once.crash(1), look);
  });

  it('leaves the old log or the new one after a crash at any call', async () => {
    const finished = await before();
    await reopened(finished, () => undefined, discards);
    const unlinks = unlinksOf(finished);
    expect(unlinks).toBeGreaterThan(2);
    for (let nth = 1; nth <= unlinks; nth += 1) {
      const disk = await before();
      let seen = 0;
      disk.stopWhen(({ operation, path }) => {
        if (operation === 'unlink' && path.endsWith('.wal')) seen += 1;
        return seen === nth;
      });
      await inWorld(disk, async (manager) => {
        await manager.replayWal(discards);
      });
      for (const seed of [1, 2, 3]) {
        await reopened(disk.crash(seed), ({ storage, snapshots }) => {
          expect(storage.lastIndex(), `unlink ${nth}`).toBeGreaterThanOrEqual(1);
          expect(snapshots, `unlink ${nth}`).toEqual([snapshotAt(1, 1)]);
        });
      }
    }
  });

  it('removes no old segment before the name of the new one is durable', async () => {
    for (let nth = 1; nth <= 6; nth += 1) {
      const disk = await before();
      const fault = { type: 'error', kind: 'too-many-open' } as const;
      disk.inject({ on: 'open-directory', nth, sticky: true, fault });
      await inWorld(disk, async (manager) => {
        const outcome = await codeOf(manager.replayWal(discards));
        const isRenamed = disk.calls.some(({ operation }) => operation === 'rename');
        if (isRenamed && outcome !== 'done') expect(disk.openPaths).toEqual([]);
      });
      await reopened(disk.crash(nth), ({ storage, snapshots }) => {
        expect(storage.lastIndex(), `call ${nth}`).toBeGreaterThanOrEqual(1);
        expect(snapshots, `call ${nth}`).toEqual([snapshotAt(1, 1)]);
      });
    }
  });
});
