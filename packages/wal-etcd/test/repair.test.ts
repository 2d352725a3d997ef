/** etcd's `Repair` of the last segment, and the copy of a damaged segment. */
import { describe, expect, it } from 'vitest';
import type { SimulatedDisk } from '@babuza/testkit';
import { cutAt, keepBrokenCopy, repairLastSegment } from '../src/recovery/repair.ts';
import {
  beginning,
  changes,
  craft,
  crcRecord,
  directory,
  diskWith,
  entryRecord,
  nameOf,
  openSegment,
  pathOf,
  watchOrder,
} from './support/crafted.ts';

const name = nameOf(1, 9);
const { fileName } = name;
const copyName = `${fileName}.broken`;
const copyPath = `${directory}/${copyName}`;
const made = craft([...beginning, entryRecord(1), entryRecord(2, 1, new Uint8Array(2000).fill(7))]);
const keptBytes = made.offsets.at(-1) ?? 0;

const torn = Uint8Array.from(made.bytes).fill(0, 1024, 1536);
const cutWithin = made.bytes.slice(0, -1);
const ofPurged = craft([crcRecord(99), entryRecord(5)]).bytes;

async function repaired(bytes: Uint8Array): Promise<{ isRepaired: boolean; disk: SimulatedDisk }> {
  const disk = diskWith([
    [nameOf(0, 0), new Uint8Array(8)],
    [name, bytes],
  ]);
  const strays = watchOrder(disk);
  const isRepaired = await repairLastSegment(disk, directory, name);
  expect([strays(), disk.openPaths]).toEqual([[], []]);
  return { isRepaired, disk };
}

describe('a repair', () => {
  for (const [what, bytes] of [
    ['ends within its last record', cutWithin],
    ['lacks a sector of its last record', torn],
  ] as const) {
    it(`cuts a segment that ${what}, after a copy of it is durable`, async () => {
      const { isRepaired, disk } = await repaired(bytes);
      expect(isRepaired).toBe(true);
      expect(changes(disk)).toEqual([
        `write ${copyName} 0 ${bytes.length}`,
        `datasync ${copyName}`,
        `sync-directory ${directory}`,
        `truncate ${fileName} ${keptBytes}`,
        `datasync ${fileName}`,
      ]);
      expect(Buffer.compare(disk.surgery.contents(copyPath), bytes)).toBe(0);
      expect(Buffer.compare(disk.surgery.contents(pathOf(name)), bytes.slice(0, keptBytes))).toBe(
        0,
      );
    });
  }

  it('does nothing if the segment is undamaged', async () => {
    for (const bytes of [made.bytes, ofPurged, new Uint8Array(0), new Uint8Array(100)]) {
      const { isRepaired, disk } = await repaired(bytes);
      expect([isRepaired, changes(disk)]).toEqual([true, []]);
    }
  });

  it('changes nothing if the segment is damaged in another way', async () => {
    const wrong = Uint8Array.from(made.bytes).fill(9, -12, -8);
    const noMessage = Uint8Array.from(made.bytes).fill(0xff, keptBytes + 8, keptBytes + 16);
    for (const bytes of [wrong, noMessage]) {
      const { isRepaired, disk } = await repaired(bytes);
      expect([isRepaired, changes(disk)]).toEqual([false, []]);
    }
  });
});

describe('the copy of a damaged segment', () => {
  it('replaces an older one, and has all bytes', async () => {
    for (const length of [0, 1, 2, 1024 * 1024, 2 * 1024 * 1024 + 1]) {
      const bytes = new Uint8Array(length).map((_, at) => at % 251);
      const disk = diskWith([[name, bytes]]);
      disk.surgery.put(copyPath, new Uint8Array(3_000_000).fill(1));
      const { file } = await openSegment(disk, name);
      const strays = watchOrder(disk);
      await keepBrokenCopy(disk, directory, file, copyPath);
      expect([strays(), disk.openPaths]).toEqual([[], [pathOf(name)]]);
      expect(Buffer.compare(disk.surgery.contents(copyPath), bytes)).toBe(0);
      expect(changes(disk)[0]).toBe(`unlink ${copyName}`);
    }
  });

  it('is closed if it cannot be written', async () => {
    const disk = diskWith([[name, made.bytes]]);
    const { file } = await openSegment(disk, name);
    disk.inject({ on: 'write', fault: { type: 'error', kind: 'io' } });
    const strays = watchOrder(disk);
    await expect(keepBrokenCopy(disk, directory, file, copyPath)).rejects.toThrow('EIO');
    expect([strays(), disk.openPaths]).toEqual([[], [pathOf(name)]]);
  });
});

describe('a segment that is cut', () => {
  it('durably has its new length', async () => {
    const disk = diskWith([[name, made.bytes]]);
    const { file } = await openSegment(disk, name);
    const strays = watchOrder(disk);
    await cutAt(file, 24);
    expect([strays(), changes(disk)]).toEqual([
      [],
      [`truncate ${fileName} 24`, `datasync ${fileName}`],
    ]);
    expect(disk.crash(1).surgery.contents(pathOf(name))).toHaveLength(24);
  });
});
