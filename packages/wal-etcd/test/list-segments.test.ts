/** Which files of a directory are segments, and from which one a log is read. */
import { describe, expect, it } from 'vitest';
import { NotFoundError } from '@babuza/wal-core';
import type { SegmentName } from '../src/format/segment-name.ts';
import { hasSegments, listSegments, segmentsFrom } from '../src/recovery/list-segments.ts';
import { damageFrom, directory, diskWith, nameOf, watchOrder } from './support/crafted.ts';

const nothing = new Uint8Array(0);

describe('the segments of a directory', () => {
  it('are those whose names have the form, in the order of the names', async () => {
    const names = [nameOf(0, 0), nameOf(1, 9), nameOf(16, 20)];
    const disk = diskWith([...names].reverse().map((name) => [name, nothing]));
    for (const other of ['0.tmp', 'LOCK', '1-2.wal.broken', 'x.wal']) {
      disk.surgery.put(`${directory}/${other}`, nothing);
    }
    const strays = watchOrder(disk);
    expect(await listSegments(disk, directory)).toEqual(names);
    expect(strays()).toEqual([]);
  });

  it('are said to be there where one name of several ends as that of a segment', async () => {
    const disk = diskWith([]);
    expect(await hasSegments(disk, directory)).toBe(false);
    disk.surgery.put(`${directory}/0.tmp`, nothing);
    expect(await hasSegments(disk, directory)).toBe(false);
    disk.surgery.put(`${directory}/x.wal`, nothing);
    const strays = watchOrder(disk);
    expect(await hasSegments(disk, directory)).toBe(true);
    expect(strays()).toEqual([]);
  });
});

describe('the segments that are read from a snapshot on', () => {
  const names = [nameOf(4, 10), nameOf(5, 20), nameOf(6, 30)];
  const from = (index: bigint): readonly SegmentName[] => segmentsFrom(directory, names, index);

  it('begin with the last one whose index is not above that of the snapshot', () => {
    expect(from(10n)).toEqual(names);
    expect(from(19n)).toEqual(names);
    expect(from(20n)).toEqual(names.slice(1));
    expect(from(30n)).toEqual(names.slice(2));
    expect(from(1000n)).toEqual(names.slice(2));
  });

  it('are not there where the first one begins behind the snapshot', () => {
    expect(() => from(9n)).toThrow(NotFoundError);
    expect(() => segmentsFrom(directory, [], 5n)).toThrow(NotFoundError);
  });

  for (const sequences of [
    [1, 3],
    [4, 5, 7],
    [2, 2],
    [5, 4],
    [1, 2, 4, 5],
  ]) {
    it(`must go up by one: ${sequences.join(', ')}`, async () => {
      const gapped = sequences.map((sequence) => nameOf(sequence, 1));
      const at = sequences.findIndex((each, before) => {
        return before > 0 && each !== (sequences[before - 1] ?? 0) + 1;
      });
      // All of them begin at the same index: the first one is found by a snapshot before the
      // others.
      const shifted = gapped.map((name, each) => ({ ...name, firstIndex: each === 0 ? 1n : 9n }));
      const look = async (): Promise<unknown> => segmentsFrom(directory, shifted, 1n);
      const error = await damageFrom(look());
      expect([error.verdict, error.file]).toEqual([
        'missing-segment',
        `${directory}/${gapped[at]?.fileName}`,
      ]);
      const missing = (sequences[at - 1] ?? 0) + 1;
      expect(error.message).toContain(`segment ${missing} is missing before this one`);
    });
  }

  it('may have any number behind number 0, as etcd takes it', () => {
    const chosen = [nameOf(0, 0), nameOf(7, 9), nameOf(8, 9)];
    expect(segmentsFrom(directory, chosen, 0n)).toEqual(chosen);
  });
});
