/** After a clean close the tail is never uncertain, and no saved entry is missing. */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import type { OpenedWal, WalManager } from '@babuza/wal-core';
import { entriesOf, reopen, segmentAt, segmentsOf } from './support/damaged-log.ts';
import { metadata, openManager } from './support/workload.ts';

/** The disk after a log was created or opened, and closed. */
async function closedAfter(
  work: (opened: OpenedWal) => Promise<void>,
  before?: SimulatedDisk,
): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(before === undefined ? 1 : 2, before);
  await runWorkload(environment, async () => {
    const manager: WalManager = openManager(environment);
    await work(await (before === undefined ? manager.createWal(metadata) : manager.replayWal()));
    await manager.close();
  });
  return environment.fileSystem.kill(1);
}

async function commitIn(disk: SimulatedDisk): Promise<number> {
  let commit = -1;
  const seen = await reopen(disk.kill(9), {}, async ({ hardState }) => {
    ({ commit } = hardState);
  });
  expect(seen.error).toBeUndefined();
  return commit;
}

/**
 * Zeroes each sector after the head of the only segment: the opening returns all entries or reports
 * the damage.
 */
async function expectNoSectorIsMissed(disk: SimulatedDisk, last: number): Promise<number> {
  const path = segmentAt(disk, 0);
  expect(segmentsOf(disk)).toHaveLength(1);
  const contents = disk.surgery.contents(path);
  const end = contents.findLastIndex((byte) => byte !== 0) + 1;
  let told = 0;
  // The header and the head take more than 8 KiB.
  for (let sector = 17; sector * 512 < end; sector += 1) {
    const damaged = disk.kill(sector);
    damaged.surgery.zero(path, sector * 512, 512);
    const seen = await reopen(damaged);
    if (seen.error !== undefined) {
      expect(seen.error).toMatchObject({ code: 'WAL_CORRUPT' });
      told += 1;
    } else expect(seen.entries.length, `sector ${sector}`).toBe(last);
  }
  return told;
}

describe('a log that was closed', () => {
  // The batch ends at various offsets in a sector.
  for (const bytes of [40, 104, 168, 232, 296, 360, 424, 488]) {
    it(`reports the loss of any sector, with a last entry of ${bytes} bytes`, async () => {
      const disk = await closedAfter(async ({ wal }) => {
        await wal.save({ entries: entriesOf(1, 3, 1, 300) });
        await wal.save({ entries: entriesOf(4, 4, 1, bytes) });
      });
      expect(await expectNoSectorIsMissed(disk, 4)).toBeGreaterThan(1);
    });
  }

  it('does so after it was closed, written to and closed again', async () => {
    const once = await closedAfter(({ wal }) => wal.save({ entries: entriesOf(1, 3, 1, 300) }));
    const twice = await closedAfter(
      ({ wal }) => wal.save({ entries: entriesOf(4, 6, 1, 300) }),
      once,
    );
    expect(await expectNoSectorIsMissed(twice, 6)).toBeGreaterThan(1);
  });

  for (const openings of [0, 1]) {
    it(`does so after it was killed, opened ${openings} times, and opened and closed`, async () => {
      const environment = simulatedEnvironment(1);
      await runWorkload(environment, async () => {
        const { wal } = await openManager(environment).createWal(metadata);
        await wal.save({ entries: entriesOf(1, 6, 1, 300) });
      });
      let left = environment.fileSystem.kill(1);
      for (let opening = 0; opening < openings; opening += 1) {
        await reopen(left);
        left = left.kill(opening);
      }
      const disk = await closedAfter(() => Promise.resolve(), left);
      expect(await expectNoSectorIsMissed(disk, 6)).toBeGreaterThan(1);
    });
  }

  it('has the newest commit index that was not written on its own', async () => {
    const disk = await closedAfter(async ({ wal }) => {
      await wal.save({ entries: entriesOf(1, 5), hardState: { term: 1, vote: 3n, commit: 0 } });
      for (const commit of [1, 3, 4]) await wal.save({ hardState: { term: 1, vote: 3n, commit } });
    });
    expect(await commitIn(disk.crash(1))).toBe(4);
  });

  it('has it even if one close after the other fills its segment', async () => {
    // Every free space from none to enough for another batch, in steps of a frame.
    for (let room = 0; room <= 240; room += 40) {
      const hardState = { term: 1, vote: 3n, commit: 0 };
      let disk = await closedAfter(async ({ wal }) => {
        await wal.save({ entries: entriesOf(1, 60, 1, 8), hardState });
        await wal.save({ entries: entriesOf(61, 61, 1, 4300 - room) });
        expect(wal.stats.segments).toBe(1);
      });
      for (let commit = 1; commit <= 6; commit += 1) {
        const save = { hardState: { ...hardState, commit } };
        disk = await closedAfter(({ wal }) => wal.save(save), disk);
        expect(await commitIn(disk), `${room} bytes, close ${commit}`).toBe(commit);
        disk = disk.kill(commit);
      }
    }
  });
});

describe('a close that a power cut interrupts', () => {
  it('leaves a log with everything acknowledged, whichever of its marks are on the disk', async () => {
    for (const bytes of [40, 104, 168, 232, 296, 360, 424, 488]) {
      const environment = simulatedEnvironment(1);
      const disk = environment.fileSystem;
      await runWorkload(environment, async () => {
        const manager = openManager(environment);
        const { wal } = await manager.createWal(metadata);
        await wal.save({ entries: entriesOf(1, 3, 1, 300) });
        await wal.save({ entries: entriesOf(4, 4, 1, bytes) });
        disk.stopWhen(({ operation }) => operation === 'write-durable');
        await manager.close();
      });
      for (let seed = 1; seed <= 12; seed += 1) {
        const { error, entries } = await reopen(disk.crash(seed));
        expect([error, entries.length], `${bytes} bytes, seed ${seed}`).toEqual([undefined, 4]);
      }
    }
  });
});
