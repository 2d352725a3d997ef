/** The append point after a recovery: the bytes after the last record, and what is made durable. */
import { describe, expect, it } from 'vitest';
import type { SimulatedDisk } from '@babuza/testkit';
import type { File } from '@babuza/vfs';
import { bytesBetweenSyncsMax } from '../src/format/layout.ts';
import { appendPointOf, leftoverBytes, makeTailDurable } from '../src/recovery/append-point.ts';
import { changes, diskWith, nameOf, openSegment, pathOf, watchOrder } from './support/crafted.ts';

const mebibyte = 1024 * 1024;
const name = nameOf(0, 0);

/** A file of this many bytes, with the value 1 at these offsets. */
async function fileWith(fileBytes: number, ...places: number[]): Promise<[SimulatedDisk, File]> {
  const bytes = new Uint8Array(fileBytes);
  for (const place of places) bytes[place] = 1;
  const disk = diskWith([[name, bytes]]);
  return [disk, await disk.open(pathOf(name), 'write')];
}

/** A file that reports a larger size than it has. */
function shrinkingFile(saidBytes: number, readableBytes: number): File {
  let reads = 0;
  const file: Pick<File, 'size' | 'read'> = {
    size: () => Promise.resolve(saidBytes),
    read: (target, position) => {
      reads += 1;
      if (reads > 10) throw new Error('read again and again');
      const read = Math.max(0, Math.min(target.length, readableBytes - position));
      return Promise.resolve(target.fill(1).subarray(0, read).length);
    },
  };
  return file as File;
}

describe('the bytes after the last record', () => {
  it('end with a file that has become shorter', async () => {
    expect(await leftoverBytes(shrinkingFile(100, 60), 40)).toBe(20);
    expect(await leftoverBytes(shrinkingFile(100, 40), 40)).toBe(0);
    expect(await leftoverBytes(shrinkingFile(30, 30), 40)).toBe(0);
  });

  const cases: readonly [string, number, number, readonly number[], number][] = [
    ['nothing', 100, 40, [], 0],
    ['zeros alone, whatever lies before', 100, 40, [0, 39], 0],
    ['one byte at once', 100, 40, [40], 1],
    ['the last byte of the file', 100, 40, [41, 99], 60],
    ['the only byte', 41, 40, [40], 1],
    ['nothing in an empty rest', 40, 40, [39], 0],
    ['the last byte before a border of pieces', 3 * mebibyte, 8, [8 + mebibyte - 1], mebibyte],
    ['the first byte behind a border of pieces', 3 * mebibyte, 8, [8 + mebibyte], mebibyte + 1],
    ['a byte with many zeros behind it', 3 * mebibyte, 8, [20], 13],
    ['the last of several', 3 * mebibyte, 0, [5, 2 * mebibyte + 7], 2 * mebibyte + 8],
  ];
  for (const [what, fileBytes, start, places, expected] of cases) {
    it(`are counted up to the last byte that is not zero: ${what}`, async () => {
      const [disk, file] = await fileWith(fileBytes, ...places);
      const strays = watchOrder(disk);
      const from = disk.calls.length;
      expect(await leftoverBytes(file, start)).toBe(expected);
      expect([strays(), changes(disk)]).toEqual([[], []]);
      const reads = disk.calls.slice(from).filter(({ operation }) => operation === 'read');
      // Each byte is read once.
      const ends = reads.map(({ position = 0, bytes = 0 }) => position + bytes);
      const next = [start, ...ends];
      expect(reads.map(({ position }) => position)).toEqual(next.slice(0, -1));
      expect(next.at(-1)).toBe(fileBytes);
      expect(reads.filter(({ bytes }) => bytes === 0)).toEqual([]);
    });
  }
});

describe('a file whose tail is made durable', () => {
  const at = (position: number, bytes: number): string =>
    `write ${name.fileName} ${position} ${bytes}`;
  const sync = `datasync ${name.fileName}`;

  it('has its newest records written again, and is synced', async () => {
    const [disk, file] = await fileWith(100, 0, 39);
    const strays = watchOrder(disk);
    await makeTailDurable(file, 40, 0);
    expect(changes(disk)).toEqual([at(0, 40), sync]);
    expect(disk.surgery.contents(pathOf(name)).filter((byte) => byte === 1)).toHaveLength(2);
    expect(strays()).toEqual([]);
  });

  it('has zeros in place of the bytes after the last record', async () => {
    const [disk, file] = await fileWith(100, 0, 39, 40, 59);
    await makeTailDurable(file, 40, 20);
    expect(changes(disk)).toEqual([at(0, 60), sync]);
    const left = disk.crash(1).surgery.contents(pathOf(name));
    expect([left[0], left[39], left[40], left[59]]).toEqual([1, 1, 0, 0]);
  });

  it('is only synced if it has no records and only zeros', async () => {
    const [disk, file] = await fileWith(100);
    await makeTailDurable(file, 0, 0);
    expect(changes(disk)).toEqual([sync]);
  });

  it('has only the bytes written again that a failed sync can have lost', async () => {
    const end = bytesBetweenSyncsMax + mebibyte + 24;
    const [disk, file] = await fileWith(end + 3 * mebibyte, end - 1, end + 5);
    const strays = watchOrder(disk);
    await makeTailDurable(file, end, 6);
    const start = mebibyte + 24;
    const pieces = [0, 1, 2, 3].map((piece) => at(start + piece * mebibyte, mebibyte));
    expect(changes(disk)).toEqual([...pieces, at(end, 6), sync]);
    expect(strays()).toEqual([]);
    const left = disk.surgery.contents(pathOf(name));
    expect([left[end - 1], left[end + 5]]).toEqual([1, 0]);
  });

  for (const leftover of [mebibyte - 8, mebibyte - 7, mebibyte, mebibyte + 1]) {
    it(`has zeros across a boundary of pieces in place of ${leftover} bytes`, async () => {
      const end = 8;
      const borders = [mebibyte - 1, mebibyte, mebibyte + 1].filter(
        (place) => place < end + leftover,
      );
      const [disk, file] = await fileWith(3 * mebibyte, 7, ...borders);
      await makeTailDurable(file, end, leftover);
      const first = at(0, mebibyte);
      const rest = end + leftover - mebibyte;
      expect(changes(disk)).toEqual(rest > 0 ? [first, at(mebibyte, rest), sync] : [first, sync]);
      const left = disk.surgery.contents(pathOf(name));
      expect([left[7], ...borders.map((place) => left[place])]).toEqual([
        1,
        ...borders.map(() => 0),
      ]);
    });
  }
});

describe('the point to append at', () => {
  it('is the end of the last valid record, with the length of the file', async () => {
    const disk = diskWith([[name, new Uint8Array(100)]]);
    const segment = { ...(await openSegment(disk, name)), startChecksum: 5 };
    const scan = {
      end: 'end',
      validEnd: 40,
      checksum: 77,
      lastOffset: 24,
      fileBytes: 100,
    } as const;
    expect(appendPointOf(segment, { ...scan, tornBytes: 0 })).toEqual({
      segment,
      end: 40,
      fileBytes: 100,
      checksum: 77,
      lastOffset: 24,
    });
  });
});
