/**
 * Reading single entries and ranges of entries from segments: the results, and how much is read.
 */
import { describe, expect, it } from 'vitest';
import type { Entry } from '@babuza/raftpb';
import { PositionIndex } from '@babuza/wal-core/backend';
import { SegmentList } from '@babuza/wal-files';
import { EtcdEntryReader } from '../src/segment/entry-reader.ts';
import { startOfSegment, type EtcdSegment } from '../src/segment/segment.ts';
import { beginning, craft, diskWith, entryRecord, framed, openSegment } from './support/crafted.ts';
import { complaint, entry, name, path, payload, records, world } from './support/read-worlds.ts';

/** Entries with their payloads as texts, which can be compared faster. */
const shown = (entries: readonly Entry[]): unknown[] =>
  entries.map(({ data, ...numbers }) => ({
    ...numbers,
    data: Buffer.from(data ?? []).toString('latin1'),
  }));

describe('read entries', () => {
  it('are those from one index up to but not including another', async () => {
    const { reader } = await world(records(5, 10));
    for (let lo = 1; lo <= 5; lo += 1) {
      for (let hi = lo + 1; hi <= 6; hi += 1) {
        const expected = Array.from({ length: hi - lo }, (_, at) => entry(lo + at, 10));
        expect(reader.read(lo, hi, Infinity)).toEqual(expected);
      }
    }
  });

  it('are read together with the record before, and nothing else', async () => {
    const { reader, offsets, reads } = await world(records(6, 5000));
    const between = (from: number, to: number): number => (offsets[to] ?? 0) - (offsets[from] ?? 0);
    expect(reader.read(2, 4, Infinity)).toEqual([entry(2, 5000), entry(3, 5000)]);
    // Entry 2 is record 4, and continues the checksum of record 3.
    expect(reads()).toEqual([between(3, 6)]);
    expect(reader.read(2, 3, Infinity)).toEqual([entry(2, 5000)]);
    expect(reads()).toEqual([between(3, 5)]);
  });

  it('end at the end of the segment', async () => {
    const { reader } = await world(records(3, 10));
    expect(reader.read(2, 100, Infinity)).toEqual([entry(2, 10), entry(3, 10)]);
    expect(reader.read(3, 100, Infinity)).toEqual([entry(3, 10)]);
  });

  it('are those that fit into one read, and at least one', async () => {
    const { reader } = await world(records(9, 5000));
    const some = reader.read(1, 10, 7000);
    expect(some.length).toBeGreaterThan(0);
    expect(some.length).toBeLessThan(4);
    expect(some).toEqual(some.map((_, at) => entry(at + 1, 5000)));
    expect(reader.read(1, 10, 0).length).toBe(1);
  });

  it('keep absent and empty payloads apart', async () => {
    const { reader } = await world([
      ...beginning,
      entryRecord(1),
      entryRecord(2, 1, payload(2, 0)),
    ]);
    const [first, second] = reader.read(1, 3, Infinity);
    expect([first, second?.data]).toEqual([{ ...entry(1, 0), data: undefined }, payload(2, 0)]);
    expect(reader.read(1, 2, Infinity)[0]?.data).toBeUndefined();
    expect(reader.read(2, 3, Infinity)[0]?.data).toEqual(payload(2, 0));
  });

  it('do not change when other entries are read', async () => {
    const { reader, offsets } = await world(records(4, 100));
    const several = reader.read(1, 3, Infinity);
    const single = reader.read(3, 4, Infinity);
    const slow = reader.readAt(3, offsets[3] ?? 0, 2);
    expect(slow).toBeDefined();
    reader.read(4, 5, Infinity);
    expect([...several, ...single]).toEqual([entry(1, 100), entry(2, 100), entry(3, 100)]);
    // A single entry does not keep the buffer alive that it was read into.
    const [one] = reader.read(1, 2, Infinity);
    const [other] = reader.read(3, 4, Infinity);
    expect(one?.data?.buffer).toBe(other?.data?.buffer);
    expect(several[0]?.data?.buffer).not.toBe(one?.data?.buffer);
  });
});

