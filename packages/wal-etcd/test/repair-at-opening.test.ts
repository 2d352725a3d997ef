/**
 * A segment that ends within a record is cut when its log is opened. A copy of the old segment is
 * kept for people. The copy is complete, or there is no copy.
 */
import { describe, expect, it } from 'vitest';
import { simulatedEnvironment, type Fault, type SimulatedDisk } from '@babuza/testkit';
import { entriesFrom } from '@babuza/testkit/ladder';
import { repair } from '../src/format.ts';
import { directory } from './support/back-end.ts';
import { allEntries, codeOf, created, inWorld, reopened } from './support/worlds.ts';

const path = `${directory}/0000000000000000-0000000000000000.wal`;
const copyPath = `${path}.broken`;
const entries = entriesFrom(1, 3, 1, 100);

/** Three entries, and a part of a fourth one at the end of the file. */
async function broken(): Promise<SimulatedDisk> {
  const disk = await created(({ wal }) => wal.save({ entries: entriesFrom(1, 4, 1, 100) }));
  const end = disk.surgery.contents(path).findLastIndex((byte) => byte !== 0);
  disk.surgery.cut(path, end - 40);
  return disk.kill(1);
}

const hasCopy = (disk: SimulatedDisk): boolean => disk.surgery.files().includes(copyPath);

describe('the copy of a segment that ends within a record', () => {
  it('has all bytes of the segment before the cut', async () => {
    const disk = await broken();
    const before = Buffer.from(disk.surgery.contents(path));
    const once = await reopened(disk, (opened) => expect(allEntries(opened)).toEqual(entries));
    expect(Buffer.compare(once.crash(1).surgery.contents(copyPath), before)).toBe(0);
  });

  it('has all bytes after a power cut at any call of the opening that cuts', async () => {
    const finished = await broken();
    const before = Buffer.from(finished.surgery.contents(path));
    await reopened(finished.kill(1), () => undefined);
    for (let nth = 1; ; nth += 1) {
      const disk = finished.kill(1);
      let seen = 0;
      disk.stopWhen(() => (seen += 1) === nth);
      await inWorld(disk, async (manager) => {
        await manager.replayWal();
      });
      for (const seed of [1, 2, 3]) {
        const left = disk.crash(seed);
        const isCut = left.surgery.contents(path).length < before.length;
        const isKept =
          hasCopy(left) && Buffer.compare(left.surgery.contents(copyPath), before) === 0;
        expect(isKept || !isCut, `call ${nth}, seed ${seed}`).toBe(true);
        await reopened(left, (opened) => expect(allEntries(opened)).toEqual(entries));
      }
      if (seen < nth) break;
    }
  });

  it('is removed if the disk has no space for it, and the log opens', async () => {
    const disk = await broken();
    const fault: Fault = { type: 'partial-write', kind: 'no-space', bytes: 1000 };
    const failing = disk.inject({ on: 'write', path: /\.broken$/, fault });
    const once = await reopened(disk, (opened) => expect(allEntries(opened)).toEqual(entries));
    expect([failing.hits, hasCopy(disk), hasCopy(once)]).toEqual([1, false, false]);
  });

  it('is needed before the cut: if the disk fails to write it, the log does not open', async () => {
    const disk = await broken();
    const before = Buffer.from(disk.surgery.contents(path));
    const fault: Fault = { type: 'error', kind: 'io' };
    const failing = disk.inject({ on: 'write', path: /\.broken$/, fault });
    await inWorld(disk, async (manager) => {
      expect(await codeOf(manager.replayWal())).not.toBe('done');
      expect(disk.openPaths).toEqual([]);
    });
    expect(failing.hits).toBe(1);
    expect(Buffer.compare(disk.surgery.contents(path), before)).toBe(0);
    const again = await reopened(disk.kill(1), () => undefined);
    expect(Buffer.compare(again.surgery.contents(copyPath), before)).toBe(0);
  });
});

/** The last record lacks a sector; the file keeps its length. */
async function torn(): Promise<SimulatedDisk> {
  const disk = await created(async ({ wal }) => {
    await wal.save({ entries });
    await wal.save({ entries: entriesFrom(4, 1, 1, 3000) });
  });
  const end = disk.surgery.contents(path).findLastIndex((byte) => byte !== 0);
  disk.surgery.zero(path, Math.floor(end / 512 - 1) * 512, 512);
  return disk.kill(1);
}

describe('a log that was cut when it was opened', () => {
  it('refuses a save that does not fit into the shortened file on a full disk, and accepts it later', async () => {
    const disk = await torn();
    const save = { entries: entriesFrom(4, 4, 1, 2000) };
    const once = await reopened(disk, async (opened) => {
      expect([opened.tail.verdict, allEntries(opened)]).toEqual(['torn', entries]);
      const files = disk.surgery.files().map((file) => disk.surgery.contents(file).length);
      disk.capacityBytes = files.reduce((sum, bytes) => sum + Math.ceil(bytes / 4096) * 4096, 0);
      expect(await codeOf(opened.wal.save(save))).toBe('WAL_NO_SPACE');
      disk.capacityBytes = Infinity;
      expect(await codeOf(opened.wal.save(save))).toBe('done');
    });
    await reopened(once.crash(1), (opened) => {
      expect(allEntries(opened)).toEqual([...entries, ...save.entries]);
    });
  });
});

describe('a repair', () => {
  for (const [name, make] of [
    ['ends within a record', broken],
    ['lacks a sector of its last record', torn],
  ] as const) {
    it(`cuts a segment that ${name}, durably, and keeps a copy`, async () => {
      const disk = await make();
      const before = Buffer.from(disk.surgery.contents(path));
      expect(await repair(directory, { environment: simulatedEnvironment(2, disk) })).toBe(true);
      const cut = disk.surgery.contents(path);
      expect(cut.length).toBeLessThan(before.length);
      for (const seed of [1, 2, 3, 4]) {
        const left = disk.crash(seed);
        expect(Buffer.compare(left.surgery.contents(path), cut), `seed ${seed}`).toBe(0);
        expect(Buffer.compare(left.surgery.contents(copyPath), before), `seed ${seed}`).toBe(0);
        await reopened(left, (opened) => {
          expect([opened.tail.verdict, allEntries(opened)]).toEqual(['clean', entries]);
        });
      }
    });
  }
});

describe('a record that lacks a sector', () => {
  it('is not an interrupted write if other bytes follow it', async () => {
    const disk = await torn();
    const end = disk.surgery.contents(path).findLastIndex((byte) => byte !== 0);
    disk.surgery.overwrite(path, end + 1000, new Uint8Array(8).fill(7));
    const refused = inWorld(
      disk.kill(2),
      async (manager) => {
        expect(await codeOf(manager.replayWal())).toBe('WAL_CORRUPT');
      },
      { uncertainTail: 'refuse' },
    );
    await refused;
    await reopened(disk, ({ tail }) => expect(tail.verdict).toBe('uncertain'));
  });
});
