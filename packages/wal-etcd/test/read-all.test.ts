/** The results of `ReadAll`, `ValidSnapshotEntries` and `Verify` for the records of a log. */
import { describe, expect, it } from 'vitest';
import { confState } from '@babuza/testkit/ladder';
import {
  ReadLog,
  SnapshotRecords,
  visitRecords,
  type RecordVisitor,
} from '../src/recovery/read-all.ts';
import {
  beginning,
  craft,
  crcRecord,
  diskWith,
  entryRecord,
  metadataBytes,
  metadataRecord,
  nameOf,
  openSegment,
  snapshotRecord,
  stateRecord,
  watchOrder,
  type CraftedRecord,
} from './support/crafted.ts';

const first = nameOf(0, 0);
const second = nameOf(1, 4);

type Visited = Awaited<ReturnType<typeof visitRecords>>;

/** Visits the records of one segment, or of two if there is a second list. */
async function visit(
  visitor: RecordVisitor,
  records: readonly CraftedRecord[],
  behind?: readonly CraftedRecord[],
): Promise<Visited> {
  const made = craft(records);
  const checksum = made.checksums.at(-1) ?? 0;
  const next = behind === undefined ? [] : [[second, craft(behind, { checksum }).bytes] as const];
  const disk = diskWith([[first, made.bytes], ...next]);
  const segments = [await openSegment(disk, first)];
  if (behind !== undefined) segments.push(await openSegment(disk, second));
  const strays = watchOrder(disk);
  const visited = await visitRecords(segments, visitor);
  expect(strays()).toEqual([]);
  return visited;
}

const readFrom = (index: bigint, term = 1n, keepsEntries = true): ReadLog =>
  new ReadLog({ index, term }, keepsEntries);

const indexes = ({ entries }: ReadLog): bigint[] => entries.map(({ index }) => index);

describe('the records of a log', () => {
  it('are visited in all segments, whose checksums are chained', async () => {
    const log = readFrom(0n, 0n);
    const head = [...beginning, entryRecord(1)];
    const made = craft(head);
    const checksum = made.checksums.at(-1) ?? 0;
    const tail = [crcRecord(checksum), metadataRecord(), entryRecord(2), stateRecord(3, 2)];
    const { error, scan, last } = await visit(log, head, tail);
    expect(error).toBeUndefined();
    expect([scan.end, scan.validEnd]).toEqual(['end', craft(tail, { checksum }).end]);
    expect([last.segmentId, last.startChecksum]).toEqual([1, checksum]);
    expect([indexes(log), log.lastIndex]).toEqual([[1n, 2n], 2n]);
    expect(log.metadata).toEqual(metadataBytes);
    expect(log.hardState).toEqual({ term: 3n, vote: 1n, commit: 2n });
  });

  it('end at the first segment that is damaged', async () => {
    const log = readFrom(0n, 0n);
    const { error, last } = await visit(
      log,
      [...beginning, { ...entryRecord(1), crc: 1 }],
      [crcRecord(1)],
    );
    expect([error?.verdict, error?.groupId, last.segmentId]).toEqual(['ErrCRCMismatch', 0n, 0]);
    expect(indexes(log)).toEqual([]);
  });

  it('end where the visitor finds damage', async () => {
    const log = readFrom(0n, 0n);
    const { error, scan } = await visit(log, [
      ...beginning,
      { type: 9, data: Uint8Array.of(1) },
      entryRecord(1),
    ]);
    expect(error).toMatchObject({ verdict: 'unexpected-block-type', offset: scan.validEnd });
    expect([scan.end, indexes(log)]).toEqual(['stopped', []]);
    expect(error?.message).toContain('type 9');
  });

  it('are visited up to an incomplete record, in earlier segments too', async () => {
    const log = readFrom(0n, 0n);
    const disk = diskWith([
      [first, craft([...beginning, entryRecord(1)]).bytes.slice(0, -4)],
      [second, craft([crcRecord()]).bytes],
    ]);
    const segments = [await openSegment(disk, first), await openSegment(disk, second)];
    const { error, last } = await visitRecords(segments, log);
    expect([error?.verdict, last.segmentId]).toEqual(['ErrUnexpectedEOF', 0]);
  });

  it('may be missing, which leaves the initial state', async () => {
    const log = readFrom(0n, 0n);
    await visit(log, [crcRecord()]);
    expect(log).toMatchObject({
      metadata: undefined,
      entries: [],
      snapshotFound: false,
      lastIndex: 0n,
    });
    expect(log.hardState).toEqual({ term: 0n, vote: 0n, commit: 0n });
  });
});

describe('the read entries', () => {
  it('are those after the snapshot; the last index is that of the last record, even if it was dropped', async () => {
    const log = readFrom(3n);
    await visit(log, [...beginning, ...[1, 2, 3, 4, 5].map((index) => entryRecord(index))]);
    expect([indexes(log), log.lastIndex]).toEqual([[4n, 5n], 5n]);
    await visit(log, [entryRecord(2)]);
    expect([indexes(log), log.lastIndex]).toEqual([[4n, 5n], 2n]);
  });

  it('are dropped from an index on that is recorded again', async () => {
    const log = readFrom(0n, 0n);
    const again = [entryRecord(1), entryRecord(2), entryRecord(3), entryRecord(2, 7)];
    await visit(log, [...beginning, ...again]);
    expect(log.entries.map(({ index, term }) => [index, term])).toEqual([
      [1n, 1n],
      [2n, 7n],
    ]);
  });

  it('must have no gap', async () => {
    const log = readFrom(3n);
    const { error } = await visit(log, [...beginning, entryRecord(4), entryRecord(6)]);
    expect(error).toMatchObject({ verdict: 'ErrSliceOutOfRange' });
    expect(error?.message).toContain('entry 6 leaves a gap: the log has 1 entries after index 3');
    expect(indexes(log)).toEqual([4n]);
    expect((await visit(readFrom(3n), [...beginning, entryRecord(5)])).error?.verdict).toBe(
      'ErrSliceOutOfRange',
    );
  });

  it('are not decoded if they are not requested', async () => {
    const log = readFrom(0n, 0n, false);
    const { error } = await visit(log, [
      ...beginning,
      entryRecord(9),
      { type: 2, data: Uint8Array.of(0xff) },
    ]);
    expect([error, indexes(log), log.lastIndex]).toEqual([undefined, [], 0n]);
  });

  it('keep their data when the read buffer is reused', async () => {
    const log = readFrom(0n, 0n);
    const large = [1, 2, 3, 4].map((index) =>
      entryRecord(index, 1, new Uint8Array(400_000).fill(index)),
    );
    await visit(log, [...beginning, ...large]);
    const wrong = log.entries.filter(({ index, data }) =>
      data?.some((byte) => byte !== Number(index)),
    );
    expect([indexes(log), wrong]).toEqual([[1n, 2n, 3n, 4n], []]);
  });
});

