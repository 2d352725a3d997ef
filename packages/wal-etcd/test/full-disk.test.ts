/**
 * A full disk is not damage: the save is refused, the log stays as before, to the last byte, and
 * continues when there is space. The space runs out in two situations: at a cut, and in a segment
 * that a repair shortened and that grows.
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
 * Ten entries in the first segment, and no space for more. The segment is shortened if it shall
 * grow.
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
  // The file ends as after a repair, plus half a record that the next opening cuts.
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
/** Fills the rest of the segment and more. */
const large = { entries: entriesFrom(11, 20, 2, 900), hardState };

for (const grows of [false, true]) {
  describe(`a full disk ${grows ? 'under a segment that grows' : 'at a cut'}`, () => {
    /** If there is space for the rest of the segment, a later save meets the full disk. */
    const fill = async ({ save, disk }: World): Promise<string> => {
      if (grows) return save(large);
      disk.capacityBytes += 8 * 1024;
      expect(await save({ entries: entriesFrom(11, 20, 1, 900) })).toBe('saved');
      return save({ entries: entriesFrom(31, 2, 2, 900), hardState });
    };
    const last = grows ? 10 : 30;

    it('leaves the log usable, and the same entries can be saved once there is space', async () => {
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

    it('leaves no refused data in the log after a clean close', async () => {
      const opened = await inFullWorld(grows, async (world) => {
        expect(await fill(world)).toBe('WAL_NO_SPACE');
        await world.close();
      });
      expect(opened.hardState).toEqual({ term: 1, vote: 1n, commit: 0 });
      expect(opened.storage.lastIndex()).toBe(last);
    });

    it('leaves no refused data in the log after the process was killed', async () => {
      const opened = await inFullWorld(grows, async (world) => {
        expect(await fill(world)).toBe('WAL_NO_SPACE');
      });
      expect(opened.hardState).toEqual({ term: 1, vote: 1n, commit: 0 });
      expect([opened.storage.lastIndex(), opened.tail.verdict]).toEqual([last, 'clean']);
    });
  });
}

describe('a full disk', () => {
  it('refuses random work now and then, and the ledger accepts the result', async () => {
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
          // The author of the random work does not know the state any more, so a new one continues,
          // sometimes after a restart.
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
