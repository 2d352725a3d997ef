/**
 * The last save of a segment extends its file. If the disk has no space for that, the save is
 * refused, and the file durably keeps its length and all its bytes.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import { entriesFrom, metadata } from '@babuza/testkit/ladder';
import { directory, openManager } from './support/back-end.ts';
import { allEntries, codeOf, reopened } from './support/worlds.ts';

const path = `${directory}/0000000000000000-0000000000000000.wal`;
const pageBytes = 4096;

function usedBytes(disk: SimulatedDisk): number {
  const pages = disk.surgery
    .files()
    .map((file) => Math.ceil(disk.surgery.contents(file).length / pageBytes));
  return pages.reduce((sum, count) => sum + count, 0) * pageBytes;
}

interface Refusal {
  readonly before: Buffer;
  readonly disk: SimulatedDisk;
}

/**
 * Creates a segment that a save of 18,000 bytes would extend, on a disk with this much space, with
 * the next segment prepared. Returns the entries of the next saves.
 */
async function refuse(roomBytes: number, inline: boolean, next: number): Promise<Refusal> {
  let before = Buffer.alloc(0);
  const environment = simulatedEnvironment(1);
  const disk = environment.fileSystem;
  await runWorkload(environment, async () => {
    const { wal } = await openManager(environment, { inline }).createWal(metadata);
    const save = (first: number, count: number): Promise<unknown> =>
      codeOf(wal.save({ entries: entriesFrom(first, count, 1, 900) }));
    expect(await save(1, 10)).toBe('done');
    // Wait until the next segment is prepared.
    await environment.clock.sleep(100);
    before = Buffer.from(disk.surgery.contents(path));
    disk.capacityBytes = usedBytes(disk) + roomBytes;
    expect(await save(11, 20)).toBe('WAL_NO_SPACE');
    if (next > 0) expect(await save(11, next)).toBe('done');
  });
  return { before, disk };
}

describe('a save without space to extend its segment', () => {
  for (const inline of [false, true]) {
    for (const roomBytes of [0, pageBytes, 2 * pageBytes]) {
      it(`leaves the file as it was, with space for ${roomBytes} bytes, inline ${inline}`, async () => {
        const { before, disk } = await refuse(roomBytes, inline, 0);
        expect(Buffer.compare(disk.surgery.contents(path), before)).toBe(0);
        for (const seed of [1, 2, 3, 4]) {
          const left = disk.crash(seed).surgery.contents(path);
          expect(Buffer.compare(left, before), `seed ${seed}`).toBe(0);
        }
      });

      it(`can be followed by one that fits, with space for ${roomBytes} bytes, inline ${inline}`, async () => {
        const { disk } = await refuse(roomBytes, inline, 2);
        for (const seed of [1, 2, 3, 4]) {
          await reopened(disk.crash(seed), (opened) => {
            expect(opened.tail.verdict).toBe('clean');
            expect(allEntries(opened)).toEqual(entriesFrom(1, 12, 1, 900));
          });
        }
      });
    }
  }
});
