/** The state of a log after a replay: its entries, its start, its metadata. */
import { describe, expect, it } from 'vitest';
import { RecordType } from '../src/format/layout.ts';
import { newRecord } from '../src/format/record.ts';
import { ReplayedLog } from '../src/recovery/replayed-log.ts';
import type { ScannedRecord } from '../src/recovery/scan.ts';
import {
  entryRecord,
  metadataRecord,
  nameOf,
  stateRecord,
  type CraftedRecord,
} from './support/crafted.ts';
import {
  entries,
  file,
  marker,
  markers,
  range,
  replayed,
  type Replayed,
} from './support/replayed.ts';

describe('the replayed entries', () => {
  it('have their terms and positions, the position being that of the record before', async () => {
    const { log, offsets } = await replayed(0, [...entries(1, 2), entryRecord(3, 4)]);
    const run = log.state.index.runOf(2);
    expect([run.segmentId, run.lastIndex, run.offsetOf(2), run.offsetOf(3)]).toEqual([
      6,
      3,
      offsets[0],
      offsets[1],
    ]);
    expect([1, 2, 3].map((index) => log.state.index.term(index))).toEqual([1, 1, 4]);
  });

  it('drop all entries above them when they are recorded again', async () => {
    const again = await replayed(0, [...entries(1, 2, 3, 4), entryRecord(3, 2)]);
    expect([range(again), again.log.state.index.term(3)]).toEqual([[1, 3], 2]);
    const last = await replayed(0, [...entries(1, 2, 3), entryRecord(3, 2)]);
    expect([range(last), last.log.state.index.term(3)]).toEqual([[1, 3], 2]);
    expect(range(await replayed(0, entries(1, 2, 3, 1)))).toEqual([1, 1]);
  });

  it('must have no gap', async () => {
    const { error, offsets } = await replayed(0, entries(1, 3));
    expect(error).toMatchObject({
      verdict: 'ErrSliceOutOfRange',
      message: expect.stringContaining(
        'entry 3 leaves a gap: the last index of the log is 1',
      ) as unknown,
      file,
      offset: offsets[1],
      firstIndex: 2,
      groupId: 5n,
    });
    expect((await replayed(0, entries(2))).error?.verdict).toBe('ErrSliceOutOfRange');
  });

  it('stay purged, but drop all entries above them', async () => {
    const records = [marker(9), stateRecord(1, 9), ...entries(10, 11, 12)];
    expect(range(await replayed(0, records))).toEqual([10, 12]);
    expect(range(await replayed(0, [...records, ...entries(9)]))).toEqual([10, 9]);
    expect(range(await replayed(0, [...records, ...entries(3)]))).toEqual([10, 9]);
    expect(range(await replayed(0, [...records, ...entries(10)]))).toEqual([10, 10]);
  });
});

describe('the start of a log whose first segments are purged', () => {
  const baseOf = ({ log, offsets }: Replayed): unknown[] => [
    log.state.baseIndex,
    log.state.index.term(log.state.baseIndex),
    log.start.segmentId,
    log.start.position === undefined ? undefined : offsets.indexOf(log.start.position) + 1,
  ];

  it('is the first entry, with its position, if it is not above the index in the name', async () => {
    for (const first of [20, 19, 5]) {
      const log = await replayed(20, [
        stateRecord(2, 3),
        entryRecord(first, 2),
        entryRecord(first + 1, 3),
      ]);
      expect([baseOf(log), range(log)]).toEqual([
        [first, 2, 6, 1],
        [first + 1, first + 1],
      ]);
      expect(log.log.finish(file)).toBeUndefined();
      // Purged entries were committed.
      expect(log.log.state.hardState).toEqual({ term: 2, vote: 1n, commit: first });
    }
  });

  it('is the lowest entry, even if it comes later, with its last record', async () => {
    const lower = await replayed(20, [
      ...entries(20, 21, 22),
      entryRecord(19, 7),
      entryRecord(20, 7),
    ]);
    expect([baseOf(lower), range(lower)]).toEqual([
      [19, 7, 6, 3],
      [20, 20],
    ]);
    const same = await replayed(20, [
      ...entries(20, 21, 22),
      entryRecord(20, 7),
      entryRecord(21, 7),
    ]);
    expect([baseOf(same), range(same)]).toEqual([
      [20, 7, 6, 3],
      [21, 21],
    ]);
    const above = await replayed(20, [...entries(20, 21, 22), entryRecord(21, 7)]);
    expect([baseOf(above)[0], range(above), above.log.state.index.term(21)]).toEqual([
      20,
      [21, 21],
      7,
    ]);
  });

  it('is a snapshot at or above the index before the one in the name', async () => {
    const at = await replayed(20, [marker(19, 3), entryRecord(20, 3), entryRecord(21, 3)]);
    expect([baseOf(at), range(at), markers(at)]).toEqual([[19, 3, 6, undefined], [20, 21], [19]]);
    const above = await replayed(20, [marker(30, 3), entryRecord(31, 3)]);
    expect([baseOf(above), range(above), markers(above)]).toEqual([
      [30, 3, 6, undefined],
      [31, 31],
      [30],
    ]);
    const below = await replayed(20, [marker(18, 3), ...entries(20, 21)]);
    expect([baseOf(below), range(below), markers(below)]).toEqual([[20, 1, 6, 1], [21, 21], []]);
    expect(above.log.hasUncoveredReset).toBe(false);
  });

  it('does not change for an entry below the snapshot that gives it', async () => {
    const told = await replayed(20, [marker(19, 3), ...entries(20, 21, 5)]);
    expect([baseOf(told)[0], range(told)]).toEqual([19, [20, 19]]);
    const reset = await replayed(20, [...entries(20, 21), marker(40, 3), ...entries(41, 15)]);
    expect([baseOf(reset), range(reset)]).toEqual([
      [40, 3, 6, undefined],
      [41, 40],
    ]);
  });

  it('must be given by a record', async () => {
    for (const firstIndex of [1, 20]) {
      const { log } = await replayed(firstIndex, [stateRecord(1, 0)]);
      expect(log.finish(file)).toMatchObject({
        verdict: 'missing-segment',
        message: expect.stringContaining(`the term before index ${firstIndex}`) as unknown,
        file,
        groupId: 5n,
      });
    }
    const { error } = await replayed(20, entries(21));
    expect(error).toMatchObject({ verdict: 'ErrSliceOutOfRange', firstIndex: 20 });
  });

  it('is index 0 in a log with its first segment', async () => {
    const log = await replayed(0, []);
    expect(log.log.start).toEqual({ segmentId: 6, position: undefined });
    expect([range(log), log.log.finish(file)]).toEqual([[1, 0], undefined]);
    expect((await replayed(1, entries(1, 2))).log.state.baseIndex).toBe(1);
  });
});

