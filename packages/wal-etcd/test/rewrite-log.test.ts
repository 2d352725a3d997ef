/**
 * Writing a log again into one segment: its content, and the order in which the old segments are
 * removed.
 */
import { describe, expect, it } from 'vitest';
import type { SimulatedDisk } from '@babuza/testkit';
import { confState } from '@babuza/testkit/ladder';
import { SegmentList } from '@babuza/wal-files';
import { appendPointOf } from '../src/recovery/append-point.ts';
import { EtcdEntryReader } from '../src/segment/entry-reader.ts';
import type { EtcdSegment } from '../src/segment/segment.ts';
import { rewriteLog, type RewrittenLog } from '../src/writer/rewrite-log.ts';
import { WalWriter } from '../src/writer/wal-writer.ts';
import {
  craft,
  crcRecord,
  directory,
  entryRecord,
  metadataRecord,
  nameOf,
  snapshotRecord,
  stateRecord,
  watchOrder,
  diskWith,
  type CraftedRecord,
} from './support/crafted.ts';
import { chain, entries, found, type Made } from './support/crafted-logs.ts';
import { partsOn, watchChanges } from './support/writers.ts';

const hardState = { term: 5, vote: 3n, commit: 2 };
const marker = (index: number): CraftedRecord => snapshotRecord(index, 1, confState);

interface Rewritten {
  readonly disk: SimulatedDisk;
  readonly log: RewrittenLog;
  readonly result: Awaited<ReturnType<typeof rewriteLog>>;
  readonly changes: readonly string[];
  /** The number of reads of the disk. */
  readonly reads: number;
}

/** Opens a log with these segments and writes it again up to an entry. */
async function rewritten(segments: readonly Made[], last: number): Promise<Rewritten> {
  const disk = diskWith(segments);
  const { replayed, scan, ...log } = await found(disk);
  const { state, start } = replayed;
  const list = new SegmentList<EtcdSegment>(log.segments);
  const reader = new EtcdEntryReader(state.index, list, 0n);
  const newest = list.last;
  if (newest === undefined) throw new Error('no segment');
  const writer = new WalWriter(partsOn(disk, 4096), appendPointOf(newest, scan));
  const parts = { directory, writer, segments: list, reader, state, start };
  const changes = watchChanges(disk);
  const strays = watchOrder(disk);
  const from = disk.calls.length;
  const result = await rewriteLog(disk, parts, last, hardState);
  expect(strays()).toEqual([]);
  const reads = disk.calls.slice(from).filter(({ operation }) => operation === 'read').length;
  return { disk, log: parts, result, changes: changes(), reads };
}

/**
 * Checks that the new segment has these records after its first ones, and returns their offsets.
 */
function demand({ disk, log }: Rewritten, records: readonly CraftedRecord[]): readonly number[] {
  const { segment } = log.writer;
  const checksum = segment.startChecksum;
  const head = [crcRecord(checksum), metadataRecord(), stateRecord(5, 2, 3n)];
  const { bytes, offsets } = craft([...head, ...records], { checksum, fileBytes: 4096 });
  expect(Buffer.compare(disk.surgery.contents(segment.path), bytes)).toBe(0);
  expect(log.segments.all).toEqual([segment]);
  expect(disk.openPaths).toHaveLength(1);
  return offsets.slice(2);
}

const fromBeginning = chain(0, [
  { firstIndex: 0, records: [snapshotRecord(0, 0), ...entries(1, 3), stateRecord(1, 2)] },
  { firstIndex: 4, records: [stateRecord(1, 2), marker(2), stateRecord(1, 2), ...entries(4, 6)] },
  { firstIndex: 7, records: [stateRecord(1, 2), ...entries(7, 8)] },
]);

