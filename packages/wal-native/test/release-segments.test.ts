/**
 * Releasing segments: removal, recycling, the report, and the files that the next release handles.
 */
import { describe, expect, it } from 'vitest';
import { simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import { SegmentList, SpareFiles } from '@babuza/wal-files';
import { segmentName, spareNames } from '../src/format/segment-name.ts';
import { releaseSegments, type Release, type Unreleased } from '../src/purge/release-segments.ts';
import { openSegment } from '../src/segment/open-segment.ts';
import type { Segment } from '../src/segment/segment.ts';
import { CraftedSegment, directory, diskOf, firstHead, groupId } from './support/crafted-log.ts';

interface World {
  readonly disk: SimulatedDisk;
  readonly unreleased: Unreleased;
  readonly spares: SpareFiles;
  readonly release: (belowSegmentId: number) => ReturnType<typeof releaseSegments>;
  /** The names of the files in the directory of the log. */
  readonly files: () => readonly string[];
}

/** Three segments; the first two are to be released. */
async function world(recycledMax: number): Promise<World> {
  const crafted = [1, 2, 3].map((segmentId) => new CraftedSegment(firstHead, { segmentId }));
  const disk = diskOf(crafted);
  const opened: Segment[] = [];
  for (const { header } of crafted) {
    const name = segmentName(header.segmentId, header.salt);
    opened.push((await openSegment(disk, directory, name, groupId, 'write')).segment);
  }
  const spares = new SpareFiles(simulatedEnvironment(1, disk), directory, spareNames, recycledMax);
  const unreleased: Unreleased = { segments: [], recycled: [] };
  const parts: Omit<Release, 'belowSegmentId'> = {
    segments: new SegmentList(opened),
    spares,
    firstIndex: 9,
    segmentBytes: 16 * 1024,
    unreleased,
  };
  return {
    disk,
    unreleased,
    spares,
    release: (belowSegmentId) => releaseSegments(disk, directory, { ...parts, belowSegmentId }),
    files: () =>
      disk.surgery.files().map((path) => path.slice(directory.length + 1).replace(/^0+/, '')),
  };
}

const syncsOf = (disk: SimulatedDisk): number =>
  disk.calls.filter(({ operation }) => operation === 'sync-directory').length;
const bytes = 16 * 1024;
const held = expect.stringContaining('could not be removed yet');
const kept = expect.stringContaining('holds entries from 9 on');

describe('a release', () => {
  it.each([
    [0, 2, { segmentsRemoved: 1, segmentsRecycled: 0, segmentsKept: 2 }],
    [0, 3, { segmentsRemoved: 2, segmentsRecycled: 0, segmentsKept: 1 }],
    [1, 2, { segmentsRemoved: 0, segmentsRecycled: 1, segmentsKept: 2 }],
    [1, 3, { segmentsRemoved: 1, segmentsRecycled: 1, segmentsKept: 1 }],
    [2, 3, { segmentsRemoved: 0, segmentsRecycled: 2, segmentsKept: 1 }],
  ])(
    'with up to %i recycled files, below segment %i, is durable',
    async (room, below, expected) => {
      const { disk, release, unreleased, spares } = await world(room);
      const report = await release(below);
      expect(report).toEqual({ ...expected, bytesFreed: (below - 1) * bytes, heldBy: kept });
      expect([syncsOf(disk), unreleased]).toEqual([1, { segments: [], recycled: [] }]);
      expect(spares.wanted).toBe(room - expected.segmentsRecycled);
      const left = disk.crash(1).surgery.files();
      expect(left.filter((path) => path.endsWith('.wal'))).toHaveLength(4 - below);
    },
  );

  it('without segments to release does nothing', async () => {
    const { disk, release } = await world(1);
    const before = disk.calls.length;
    const nothing = { segmentsRemoved: 0, segmentsRecycled: 0, segmentsKept: 3, bytesFreed: 0 };
    expect(await release(1)).toEqual({ ...nothing, heldBy: kept });
    expect(disk.calls).toHaveLength(before);
  });

  it.each(['unlink', 'close', 'rename'] as const)(
    'remembers a file whose %s fails, and releases the others',
    async (on) => {
      const { disk, release, unreleased, files } = await world(on === 'rename' ? 2 : 0);
      disk.inject({ on, fault: { type: 'error', kind: 'io' } });
      const report = await release(3);
      expect(report).toMatchObject({ bytesFreed: bytes, segmentsKept: 1, heldBy: held });
      expect(report.segmentsRemoved + report.segmentsRecycled).toBe(1);
      expect(unreleased.segments.map(({ segmentId }) => segmentId)).toEqual([1]);
      expect(files().some((name) => name.startsWith('1-'))).toBe(true);
      const next = await release(3);
      expect(next).toMatchObject({ bytesFreed: bytes, heldBy: kept });
      expect(next.segmentsRemoved + next.segmentsRecycled).toBe(1);
      expect(files().filter((name) => name.endsWith('.wal'))).toHaveLength(1);
      expect([unreleased.segments.length, syncsOf(disk)]).toEqual([0, 2]);
    },
  );

  it('offers files whose new names could not be synced after the next release', async () => {
    const { disk, release, unreleased, spares } = await world(3);
    const fault = { type: 'error', kind: 'too-many-open' } as const;
    disk.inject({ on: 'open-directory', fault });
    expect(await release(2)).toMatchObject({ segmentsRecycled: 1, heldBy: held });
    expect([unreleased.recycled.length, spares.wanted]).toEqual([1, 3]);
    expect(await release(3)).toMatchObject({ segmentsRecycled: 1, heldBy: kept });
    expect([unreleased.recycled.length, spares.wanted]).toEqual([0, 1]);
  });

  it('offers them even if no further segment is to be released', async () => {
    const { disk, release, unreleased, spares } = await world(3);
    const fault = { type: 'error', kind: 'too-many-open' } as const;
    disk.inject({ on: 'open-directory', fault });
    await release(2);
    expect(await release(2)).toMatchObject({ segmentsRecycled: 0, heldBy: kept });
    expect([unreleased.recycled.length, spares.wanted]).toEqual([0, 2]);
  });

  it('of a log without segments reports no segment that holds entries', async () => {
    const { disk, spares, unreleased } = await world(0);
    const segments = new SegmentList<Segment>([]);
    const parts = { segments, spares, belowSegmentId: 1, firstIndex: 9, segmentBytes: bytes };
    const { heldBy } = await releaseSegments(disk, directory, { ...parts, unreleased });
    expect(heldBy).toBeUndefined();
  });

  it('never offers files after a failed sync of their new names', async () => {
    const { disk, release, unreleased, spares } = await world(3);
    disk.inject({ on: 'sync-directory', fault: { type: 'sync-error', pending: 'kept' } });
    expect(await release(3)).toMatchObject({ segmentsRecycled: 2, heldBy: held });
    expect([unreleased.recycled.length, spares.wanted]).toEqual([0, 3]);
  });
});
