/**
 * A full disk is no damage: the save is refused, the log is as before, to the last byte, and goes
 * on when there is room. Space runs out in two places: at a cut, and in a segment that was
 * shortened by a repair and grows.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import { Author, entriesFrom, ledgerFor, metadata, perform } from '@babuza/testkit/ladder';
import type { OpenedWal } from '@babuza/wal-core';
import type { LedgerBatch } from '@babuza/wal-core/conformance';
import { backEnd, directory, openManager } from './support/back-end.ts';

const segmentBytes = 16 * 1024;
const path = `${directory}/0000000000000000-0000000000000000.wal`;

interface World {
  readonly disk: SimulatedDisk;
  readonly save: (batch: LedgerBatch) => Promise<string>;
  readonly close: () => Promise<void>;
}

/**
 * Ten entries in the first segment, which is made shorter if it shall grow, and no room for more.
 */
async function inFullWorld(
  grows: boolean,
  run: (world: World) => Promise<void>,
): Promise<OpenedWal> {
  const first = simulatedEnvironment(3);
  const ledger = ledgerFor(backEnd);
  await runWorkload(first, async () => {
    const manager = openManager(first);
    const opened = await manager.createWal(metadata);
    const hardState = { term: 1, vote: 1n, commit: 0 };
    await perform(opened, ledger, { entries: entriesFrom(1, 10, 1, 300), hardState });
    await manager.close();
  });
  const disk = first.fileSystem.kill(1);
  const bytes = disk.surgery.contents(path);
  // As a repair leaves it, with half a record behind it that the opening cuts.
  const end = Math.ceil((bytes.findLastIndex((byte) => byte !== 0) + 1) / 8) * 8;
  if (grows) {
    disk.surgery.overwrite(path, end, new Uint8Array([200, 0, 0, 0, 0, 0, 0, 0, 8, 2]));
    disk.surgery.cut(path, end + 20);
  }
  const environment = simulatedEnvironment(4, disk);
  await runWorkload(environment, async () => {
    const manager = openManager(environment);
    const opened = await manager.replayWal();
    expect(opened.tail.verdict).toBe(grows ? 'uncertain' : 'clean');
    const used = disk.surgery.files().map((file) => disk.surgery.contents(file).length);
    disk.capacityBytes = used.reduce((sum, length) => sum + Math.ceil(length / 4096) * 4096, 0);
    const save = async (batch: LedgerBatch): Promise<string> =>
      (await perform(opened, ledger, batch))?.code ?? 'saved';
    await run({ disk, save, close: () => manager.close() });
  });
  const next = simulatedEnvironment(5, disk.kill(1));
  const reopened = await runWorkload(next, () => openManager(next).replayWal());
  if (reopened.outcome !== 'finished') throw new Error('the world stopped');
  expect(ledger.judge(reopened.value)).toEqual([]);
  return reopened.value;
}

const hardState = { term: 2, vote: 2n, commit: 3 };
/** Fills what is left of the segment, and more. */
const large = { entries: entriesFrom(11, 20, 2, 900), hardState };

for (const grows of [false, true]) {
  describe(`a full disk ${grows ? 'under a segment that grows' : 'at a cut'}`, () => {
    /**
     * Where there is room for the rest of the segment, the save that meets the full disk is a later
     * one.
     */
    const fill = async ({ save, disk }: World): Promise<string> => {
      if (grows) return save(large);
      disk.capacityBytes += 8 * 1024;
      expect(await save({ entries: entriesFrom(11, 20, 1, 900) })).toBe('saved');
      return save({ entries: entriesFrom(31, 2, 2, 900), hardState });
    };
    const last = grows ? 10 : 30;

    it('leaves the log usable, and the same entries can be saved once there is room', async () => {
      const { storage } = await inFullWorld(grows, async (world) => {
        expect(await fill(world)).toBe('WAL_NO_SPACE');
        expect(await fillAgain(world)).toBe('WAL_NO_SPACE');
        world.disk.capacityBytes = Infinity;
        expect(await fillAgain(world)).toBe('saved');
        expect(await world.save({ entries: entriesFrom(last + 3, 12, 2, 900) })).toBe('saved');
      });
      expect(storage.lastIndex()).toBe(last + 14);
    });

    const fillAgain = ({ save }: World): Promise<string> =>
      save({ entries: entriesFrom(last + 1, 2, 2, grows ? 9000 : 900), hardState });

    it('nothing of what was refused comes back with a clean close', async () => {
      const opened = await inFullWorld(grows, async (world) => {
        expect(await fill(world)).toBe('WAL_NO_SPACE');
        await world.close();
      });
      expect(opened.hardState).toEqual({ term: 1, vote: 1n, commit: 0 });
      expect(opened.storage.lastIndex()).toBe(last);
    });

    it('nothing of what was refused comes back with a process that is killed', async () => {
      const opened = await inFullWorld(grows, async (world) => {
        expect(await fill(world)).toBe('WAL_NO_SPACE');
      });
      expect(opened.hardState).toEqual({ term: 1, vote: 1n, commit: 0 });
      expect([opened.storage.lastIndex(), opened.tail.verdict]).toEqual([last, 'clean']);
    });
  });
}

describe('a full disk', () => {
  it('random work is refused now and then, and judged by the ledger', async () => {
    for (let seed = 1; seed <= 25; seed += 1) {
      const disk = new SimulatedDisk({ seed });
      const environment = simulatedEnvironment(seed, disk);
      const ledger = ledgerFor(backEnd);
      let refused = 0;
      await runWorkload(environment, async () => {
        const options = { inline: seed % 3 === 0, cache: { entriesMax: 2, bytesMax: 100 } };
        const manager = openManager(environment, options);
        let opened = await manager.createWal(metadata);
        let author = new Author(seed, opened);
        disk.capacityBytes = 2 * segmentBytes;
        for (let step = 0; step < 60; step += 1) {
          const error = await perform(opened, ledger, author.next());
          if (error === undefined) continue;
          expect(error.code, `seed ${seed}`).toBe('WAL_NO_SPACE');
          refused += 1;
          if (refused % 3 === 0) disk.capacityBytes += segmentBytes;
          // The author has lost count: another one goes on, now and then after a restart.
          if (refused % 2 === 0) {
            await opened.wal.close();
            opened = await manager.replayWal();
            expect(ledger.judge(opened), `seed ${seed}`).toEqual([]);
          }
          const { hardState } = opened.storage.initialState();
          author = new Author(seed + step, { ...opened, hardState });
        }
      });
      expect(refused, `seed ${seed}`).toBeGreaterThan(0);
    }
  });
});
