/**
 * Batches are appended only if there is space for a mark and the seal with its footer after them,
 * and the appender knows at each moment what is durable.
 */
import { describe, expect, it } from 'vitest';
import { InvariantError, emptyPlan } from '@babuza/wal-core/backend';
import type { SimulatedDisk } from '@babuza/testkit';
import {
  commitFrameBytes,
  endSlotBytes,
  ownSectorEnd,
  tailReserveBytes,
} from '../src/format/layout.ts';
import { sealBytes } from '../src/format/seal.ts';
import type { AppendPoint } from '../src/recovery/recover.ts';
import {
  controlBatch,
  BatchEncoder,
  batchOf,
  hardStateFrame,
  type Batch,
} from '../src/writer/batch-encoder.ts';
import { SegmentAppender } from '../src/writer/segment-appender.ts';
import { CraftedSegment, diskOf, firstHead, groupId, recoverFrom } from './support/crafted-log.ts';

function batchWith(count: number, bytes: number, first = 1): Batch {
  const entries = Array.from({ length: count }, (_, at) => ({
    index: first + at,
    term: 1,
    type: 0 as const,
    data: new Uint8Array(at === 0 ? bytes : 0).fill(7),
  }));
  return batchOf([{ ...emptyPlan, entries }], undefined, 1);
}

/** An appender after the head of a segment whose free space has the bytes of an older file. */
async function appenderOf(
  changes: Partial<AppendPoint> = {},
): Promise<{ appender: SegmentAppender; disk: SimulatedDisk; path: string; end: number }> {
  const crafted = new CraftedSegment(firstHead);
  crafted.bytes.fill(0xee, crafted.end + endSlotBytes);
  const disk = diskOf([crafted]);
  const { contents, appendPoint } = await recoverFrom(diskOf([new CraftedSegment(firstHead)]));
  const [finding] = contents.findings;
  if (finding === undefined) throw new Error('no segment');
  const file = await disk.open(crafted.path, 'write');
  const segment = { ...finding.segment, file };
  const { end, batchNumber } = crafted;
  const numbers = { nextBatchNumber: batchNumber, lastBatchNumber: batchNumber - 1 };
  const point = { ...appendPoint, segment, end, ...numbers, marked: false, ...changes };
  const appender = new SegmentAppender(point, new BatchEncoder(groupId));
  return { appender, disk, path: crafted.path, end: point.end };
}

const writesOf = (disk: SimulatedDisk): (readonly [string, number | undefined])[] =>
  disk.calls
    .filter(({ operation }) => operation.startsWith('write'))
    .map(({ operation, position }) => [operation, position]);

describe('a batch fits', () => {
  it('if a mark and the seal with a footer for all entries fit after it', async () => {
    for (const before of [0, 1, 2, 101]) {
      for (const count of [1, 2, 3, 60]) {
        const { appender, end } = await appenderOf({ entries: before });
        const { segmentBytes } = appender.segment.header;
        const fixed = end + tailReserveBytes + sealBytes(1, before + count);
        const most = segmentBytes - fixed - batchWith(count, 0).bytes;
        for (let bytes = most - 64; bytes <= most + 64; bytes += 8) {
          const free = most - bytes;
          const fits = appender.fits(batchWith(count, bytes));
          if (free < 0) expect(fits, `${before} and ${count} entries, ${free} free`).toBe(false);
          if (free >= 16) expect(fits, `${before} and ${count} entries, ${free} free`).toBe(true);
        }
      }
    }
  });

  it('only with the footer of the entries that were appended before', async () => {
    const { appender } = await appenderOf();
    const batch = batchWith(40, 0);
    await appender.append(batch, true);
    const fixed = appender.end + tailReserveBytes + sealBytes(1, 41);
    const most = appender.segment.header.segmentBytes - fixed - batchWith(1, 0).bytes;
    expect(appender.fits(batchWith(1, most - 16, 41))).toBe(true);
    expect(appender.fits(batchWith(1, most + 8, 41))).toBe(false);
  });

  it('as a mark if the seal fits after it', async () => {
    for (const entries of [0, 1, 101]) {
      for (const [free, fits] of [
        [0, true],
        [-8, false],
      ] as const) {
        const { segment } = (await appenderOf()).appender;
        const room = commitFrameBytes + endSlotBytes + sealBytes(1, entries) + free;
        const end = segment.header.segmentBytes - room;
        const { appender, disk } = await appenderOf({ entries, end });
        expect(appender.fitsMark(controlBatch([]))).toBe(fits);
        await appender.writeIdleMark([]);
        expect(writesOf(disk)).toEqual(fits ? [['write', end]] : []);
        await appender.appendMarks();
        expect(writesOf(disk)).toHaveLength(fits ? 2 : 0);
        expect([appender.marked, appender.end === end]).toEqual([fits, !fits]);
      }
    }
  });
});

