/** Removing segments after a purge: the order of the steps, failures, and the report. */
import { describe, expect, it } from 'vitest';
import type { Fault, SimulatedDisk } from '@babuza/testkit';
import { SegmentList } from '@babuza/wal-files';
import { SegmentRemoval } from '../src/purge/release-segments.ts';
import type { EtcdSegment } from '../src/segment/segment.ts';
import {
  changes,
  directory,
  diskWith,
  nameOf,
  openSegment,
  pathOf,
  watchOrder,
} from './support/crafted.ts';

const names = [3, 4, 5, 6].map((sequence) => nameOf(sequence, 10 * sequence));
const [first = '', second = ''] = names.map(({ fileName }) => fileName);

interface World {
  readonly disk: SimulatedDisk;
  readonly segments: SegmentList<EtcdSegment>;
  /** Calls that overlapped. */
  readonly strays: () => string[];
  readonly release: (belowSegmentId: number) => ReturnType<SegmentRemoval['release']>;
}

/** Segments of 100, 200, 300 and 400 bytes. */
async function world(): Promise<World> {
  const disk = diskWith(names.map((name, at) => [name, new Uint8Array(100 * (at + 1))]));
  const opened = [];
  for (const name of names) opened.push({ ...(await openSegment(disk, name)), startChecksum: 0 });
  const segments = new SegmentList<EtcdSegment>(opened);
  const strays = watchOrder(disk);
  const removal = new SegmentRemoval(disk, directory);
  return {
    disk,
    segments,
    strays,
    release: (belowSegmentId) => removal.release({ segments, belowSegmentId, firstIndex: 42 }),
  };
}

const holds = (fileName: string): string =>
  `${fileName} holds entry 42, the term before it, or a snapshot record`;
const error = (kind: 'io' | 'permission'): Fault => ({ type: 'error', kind });

describe('removing segments', () => {
  it('removes the oldest first, each durably before the next one, and reports it', async () => {
    const { disk, release, strays } = await world();
    const from = disk.calls.length;
    expect(await release(5)).toEqual({
      segmentsRemoved: 2,
      segmentsRecycled: 0,
      bytesFreed: 300,
      segmentsKept: 2,
      heldBy: holds(names[2]?.fileName ?? ''),
    });
    expect(strays()).toEqual([]);
    expect(disk.openPaths).toEqual(names.slice(2).map(pathOf));
    expect(changes(disk, from)).toEqual([
      `unlink ${first}`,
      `sync-directory ${directory}`,
      `unlink ${second}`,
      `sync-directory ${directory}`,
    ]);
  });

  it('does nothing if all segments are needed', async () => {
    const { disk, release } = await world();
    expect(await release(3)).toEqual({
      segmentsRemoved: 0,
      segmentsRecycled: 0,
      bytesFreed: 0,
      segmentsKept: 4,
      heldBy: holds(first),
    });
    expect(changes(disk)).toEqual([]);
  });

  it('names no reason for kept segments if there are none', async () => {
    const { release } = await world();
    expect(await release(7)).toMatchObject({
      segmentsRemoved: 4,
      segmentsKept: 0,
      heldBy: undefined,
    });
  });
});

describe('removing segments when a step fails', () => {
  it('stops at the first one that cannot be removed, counts it as kept, and starts with it later', async () => {
    const { disk, release } = await world();
    const failing = disk.inject({
      on: 'unlink',
      path: new RegExp(second),
      sticky: true,
      fault: error('permission'),
    });
    expect(await release(6)).toEqual({
      segmentsRemoved: 1,
      segmentsRecycled: 0,
      bytesFreed: 100,
      segmentsKept: 3,
      heldBy: expect.stringMatching(
        new RegExp(
          `^some files could not be removed and will be removed by a later purge: .*${second}`,
        ),
      ) as unknown,
    });
    failing.remove();
    const from = disk.calls.length;
    expect(await release(6)).toMatchObject({
      segmentsRemoved: 2,
      bytesFreed: 500,
      segmentsKept: 1,
    });
    expect(changes(disk, from)[0]).toBe(`unlink ${second}`);
  });

  it('unlinks no file twice: after a sync that could not start only the sync is repeated', async () => {
    const { disk, release } = await world();
    disk.inject({ on: 'open-directory', nth: 1, fault: error('permission') });
    expect(await release(5)).toMatchObject({ segmentsRemoved: 0, bytesFreed: 0, segmentsKept: 4 });
    const from = disk.calls.length;
    expect(await release(5)).toMatchObject({
      segmentsRemoved: 2,
      bytesFreed: 300,
      segmentsKept: 2,
    });
    expect(changes(disk, from)).toEqual([
      `sync-directory ${directory}`,
      `unlink ${second}`,
      `sync-directory ${directory}`,
    ]);
  });

  it('closes and removes a file whose size cannot be read, and reports the failure', async () => {
    const { disk, release, strays } = await world();
    disk.inject({ on: 'size', path: new RegExp(first), fault: error('io') });
    const { heldBy, ...report } = await release(5);
    expect(report).toEqual({
      segmentsRemoved: 2,
      segmentsRecycled: 0,
      bytesFreed: 200,
      segmentsKept: 2,
    });
    expect(heldBy).toContain(first);
    expect(disk.openPaths).toEqual(names.slice(2).map(pathOf));
    expect(strays()).toEqual([]);
  });

  it('reports the first of several failures', async () => {
    const { disk, release } = await world();
    disk.inject({ on: 'size', path: new RegExp(first), fault: error('io') });
    disk.inject({ on: 'size', path: new RegExp(second), fault: error('io') });
    disk.inject({ on: 'unlink', path: new RegExp(first), fault: error('io') });
    const { heldBy } = await release(5);
    expect(heldBy).toContain('size');
    expect(heldBy).toContain(first);
  });
});
