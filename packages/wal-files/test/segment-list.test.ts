/** The list of open segments: looking up by id, removing from the front, closing. */
import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '@babuza/testkit';
import { closeSegments, SegmentList, type SegmentFile } from '../src/index.ts';

async function segments(disk: SimulatedDisk, ...ids: number[]): Promise<SegmentFile[]> {
  const made: SegmentFile[] = [];
  for (const segmentId of ids) {
    const fileName = `${segmentId}.wal`;
    const path = `/${fileName}`;
    disk.surgery.put(path, new Uint8Array(1));
    made.push({ segmentId, path, fileName, file: await disk.open(path, 'read') });
  }
  return made;
}

const idsOf = (list: readonly SegmentFile[]): number[] => list.map(({ segmentId }) => segmentId);

describe('a list of segments', () => {
  it('returns a segment by its id, and undefined for an unknown id', async () => {
    const [fifth, sixth, seventh] = await segments(new SimulatedDisk(), 5, 6, 7);
    const list = new SegmentList([fifth, sixth, seventh].filter((each) => each !== undefined));
    expect([5, 6, 7].map((id) => list.get(id))).toEqual([fifth, sixth, seventh]);
    expect([4, 8].map((id) => list.get(id))).toEqual([undefined, undefined]);
    expect(list.last).toBe(seventh);
    expect(list.count).toBe(3);
  });

  it('has no segment while it is empty', () => {
    const list = new SegmentList<SegmentFile>([]);
    expect([list.count, list.last, list.get(0), list.get(1)]).toEqual([
      0,
      undefined,
      undefined,
      undefined,
    ]);
    expect(list.removeBelow(5)).toEqual([]);
    expect(list.all).toEqual([]);
  });

  it('removes the segments below an id, and finds the others by their ids', async () => {
    const made = await segments(new SimulatedDisk(), 5, 6, 7);
    const list = new SegmentList(made.slice(0, 2));
    for (const segment of made.slice(2)) list.add(segment);
    expect(idsOf(list.removeBelow(4))).toEqual([]);
    expect(idsOf(list.removeBelow(5))).toEqual([]);
    expect(idsOf(list.all)).toEqual([5, 6, 7]);
    expect(idsOf(list.removeBelow(7))).toEqual([5, 6]);
    expect(idsOf(list.all)).toEqual([7]);
    expect(list.get(7)).toBe(made[2]);
    expect(idsOf(list.removeBelow(9))).toEqual([7]);
    expect(list.count).toBe(0);
  });

  it('copies the array that it is made from', async () => {
    const made = await segments(new SimulatedDisk(), 5, 6);
    const list = new SegmentList(made);
    made.pop();
    expect(idsOf(list.all)).toEqual([5, 6]);
  });
});

describe('closing segments', () => {
  it('closes all of them even if one fails, and reports that failure', async () => {
    const disk = new SimulatedDisk();
    const made = await segments(disk, 5, 6, 7);
    disk.inject({ on: 'close', path: '/5.wal', fault: { type: 'error', kind: 'io' } });
    await expect(closeSegments(made)).rejects.toMatchObject({ kind: 'io', path: '/5.wal' });
    expect(disk.openPaths).toEqual([]);
  });

  it('waits until each file is closed', async () => {
    const disk = new SimulatedDisk();
    await new SegmentList(await segments(disk, 5, 6)).closeAll();
    expect(disk.openPaths).toEqual([]);
    await expect(new SegmentList([]).closeAll()).resolves.toBeUndefined();
  });
});
