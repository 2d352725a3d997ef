/** A new segment names its predecessor, and has space for the batch that it is created for. */
import { describe, expect, it } from 'vitest';
import { SimulatedDisk, simulatedEnvironment, type SimulatedEnvironment } from '@babuza/testkit';
import { LogState, PositionIndex, emptyPlan } from '@babuza/wal-core/backend';
import { SpareFiles } from '@babuza/wal-files';
import { segmentName, spareNames } from '../src/format/segment-name.ts';
import { openSegment } from '../src/segment/open-segment.ts';
import {
  createFirstSegment,
  firstAppendPoint,
  nameSegment,
  syncName,
  type SegmentRequest,
} from '../src/writer/create-segment.ts';
import { controlBatch, BatchEncoder, batchOf, type Batch } from '../src/writer/batch-encoder.ts';
import { SegmentAppender } from '../src/writer/segment-appender.ts';
import { directory, groupId } from './support/crafted-log.ts';

const metadata = {
  clusterId: 3n,
  nodeId: 4n,
  entryBytesMax: 1024,
  extra: undefined,
  identity: undefined,
};

/** A disk that removes a file one turn of the event loop later. */
class SlowDisk extends SimulatedDisk {
  override async unlink(path: string): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await super.unlink(path);
  }
}

function world(
  changes: Partial<SegmentRequest> = {},
  disk: SimulatedDisk = new SimulatedDisk({ seed: 1 }),
): {
  environment: SimulatedEnvironment;
  request: SegmentRequest;
  spares: SpareFiles;
  encoder: BatchEncoder;
} {
  const environment = simulatedEnvironment(1, disk);
  environment.fileSystem.surgery.makeDirectory(directory);
  const request: SegmentRequest = {
    environment,
    directory,
    groupId,
    metadata,
    segmentBytes: 16 * 1024,
    segmentId: 1,
    salt: 5,
    predecessor: undefined,
    state: new LogState(new PositionIndex(0, 0)),
    start: { index: 0, term: 0, segmentId: 1 },
    batch: undefined,
    ...changes,
  };
  const spares = new SpareFiles(environment, directory, spareNames, 0);
  return { environment, request, spares, encoder: new BatchEncoder(groupId) };
}

function batchWith(count: number, bytes: number): Batch {
  const entries = Array.from({ length: count }, (_, at) => ({
    index: 1 + at,
    term: 1,
    type: 0 as const,
    data: new Uint8Array(at === 0 ? bytes : 0),
  }));
  return batchOf([{ ...emptyPlan, entries }], undefined, 1);
}

describe('a new segment', () => {
  it.each([
    ['has no predecessor if it is the first', undefined, [0, 0, 0]],
    [
      'names its predecessor and the end of its frames',
      { salt: 9, end: 12_000, nextBatchSequence: 77 },
      [9, 12_000, 77],
    ],
  ])('%s', async (_, predecessor, expected) => {
    const { environment, request, spares, encoder } = world({ predecessor });
    const created = await nameSegment(request, spares, encoder);
    await syncName(environment, directory);
    const left = environment.fileSystem.crash(1);
    const { segment } = await openSegment(left, directory, segmentName(1, 5), groupId, 'read');
    const { predecessorSalt, predecessorEnd, baseBatchSequence } = segment.header;
    expect([predecessorSalt, predecessorEnd, baseBatchSequence]).toEqual(expected);
    expect(created.end).toBe(segment.header.headEnd);
    expect(firstAppendPoint(created)).toEqual({
      ...created,
      nextBatchNumber: 1,
      lastBatchNumber: 0,
      entries: 0,
      marked: false,
    });
  });

  it('has the configured size, or less than a page more than its batch needs', async () => {
    for (const count of [1, 300]) {
      for (let bytes = 20_000; bytes < 20_000 + 4096 + 64; bytes += 104) {
        const batch = batchWith(count, bytes);
        const { request, spares, encoder } = world({ batch });
        const created = await nameSegment(request, spares, encoder);
        const { segmentBytes } = created.segment.header;
        const appender = new SegmentAppender(firstAppendPoint(created), encoder);
        expect(appender.fits(batch), `${count} entries, ${bytes} bytes`).toBe(true);
        await appender.append(batch, true);
        expect(appender.fitsMark(controlBatch([]))).toBe(true);
        // Footer, mark and seal of so few entries also take less than a page.
        const most = created.end + batch.bytes + 2 * 4096 + 4 * count;
        expect([segmentBytes % 4096, segmentBytes < most]).toEqual([0, true]);
      }
    }
    const { request, spares, encoder } = world({ batch: batchWith(1, 100) });
    const { segment } = await nameSegment(request, spares, encoder);
    expect(segment.header.segmentBytes).toBe(16 * 1024);
  });
});

describe('a new segment that fails', () => {
  const cases = [
    ['no-space', 'write-durable', 'WAL_NO_SPACE'],
    ['too-many-open', 'rename', 'WAL_TRY_AGAIN'],
    ['io', 'write-durable', 'WAL_POISONED'],
    ['io', 'rename', 'WAL_POISONED'],
    ['permission', 'rename', 'WAL_TRY_AGAIN'],
    ['locked', 'rename', 'WAL_POISONED'],
  ] as const;
  it.each(cases)('with %s at %s leaves no file, and throws %s', async (kind, on, code) => {
    const { environment, request, spares, encoder } = world();
    const { fileSystem } = environment;
    fileSystem.inject({ on, fault: { type: 'error', kind } });
    await expect(nameSegment(request, spares, encoder)).rejects.toMatchObject({ code });
    expect([fileSystem.surgery.files(), fileSystem.openPaths]).toEqual([[], []]);
  });

  it('has removed its file when it rejects, even if the removal takes long', async () => {
    const disk = new SlowDisk({ seed: 1 });
    const { request, spares, encoder } = world({}, disk);
    disk.inject({ on: 'rename', fault: { type: 'error', kind: 'io' } });
    const filesAt = nameSegment(request, spares, encoder).then(
      () => undefined,
      () => disk.surgery.files(),
    );
    expect(await filesAt).toEqual([]);
    const first = new SlowDisk({ seed: 1 });
    const creating = world({}, first);
    const fault = { type: 'error', kind: 'too-many-open' } as const;
    first.inject({ on: 'open-directory', fault });
    const created = createFirstSegment(creating.request, creating.spares, creating.encoder);
    const firstFilesAt = created.then(
      () => undefined,
      () => first.surgery.files(),
    );
    expect(await firstFilesAt).toEqual([]);
  });

  it('is removed if the sync of its name has to be tried again', async () => {
    const { environment, request, spares, encoder } = world();
    const { fileSystem } = environment;
    const fault = { type: 'error', kind: 'too-many-open' } as const;
    fileSystem.inject({ on: 'open-directory', fault });
    const creating = createFirstSegment(request, spares, encoder);
    await expect(creating).rejects.toMatchObject({ code: 'WAL_TRY_AGAIN' });
    expect([fileSystem.surgery.files(), fileSystem.openPaths]).toEqual([[], []]);
  });
});
