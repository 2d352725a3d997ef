/** The segments of a directory, and the first one that is read. */
import { describe, expect, it } from 'vitest';
import { NotFoundError } from '@babuza/wal-core';
import type { SegmentName } from '../src/format/segment-name.ts';
import { hasSegments, listSegments, segmentsFrom } from '../src/recovery/list-segments.ts';
import { damageFrom, directory, diskWith, nameOf, watchOrder } from './support/crafted.ts';

const nothing = new Uint8Array(0);

describe('the segments of a directory', () => {
  it('are the files whose names match, in the order of the names', async () => {
    const names = [nameOf(0, 0), nameOf(1, 9), nameOf(16, 20)];
    const disk = diskWith([...names].reverse().map((name) => [name, nothing]));
    for (const other of ['0.tmp', 'LOCK', '1-2.wal.broken', 'x.wal']) {
      disk.surgery.put(`${directory}/${other}`, nothing);
    }
    const strays = watchOrder(disk);
    expect(await listSegments(disk, directory)).toEqual(names);
    expect(strays()).toEqual([]);
  });

  it('exist if one of several names has the suffix of a segment', async () => {
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

  it('start with the last one whose index is not above that of the snapshot', () => {
    expect(from(10n)).toEqual(names);
    expect(from(19n)).toEqual(names);
    expect(from(20n)).toEqual(names.slice(1));
    expect(from(30n)).toEqual(names.slice(2));
    expect(from(1000n)).toEqual(names.slice(2));
  });

  it('do not exist if the first one starts after the snapshot', () => {
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
    it(`must have consecutive numbers: ${sequences.join(', ')}`, async () => {
      const gapped = sequences.map((sequence) => nameOf(sequence, 1));
      const at = sequences.findIndex((each, before) => {
        return before > 0 && each !== (sequences[before - 1] ?? 0) + 1;
      });
      // All of them start at the same index. The first one is found by an earlier snapshot.
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

  it('may have any number after number 0, as in etcd', () => {
    const chosen = [nameOf(0, 0), nameOf(7, 9), nameOf(8, 9)];
    expect(segmentsFrom(directory, chosen, 0n)).toEqual(chosen);
  });
});