describe('an appended batch', () => {
  it.each([true, false])(
    'is durable when the call returns, on either thread: %s',
    async (durable) => {
      for (const isSync of [true, false]) {
        const { appender, disk, end } = await appenderOf();
        const batch = batchWith(2, 5000);
        if (isSync) appender.appendSync(batch, durable);
        else await appender.append(batch, durable);
        expect([appender.hasUnsynced, appender.marked]).toEqual([!durable, false]);
        expect([appender.end, appender.lastBatchNumber, appender.nextBatchNumber]).toEqual([
          end + batch.bytes,
          1,
          2,
        ]);
        const { contents } = await recoverFrom(durable ? disk.crash(3) : disk.kill(3));
        expect(contents.replayed.state.index.lastIndex).toBe(2);
      }
    },
  );

  it('is durable only after a sync that did not fail', async () => {
    const { appender, disk } = await appenderOf();
    await appender.append(batchWith(1, 10), false);
    await appender.append(batchWith(1, 10, 2), false);
    const fault = { type: 'sync-error', pending: 'kept' } as const;
    disk.inject({ on: 'datasync', fault });
    await expect(appender.datasync()).rejects.toMatchObject({ kind: 'io' });
    expect(appender.hasUnsynced).toBe(true);
    await expect(appender.append(batchWith(1, 10, 3), true)).rejects.toThrow(InvariantError);
    await appender.datasync();
    expect(appender.hasUnsynced).toBe(false);
    const { contents } = await recoverFrom(disk.crash(3));
    expect(contents.replayed.state.index.lastIndex).toBe(2);
  });

  it('counts as a mark if it has no frames', async () => {
    const { appender } = await appenderOf();
    await appender.append(controlBatch([]), true);
    expect(appender.marked).toBe(true);
    await appender.append(controlBatch([]), false);
    expect(appender.marked).toBe(false);
    expect((await appenderOf({ marked: true })).appender.marked).toBe(true);
  });
});

describe('the marks of a close', () => {
  it('reach a sector of their own, are durable, and end with an empty slot', async () => {
    const { appender, disk, path, end } = await appenderOf();
    await appender.append(batchWith(3, 100), true);
    const from = appender.end;
    expect(from).toBeGreaterThan(end);
    await appender.appendMarks();
    expect(appender.end).toBeGreaterThanOrEqual(ownSectorEnd(from));
    expect(appender.end).toBeLessThan(ownSectorEnd(from) + commitFrameBytes);
    expect([appender.marked, appender.hasUnsynced]).toEqual([true, false]);
    const left = disk.crash(2);
    const slot = left.surgery.contents(path).subarray(appender.end, appender.end + endSlotBytes);
    expect(slot).toEqual(new Uint8Array(endSlotBytes));
    const { tail, appendPoint } = await recoverFrom(left);
    expect([tail.verdict, appendPoint.marked, appendPoint.end]).toEqual([
      'clean',
      true,
      appender.end,
    ]);
  });

  it('can be followed by a durable batch', async () => {
    const { appender, disk } = await appenderOf();
    await appender.appendMarks();
    await appender.append(batchWith(1, 10), true);
    const { contents } = await recoverFrom(disk.crash(2));
    expect(contents.replayed.state.index.lastIndex).toBe(1);
  });
});

describe('the mark of an idle log', () => {
  it('is overwritten by the next batch, which has a higher number', async () => {
    const { appender, disk, end } = await appenderOf();
    await appender.writeIdleMark([hardStateFrame({ term: 2, vote: 1n, commit: 0 })]);
    expect([appender.end, appender.lastBatchNumber, appender.nextBatchNumber]).toEqual([end, 0, 2]);
    const { contents } = await recoverFrom(disk.kill(1, true));
    expect(contents.replayed.state.hardState.term).toBe(2);
    await appender.append(batchWith(1, 10), true);
    expect(writesOf(disk)).toEqual([
      ['write', end],
      ['write-durable', end],
    ]);
  });

  it('is not written if a batch before it was not synced', async () => {
    const { appender, disk } = await appenderOf();
    await appender.append(batchWith(1, 10), false);
    const before = writesOf(disk).length;
    await appender.writeIdleMark([]);
    expect(writesOf(disk)).toHaveLength(before);
  });
});
