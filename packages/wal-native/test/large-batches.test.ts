/** Batches, frames and reads that are larger than the usual buffer or segment. */
import { describe, expect, it } from 'vitest';
import { runWorkload, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import type { OpenedWal } from '@babuza/wal-core';
import type { NativeWalOptions } from '../src/index.ts';
import { allEntries, entriesOf, makeLog, reopen, segmentAt } from './support/damaged-log.ts';
import { metadata, openManager } from './support/workload.ts';

/** The disk after a process created a log, did some work, and was killed. */
async function created(
  options: NativeWalOptions,
  work: (opened: OpenedWal) => Promise<void>,
): Promise<SimulatedDisk> {
  const environment = simulatedEnvironment(1);
  await runWorkload(environment, async () => {
    await work(await openManager(environment, options).createWal(metadata));
  });
  return environment.fileSystem.kill(1);
}

const withoutCache = { entriesMax: 0, bytesMax: 0 };

describe('a batch', () => {
  it('of so many entries that its footer takes pages gets a segment with space for it', async () => {
    const many = entriesOf(1, 4000, 1, 8);
    const disk = await created({}, async ({ wal }) => {
      await wal.save({ entries: many });
      // The segment is full now, and is sealed when the next one is created.
      await wal.save({ entries: entriesOf(4001, 4003, 1, 4000) });
    });
    const seen = await reopen(disk);
    expect(seen.error).toBeUndefined();
    expect(seen.entries).toEqual([...many, ...entriesOf(4001, 4003, 1, 4000)]);
  });

  it('larger than the kept buffer ends with an empty slot, even over old bytes', async () => {
    const segmentBytes = 2 * 1024 * 1024;
    const large = entriesOf(4, 203, 1, 4000);
    const environment = simulatedEnvironment(1);
    const disk = environment.fileSystem;
    await runWorkload(environment, async () => {
      const opened = await openManager(environment, { segmentBytes }).createWal(metadata);
      await opened.wal.save({ entries: entriesOf(1, 3) });
      // An interrupted write left these bytes after the offset of the batch.
      const old = new Uint8Array(segmentBytes - 1024 * 1024).fill(0xa5);
      disk.surgery.overwrite(segmentAt(disk, 0), 900 * 1024, old.subarray(0, 512 * 1024));
      disk.surgery.overwrite(segmentAt(disk, 0), 16 * 1024, old.subarray(0, 880 * 1024));
      await opened.wal.save({ entries: large, hardState: { term: 1, vote: 3n, commit: 3 } });
    });
    const seen = await reopen(disk.kill(1), { segmentBytes });
    expect(seen.error).toBeUndefined();
    expect(seen.entries.length).toBe(203);
    expect(seen.tail?.verdict).toBe('clean');
  });

  it('that gets a longer segment leaves space for an idle mark, whatever its size', async () => {
    // The length of the file is a multiple of 4,096, so the free space varies from 0 on.
    for (let bytes = 20_000; bytes < 20_000 + 4096; bytes += 48) {
      const environment = simulatedEnvironment(1);
      const { calls } = environment.fileSystem;
      await runWorkload(environment, async () => {
        const { wal } = await openManager(environment).createWal(metadata);
        await wal.save({ entries: entriesOf(1, 1, 1, bytes) });
        const before = calls.length;
        await environment.clock.sleep(200);
        const marks = calls
          .slice(before)
          .filter((call) => call.operation === 'write' && (call.bytes ?? 0) < 200);
        expect(marks, `${bytes} bytes`).toHaveLength(1);
      });
    }
  });

  it('may contain a snapshot marker that is too large to be copied', async () => {
    const voters = Array.from({ length: 1500 }, (_, at) => 2n ** 60n + BigInt(at));
    const confState = {
      voters,
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const snapshot = { index: 900, term: 4, confState };
    const disk = await created({ segmentBytes: 128 * 1024 }, async ({ wal }) => {
      await wal.save({ snapshot, entries: entriesOf(901, 903, 4) });
    });
    const seen = await reopen(disk, {}, async ({ snapshots, storage }) => {
      expect(snapshots).toEqual([snapshot]);
      expect(storage.firstIndex()).toBe(901);
    });
    expect(seen.error).toBeUndefined();
    expect(seen.entries).toEqual(entriesOf(901, 903, 4));
  });
});

describe('damage', () => {
  it('is detected by a frame half a mebibyte and more after it', async () => {
    const segmentBytes = 4 * 1024 * 1024;
    const disk = await created({ segmentBytes }, async ({ wal }) => {
      await wal.save({ entries: entriesOf(1, 3, 1, 1000) });
      await wal.save({ entries: entriesOf(4, 4, 1, 900 * 1024) });
    });
    disk.surgery.zero(segmentAt(disk, 0), 17 * 512, 3 * 512);
    const seen = await reopen(disk);
    expect(seen.error).toMatchObject({ code: 'WAL_CORRUPT', verdict: 'corrupt-durable' });
  });
});

describe('a read', () => {
  it('of one entry returns a payload that later reads do not change', async () => {
    const disk = await makeLog(3, 100);
    const seen = await reopen(disk, { cache: withoutCache }, async ({ storage }) => {
      const [first] = storage.entries(1, 2, Infinity);
      const [second] = storage.entries(2, 3, Infinity);
      expect([first, second]).toEqual(entriesOf(1, 2));
    });
    expect(seen.error).toBeUndefined();
  });

  it('of a range may begin with an entry that is larger than one read', async () => {
    const entries = [...entriesOf(1, 1, 1, 300 * 1024), ...entriesOf(2, 4, 1, 100)];
    const disk = await created({ segmentBytes: 1024 * 1024 }, ({ wal }) => wal.save({ entries }));
    const seen = await reopen(disk, { cache: withoutCache }, async (opened) => {
      expect(allEntries(opened)).toEqual(entries);
    });
    expect(seen.error).toBeUndefined();
  });
});