describe('the read metadata', () => {
  const conflicts = async (...datas: readonly (Uint8Array | undefined)[]): Promise<unknown> => {
    const log = readFrom(0n, 0n);
    const metadata = datas.map((data): CraftedRecord => ({ type: 1, data }));
    const { error } = await visit(log, [crcRecord(), ...metadata]);
    return error?.verdict ?? log.metadata;
  };
  const some = Uint8Array.of(8, 1);
  const none = new Uint8Array(0);

  it('may be absent first, and is that of the last record', async () => {
    expect(await conflicts(undefined, some)).toEqual(some);
    expect(await conflicts(some, some)).toEqual(some);
    expect(await conflicts(none, undefined)).toBeUndefined();
    expect(await conflicts(undefined)).toBeUndefined();
    expect(await conflicts(none)).toEqual(none);
  });

  it('must not change, and absent is the same as empty', async () => {
    const conflict = 'ErrMetadataConflict';
    expect(await conflicts(some, Uint8Array.of(8, 2))).toBe(conflict);
    expect(await conflicts(Uint8Array.of(8, 2), some)).toBe(conflict);
    expect(await conflicts(some, undefined)).toBe(conflict);
    expect(await conflicts(some, none)).toBe(conflict);
    expect(await conflicts(Uint8Array.of(0), undefined)).toBe(conflict);
    expect(await conflicts(none, some)).toBe(conflict);
  });
});

describe('the requested snapshot', () => {
  it('is found by its index, and must have the requested term', async () => {
    const records = [...beginning, snapshotRecord(3, 1), snapshotRecord(9, 2)];
    for (const [index, term, expected] of [
      [3n, 1n, true],
      [9n, 2n, true],
      [4n, 1n, false],
    ] as const) {
      const log = readFrom(index, term);
      const { error } = await visit(log, records);
      expect([error, log.snapshotFound, log.lastIndex]).toEqual([undefined, expected, 9n]);
    }
    const log = readFrom(9n, 1n);
    const { error } = await visit(log, records);
    expect([error?.verdict, log.snapshotFound]).toEqual(['ErrSnapshotMismatch', false]);
    expect(error?.message).toContain('the snapshot record at index 9 has term 2, expected term 1');
  });

  it('never decreases the last index', async () => {
    const log = readFrom(0n, 0n);
    await visit(log, [...beginning, entryRecord(1), entryRecord(2), snapshotRecord(1)]);
    expect(log.lastIndex).toBe(2n);
    await visit(log, [snapshotRecord(7)]);
    expect(log.lastIndex).toBe(7n);
  });
});

describe('the valid snapshots', () => {
  it('are those up to the commit index of the last hard state', async () => {
    const records = new SnapshotRecords();
    const marks = [3, 4, 5].map((index) => snapshotRecord(index, 1, confState));
    const { error } = await visit(records, [
      ...beginning,
      stateRecord(1, 9),
      entryRecord(1),
      ...marks,
      { type: 7, data: Uint8Array.of(1) },
      stateRecord(1, 4),
    ]);
    expect(error).toBeUndefined();
    expect(records.valid.map(({ index }) => index)).toEqual([0n, 3n, 4n]);
  });

  it('are those of index 0 if there is no hard state', async () => {
    const records = new SnapshotRecords();
    await visit(records, [...beginning, snapshotRecord(1)]);
    expect(records.valid.map(({ index }) => index)).toEqual([0n]);
  });
});

describe('data that does not match its type', () => {
  const broken = (type: number): CraftedRecord => ({ type, data: Uint8Array.of(0x08, 0xff) });
  for (const [what, type, make] of [
    ['an entry', 2, () => readFrom(0n, 0n)],
    ['a hard state', 3, () => readFrom(0n, 0n)],
    ['a snapshot', 5, () => readFrom(0n, 0n)],
    ['a hard state that is looked at for its commit index', 3, () => new SnapshotRecords()],
    ['a snapshot that is listed', 5, () => new SnapshotRecords()],
  ] as const) {
    it(`is damage: ${what}`, async () => {
      const { error, scan } = await visit(make(), [...beginning, broken(type)]);
      expect(error).toMatchObject({
        verdict: 'not-readable',
        offset: scan.validEnd,
        code: 'WAL_CORRUPT',
      });
      expect(error?.cause).toBeInstanceOf(Error);
    });
  }

  it('is not reported for an error of the program', async () => {
    const visitor = new ReadLog({ index: 0n, term: 0n }, true);
    Object.freeze(visitor.entries);
    await expect(visit(visitor, [...beginning, entryRecord(1)])).rejects.toThrow(TypeError);
  });
});