describe('a log that is written again', () => {
  it('has its entries up to the last one, and its markers, in a segment after all others', async () => {
    const all = await rewritten(fromBeginning, 4);
    const places = demand(all, [snapshotRecord(0, 0), ...entries(1, 4), marker(2)]);
    expect(all.log.writer.segment.fileName).toBe(nameOf(3, 0).fileName);
    expect(all.result).toEqual({
      start: { segmentId: 3, position: undefined },
      // The position of an entry is that of the record before it.
      positions: places.slice(1, 5),
    });
    // The entries of a segment are read with one call.
    expect(all.reads).toBe(2);
  });

  it('durably gets its name before the older segments are removed, the newest first', async () => {
    const { changes, log } = await rewritten(fromBeginning, 4);
    const at = changes.indexOf('rename 1.tmp');
    expect(changes[at - 1]).toBe(`write-durable 1.tmp 0 ${log.writer.end}`);
    const sync = `sync-directory ${directory}`;
    const gone = [7, 4, 0].map((index, each) => `unlink ${nameOf(2 - each, index).fileName}`);
    expect(changes.slice(at + 1)).toEqual([sync, ...gone.flatMap((unlink) => [unlink, sync])]);
  });

  it('may have no entries', async () => {
    const none = await rewritten(fromBeginning, 0);
    demand(none, [snapshotRecord(0, 0), marker(2)]);
    expect(none.result.positions).toEqual([]);
  });

  it('starts with the marker that gives its start, once', async () => {
    const segments = chain(6, [
      { firstIndex: 5, records: [marker(9), stateRecord(1, 11), ...entries(10, 13), marker(11)] },
    ]);
    const all = await rewritten(segments, 12);
    const places = demand(all, [marker(9), ...entries(10, 12), marker(11)]);
    expect(all.log.writer.segment.fileName).toBe(nameOf(7, 9).fileName);
    expect(all.result).toEqual({
      start: { segmentId: 7, position: undefined },
      positions: places.slice(1, 4),
    });
  });

  for (const [what, markers] of [
    ['', []],
    [', with the marker there', [marker(5)]],
  ] as const) {
    it(`starts with the entry that gives its start${what}`, async () => {
      const segments = chain(6, [
        { firstIndex: 5, records: [...entries(5, 8), stateRecord(1, 6), ...markers] },
      ]);
      const all = await rewritten(segments, 7);
      const places = demand(all, [...entries(5, 5), ...markers, ...entries(6, 7)]);
      expect(all.result).toEqual({
        start: { segmentId: 7, position: places[0] },
        positions: places.slice(1 + markers.length, 3 + markers.length),
      });
    });
  }

  it('is written in pieces of 1 MiB or a little more, without a sync between them', async () => {
    const mebibyte = 1024 * 1024;
    const large = (index: number, bytes: number): CraftedRecord =>
      entryRecord(index, 1, new Uint8Array(bytes).fill(index));
    const head = (checksum: number): CraftedRecord[] => [
      crcRecord(checksum),
      metadataRecord(),
      stateRecord(5, 2, 3n),
      snapshotRecord(0, 0),
    ];
    // The first piece ends exactly at the end of an entry.
    const records = [large(1, mebibyte - 120), large(2, 300_000), large(3, 300_000)];
    const segments = chain(0, [{ firstIndex: 0, records: [snapshotRecord(0, 0), ...records] }]);
    const made = craft([crcRecord(), metadataRecord(), snapshotRecord(0, 0), ...records]);
    const checksum = made.checksums.at(-1) ?? 0;
    const { offsets, end } = craft([...head(checksum), ...records], { checksum });
    expect(offsets[5]).toBe(mebibyte);
    const all = await rewritten(segments, 3);
    demand(all, [snapshotRecord(0, 0), ...records]);
    const writes = all.changes.filter((call) => / 1\.tmp (0 1048576|[1-9])/.test(call));
    expect(writes).toEqual([
      `write 1.tmp 0 ${mebibyte}`,
      `write 1.tmp ${mebibyte} ${end - mebibyte}`,
    ]);
  });
});