describe('an entry that is larger than what is read at a time', () => {
  const large = 400 * 1024;

  it('is read completely by itself, as is the entry after it', async () => {
    const { reader, reads, offsets } = await world([
      ...beginning,
      entryRecord(1, 1, payload(1, 10)),
      entryRecord(2, 1, payload(2, large)),
      entryRecord(3, 1, payload(3, 10)),
      entryRecord(4, 1, payload(4, 10)),
    ]);
    expect(shown(reader.read(2, 3, Infinity))).toEqual(shown([entry(2, large)]));
    expect(shown(reader.read(2, 4, Infinity))).toEqual(shown([entry(2, large)]));
    expect(shown(reader.read(1, 4, Infinity))).toEqual(shown([entry(1, 10)]));
    reads();
    expect(shown(reader.read(3, 4, Infinity))).toEqual(shown([entry(3, 10)]));
    // For each record the length is read, and whether the file reaches to its end. Nothing else of
    // the large record is read.
    const [attempt, ...slow] = reads();
    expect(attempt).toBeGreaterThan(22);
    expect(slow).toEqual([22, 1, 8, 1, (offsets[6] ?? 0) - (offsets[5] ?? 0)]);
  });

  it('can follow a record that is not encoded as etcd does it', async () => {
    const data = payload(1, 300 * 1024);
    // The checksum is encoded before the type.
    const first = craft([entryRecord(1, 1, data)]);
    const [crc = 0] = first.checksums;
    const { data: encoded = data } = entryRecord(1, 1, data);
    const record = Buffer.concat([
      Uint8Array.of(0x10),
      varint(crc),
      Uint8Array.of(0x08, 2, 0x1a),
      varint(encoded.length),
      encoded,
    ]);
    const behind = craft([entryRecord(2, 1, payload(2, 10)), entryRecord(3, 1, payload(3, 10))], {
      checksum: crc,
    });
    const frame = framed(record);
    const disk = diskWith([[name, Buffer.concat([frame, behind.bytes])]]);
    const segment = { ...(await openSegment(disk, name)), startChecksum: 0 };
    const index = new PositionIndex();
    for (const [at, place] of [startOfSegment, 0, frame.length].entries())
      index.append(at + 1, 1, 3, place);
    const reader = new EtcdEntryReader(index, new SegmentList<EtcdSegment>([segment]), 6n);
    // The reader still has another checksum from before.
    expect(shown(reader.read(3, 4, Infinity))).toEqual(shown([entry(3, 10)]));
    expect(shown(reader.read(2, 3, Infinity))).toEqual(shown([entry(2, 10)]));
    expect(shown(reader.read(1, 4, Infinity))).toEqual(shown([entry(1, 300 * 1024)]));
    disk.surgery.overwrite(path, 8, Uint8Array.of(0xff));
    expect(complaint(() => reader.read(2, 3, Infinity))).toEqual([
      2,
      0,
      'the record is not a protobuf message',
    ]);
  });
});

describe('an entry that is the first record of its segment', () => {
  it('continues the checksum of the segment before', async () => {
    const { reader } = await world(records(3, 10).slice(3), 0, 77);
    expect(reader.read(1, 2, Infinity)).toEqual([entry(1, 10)]);
    expect(reader.read(1, 4, Infinity)[0]).toEqual(entry(1, 10));
    expect(reader.read(2, 4, Infinity)).toEqual([entry(2, 10), entry(3, 10)]);
    expect(reader.readAt(3, startOfSegment, 1)).toEqual(entry(1, 10));
  });

  it('has the largest possible position, where no record can be', () => {
    const index = new PositionIndex();
    index.append(1, 1, 3, startOfSegment);
    expect(index.runOf(1).offsetOf(1)).toBe(startOfSegment);
    expect(() => index.append(2, 1, 3, startOfSegment + 8)).toThrow(
      'a position must be a multiple of 8 below 32 GiB',
    );
  });
});

describe('an entry at a position', () => {
  it('can be read when the index does not have it', async () => {
    const { reader, offsets } = await world(records(3, 10));
    expect(reader.readAt(3, offsets[4] ?? 0, 3)).toEqual(entry(3, 10));
  });

  it('must be in an open segment', async () => {
    const { reader } = await world(records(3, 10));
    expect(() => reader.readAt(4, 0, 3)).toThrow('a segment of the index must be open');
  });
});

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.of(...bytes, rest);
}
