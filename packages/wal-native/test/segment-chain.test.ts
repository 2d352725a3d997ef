/**
 * The segments of a log form a chain: each names its predecessor, which is sealed before anything
 * but a head is written to the segment.
 */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import { FrameKind } from '../src/format/frame.ts';
import { trailerBytes } from '../src/format/layout.ts';
import { decodeTrailer, type Seal } from '../src/format/seal.ts';
import { decodeHeaderPage, type SegmentHeader } from '../src/format/segment-header.ts';
import { entriesOf, loseFrames, reopen, segmentAt, segmentsOf } from './support/damaged-log.ts';
import { metadata, openManager } from './support/workload.ts';

/** A log of two segments; the second one has `batches` batches after its head. */
async function logOfTwo(batches: number, seed = 1): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(seed);
  const disk = environment.fileSystem;
  await runWorkload(environment, async () => {
    const { wal, storage } = await openManager(environment).createWal(metadata);
    // Without batches, the process ends when the successor has its name.
    const isNamed = (): boolean => segmentsOf(disk).length === 2;
    if (batches === 0) disk.stopWhen((call) => call.operation === 'sync-directory' && isNamed());
    while (wal.stats.segments < 2) {
      const next = storage.lastIndex() + 1;
      await wal.save({ entries: entriesOf(next, next, 1, 1000) });
    }
    for (let more = 1; more < batches; more += 1) {
      const next = storage.lastIndex() + 1;
      await wal.save({ entries: entriesOf(next, next, 1, 100) });
    }
  });
  return disk.kill(1);
}

function headerAt(disk: SimulatedDisk, at: number): SegmentHeader {
  const page = decodeHeaderPage(disk.surgery.contents(segmentAt(disk, at)).subarray(0, 4096));
  if (page.kind !== 'ok') throw new Error('the header is damaged');
  return page.header;
}

function sealOf(disk: SimulatedDisk): Seal | undefined {
  const trailer = disk.surgery.contents(segmentAt(disk, 0)).slice(-trailerBytes);
  return decodeTrailer(trailer, headerAt(disk, 0));
}

function loseSeal(disk: SimulatedDisk): void {
  const path = segmentAt(disk, 0);
  disk.surgery.zero(path, disk.surgery.contents(path).length - trailerBytes, trailerBytes);
}

describe('a seal that is damaged', () => {
  for (const batches of [1, 2, 3]) {
    it(`is detected if its successor has ${batches} batches after its head`, async () => {
      const disk = await logOfTwo(batches);
      loseSeal(disk);
      const { error } = await reopen(disk);
      expect(error).toMatchObject({ code: 'WAL_CORRUPT', verdict: 'corrupt-sealed' });
    });
  }

  it('is detected if the first batch of its successor was interrupted', async () => {
    const disk = await logOfTwo(1);
    loseFrames(disk, ({ kind }) => kind === FrameKind.Commit);
    loseSeal(disk);
    const { error } = await reopen(disk);
    expect(error).toMatchObject({ code: 'WAL_CORRUPT', verdict: 'corrupt-sealed' });
  });
});

describe('a seal that is missing after a crash', () => {
  it('is written by the next opening, even if that is interrupted at any call', async () => {
    const start = await logOfTwo(0);
    const last = (await reopen(start.kill(1))).entries.length;
    expect([last > 3, sealOf(start)]).toEqual([true, undefined]);
    for (let nth = 1; ; nth += 1) {
      const disk = start.kill(1);
      let seen = 0;
      disk.stopWhen(() => (seen += 1) === nth);
      const environment = simulatedEnvironment(7, disk);
      await runWorkload(environment, async () => {
        await openManager(environment).replayWal();
      });
      for (const seed of [1, 2, 3]) {
        const { error, entries } = await reopen(disk.crash(seed));
        expect([error, entries.length], `call ${nth}, seed ${seed}`).toEqual([undefined, last]);
      }
      if (seen < nth) break;
    }
  });
});

describe('a segment', () => {
  it('continues the batch sequence of the one before it', async () => {
    const disk = await logOfTwo(1);
    const before = headerAt(disk, 0);
    const used = (sealOf(disk)?.lastBatchNumber ?? 0) + 1;
    expect(used).toBeGreaterThan(3);
    expect(headerAt(disk, 1).baseBatchSequence).toBe(before.baseBatchSequence + used);
  });

  it('has another salt than the one before it, whatever the random numbers are', async () => {
    const environment = simulatedEnvironment(1);
    environment.random.uint32 = () => 7;
    await runWorkload(environment, async () => {
      const { wal, storage } = await openManager(environment).createWal(metadata);
      while (wal.stats.segments < 3) {
        await wal.save({
          entries: entriesOf(storage.lastIndex() + 1, storage.lastIndex() + 1, 1, 1000),
        });
      }
    });
    const disk = environment.fileSystem;
    const salts = [0, 1, 2].map((at) => headerAt(disk, at).salt);
    expect([salts[0] === salts[1], salts[1] === salts[2]]).toEqual([false, false]);
  });

  it('of another log is refused as a successor', async () => {
    const [disk, other] = [await logOfTwo(1), await logOfTwo(1, 2)];
    const theirs = segmentAt(other, 1);
    expect(theirs).not.toBe(segmentAt(disk, 1));
    disk.surgery.remove(segmentAt(disk, 1));
    disk.surgery.put(theirs, other.surgery.contents(theirs));
    const { error } = await reopen(disk);
    expect(error).toMatchObject({ code: 'WAL_FOREIGN' });
  });

  for (const [at, what] of ['sealed', 'last'].entries()) {
    it(`that is ${what} and longer than when it was created is damaged`, async () => {
      const disk = await logOfTwo(1);
      const path = segmentAt(disk, at);
      const { length } = disk.surgery.contents(path);
      disk.surgery.overwrite(path, length, new Uint8Array(4096));
      const { error } = await reopen(disk);
      expect(error).toMatchObject({ code: 'WAL_CORRUPT', verdict: 'corrupt-length' });
    });
  }
});