describe('a whole log', () => {
  it('has a commit index up to its last entry', async () => {
    const at = await replayed(0, [...entries(1, 2), stateRecord(1, 2)]);
    expect(at.log.finish(file)).toBeUndefined();
    const beyond = await replayed(0, [...entries(1, 2), stateRecord(1, 3)]);
    expect(beyond.log.finish(file)).toMatchObject({
      verdict: 'commit-beyond-end',
      message: expect.stringContaining('the commit index 3 is above the last index 2') as unknown,
      firstIndex: 3,
      groupId: 5n,
      file,
    });
  });

  it('has the hard state of the last record, unless the start is above its commit index', async () => {
    for (const commit of [4, 5, 6]) {
      const { log } = await replayed(5, [...entries(5, 6), stateRecord(3, commit, 9n)]);
      const written = log.state.hardState;
      expect(log.finish(file)).toBeUndefined();
      expect(log.state.hardState).toEqual({ term: 3, vote: 9n, commit: Math.max(5, commit) });
      if (commit >= 5) expect(log.state.hardState).toBe(written);
    }
  });
});

describe('the replayed metadata', () => {
  const metadata = async (...datas: readonly (Uint8Array | undefined)[]): Promise<unknown> => {
    const records = datas.map((data): CraftedRecord => ({ type: 1, data }));
    const { log, error, offsets } = await replayed(0, records);
    if (error !== undefined) expect(error.offset).toBe(offsets.at(-1));
    return error?.verdict ?? log.metadata;
  };
  const some = Uint8Array.of(8, 1);

  it('may be absent first, and must not change afterwards', async () => {
    expect(await metadata(undefined)).toBeUndefined();
    expect(await metadata(undefined, some, some)).toEqual(some);
    expect(await metadata(some, Uint8Array.of(8, 2))).toBe('ErrMetadataConflict');
    expect(await metadata(Uint8Array.of(8, 2), some)).toBe('ErrMetadataConflict');
    expect(await metadata(some, undefined)).toBe('ErrMetadataConflict');
  });

  it('is a copy, because the read buffer is reused', async () => {
    const large = [1, 2, 3, 4, 5].map((index) =>
      entryRecord(index, 1, new Uint8Array(400_000).fill(3)),
    );
    const { log } = await replayed(0, [metadataRecord(some), ...large]);
    expect(log.metadata).toEqual(some);
  });
});

describe('a record that cannot be replayed', () => {
  it('is damage, with its position and its cause', async () => {
    for (const type of [2, 3, 5]) {
      const bad = { type, data: Uint8Array.of(0x08, 0xff) };
      const { error, offsets } = await replayed(0, [...entries(1), bad]);
      expect(error).toMatchObject({
        verdict: 'not-readable',
        file,
        offset: offsets[1],
        groupId: 5n,
      });
      expect(error?.cause).toBeInstanceOf(Error);
    }
    const { error, offsets } = await replayed(0, [
      ...entries(1),
      { type: 9, data: Uint8Array.of(1) },
    ]);
    expect(error).toMatchObject({
      verdict: 'unexpected-block-type',
      offset: offsets[1],
      firstIndex: 2,
    });
  });

  it('is not reported for an error of the program', async () => {
    const log = new ReplayedLog(nameOf(0, 0), 0n);
    const record: ScannedRecord = {
      ...newRecord(),
      type: RecordType.State,
      offset: 0,
      previousOffset: 0,
      get bytes(): Uint8Array {
        throw new TypeError('no bytes');
      },
    };
    expect(() => log.visit(record, 0, file)).toThrow(TypeError);
  });
});
