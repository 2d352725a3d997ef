/** Reading a log: which segments belong to it, and what is read if some are missing. */
import { describe, expect, it } from 'vitest';
import { confState } from '@babuza/testkit/ladder';
import { ForeignFileError, LockedError, NotFoundError } from '@babuza/wal-core';
import { encodeMetadata } from '../src/format/metadata.ts';
import { recordsIn } from './support/records.ts';
import {
  beginning,
  craft,
  crcRecord,
  damageFrom,
  diskWith,
  entryRecord,
  metadataBytes,
  metadataRecord,
  nameOf,
  pathOf,
  snapshotRecord,
  stateRecord,
  watchOrder,
  type CraftedRecord,
} from './support/crafted.ts';
import { chain, entries, found, range, three, type Made } from './support/crafted-logs.ts';

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'found',
    (error: unknown) => error,
  );

describe('a log that was read', () => {
  it('has open segments, each with the checksum that it continues', async () => {
    const disk = diskWith(three);
    const strays = watchOrder(disk);
    const log = await found(disk);
    expect(strays()).toEqual([]);
    expect(range(log)).toEqual([1, 8]);
    expect(log.segments.map(({ segmentId }) => segmentId)).toEqual([0, 1, 2]);
    expect(disk.openPaths).toEqual(three.map(([name]) => pathOf(name)));
    // Each segment starts with the checksum of the last record before it.
    const heads = three.map(([, bytes]) => recordsIn(bytes)[0]?.crc);
    expect(log.segments.map(({ startChecksum }) => startChecksum)).toEqual(heads);
    expect(heads[0]).toBe(0);
    expect(log.metadataBytes).toEqual(metadataBytes);
    expect(log.metadata).toMatchObject({ nodeId: 7n, clusterId: 9n });
    expect(log.repaired).toEqual([]);
    expect(log.tail).toEqual({ verdict: 'clean', bytesDropped: 0 });
    expect(log.scan.validEnd).toBe(three[2]?.[1].length);
    // The log was read once.
    const reads = disk.calls.filter(({ operation }) => operation === 'read');
    expect(reads.map(({ path }) => path)).toEqual(three.map(([name]) => pathOf(name)));
  });

  it('is not found in a directory without segments', async () => {
    expect(await failure(found(diskWith([])))).toBeInstanceOf(NotFoundError);
  });

  it('has no open files after it was refused', async () => {
    const disk = diskWith([...three, [nameOf(3, 9), craft([crcRecord(12345)]).bytes]]);
    const strays = watchOrder(disk);
    expect((await damageFrom(found(disk))).verdict).toBe('ErrCRCMismatch');
    expect([disk.openPaths, strays()]).toEqual([[], []]);
  });

  it('may have numbers up to 2^53 - 1, and no larger ones', async () => {
    const made = craft(beginning).bytes;
    const largest = nameOf(2n ** 53n - 1n, 0);
    const log = await found(diskWith([[largest, made]]));
    expect(log.segments.map(({ segmentId }) => segmentId)).toEqual([Number.MAX_SAFE_INTEGER]);
    const refusal = await failure(found(diskWith([[nameOf(2n ** 53n, 0), made]])));
    expect(refusal).toBeInstanceOf(ForeignFileError);
    expect(String(refusal)).toContain('2^53 - 1');
  });

  it('is not opened for writing if a running etcd has locked any of its segments', async () => {
    for (const [name] of three) {
      const disk = diskWith(three);
      disk.foreignLocks.set(pathOf(name), 'process 17');
      const strays = watchOrder(disk);
      expect(await failure(found(disk))).toBeInstanceOf(LockedError);
      expect([disk.openPaths, strays()]).toEqual([[], []]);
      expect(range(await found(disk, 0n, 'read'))).toEqual([1, 8]);
    }
  });

  it('belongs to the group in its metadata', async () => {
    const identity = { nodeId: 1n, clusterId: 2n, entryBytesMax: 1000, extra: undefined };
    const data = encodeMetadata({ ...identity, identity: undefined }, 5n, 'babuza');
    const made: Made = [
      nameOf(0, 0),
      craft([crcRecord(), metadataRecord(data), snapshotRecord(0, 0)]).bytes,
    ];
    expect((await found(diskWith([made]), 5n)).metadata).toMatchObject({ entryBytesMax: 1000 });
    const refusal = await failure(found(diskWith([made]), 6n));
    expect(refusal).toBeInstanceOf(ForeignFileError);
    expect(String(refusal)).toContain('belongs to group 5, expected group 6');
    // A log of etcd has no group in its metadata, so it belongs to any group.
    expect(range(await found(diskWith(three), 6n))).toEqual([1, 8]);
  });

  it('is refused if its commit index is above its last index', async () => {
    const made = craft([...beginning, entryRecord(1), stateRecord(1, 2)]).bytes;
    const error = await damageFrom(found(diskWith([[nameOf(0, 0), made]]), 3n));
    expect(error).toMatchObject({ verdict: 'commit-beyond-end', firstIndex: 2, groupId: 3n });
  });
});

describe('a log with a gap in its segments', () => {
  const behindGap = (records: readonly CraftedRecord[], firstIndex = 7): Made[] =>
    chain(5, [
      { firstIndex, records: [stateRecord(1, 6), ...records] },
      { firstIndex: 9, records: entries(9, 9) },
    ]);
  const older = three.slice(0, 2);

  it('is read after the gap if a snapshot there is valid, and the other segments are reported', async () => {
    const log = await found(
      diskWith([...older, ...behindGap([snapshotRecord(6, 1, confState), ...entries(7, 8)])]),
    );
    expect(range(log)).toEqual([7, 9]);
    expect(log.segments.map(({ segmentId }) => segmentId)).toEqual([5, 6]);
    const what = 'the segment is not read: it lies before a gap, and no snapshot needs it';
    expect(log.repaired).toEqual(older.map(([name]) => ({ file: pathOf(name), what })));
  });

  for (const [what, marker] of [
    ['no snapshot is there', []],
    ['the snapshot does not count', [snapshotRecord(9, 1, confState)]],
  ] as const) {
    it(`is refused if ${what}`, async () => {
      const segments = behindGap([...entries(6, 8), ...entries(6, 8), ...marker]);
      const error = await damageFrom(found(diskWith([...older, ...segments]), 4n));
      expect(error).toMatchObject({
        verdict: 'missing-segment',
        groupId: 4n,
        file: pathOf(nameOf(5, 7)),
      });
    });
  }

  it('is refused if the gap is after the first segment', async () => {
    const segments = behindGap(entries(6, 8));
    const error = await damageFrom(found(diskWith([...older.slice(0, 1), ...segments])));
    expect(error.verdict).toBe('missing-segment');
  });

  it('is refused if the segment after the gap starts at index 1', async () => {
    const segments = chain(5, [{ firstIndex: 1, records: entries(1, 3) }]);
    const error = await damageFrom(found(diskWith([...older, ...segments])));
    expect(error.verdict).toBe('missing-segment');
  });

  it('is read if the segment after the gap was written again from the beginning', async () => {
    const segments = chain(5, [
      { firstIndex: 0, records: [snapshotRecord(0, 0), ...entries(1, 2)] },
    ]);
    expect(range(await found(diskWith([...older, ...segments])))).toEqual([1, 2]);
  });

  it('is read from its second segment on if only one segment is before the gap', async () => {
    const segments = chain(2, [{ firstIndex: 0, records: entries(1, 2) }]);
    const log = await found(diskWith([...three.slice(0, 1), ...segments]));
    expect([range(log), log.repaired.length]).toEqual([[1, 2], 1]);
  });
});
