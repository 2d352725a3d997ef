/** Reading the records of one segment: the properties of each, and the end of a segment. */
import { describe, expect, it } from 'vitest';
import { confState } from '@babuza/testkit/ladder';
import type { File } from '@babuza/vfs';
import { RecordType } from '../src/format/layout.ts';
import { scanSegment, type ScannedRecord, type SegmentScan } from '../src/recovery/scan.ts';
import { startOfSegment } from '../src/segment/segment.ts';
import {
  beginning,
  craft,
  crcRecord,
  diskWith,
  entryRecord,
  framed,
  nameOf,
  pathOf,
  snapshotRecord,
  stateRecord,
  watchOrder,
  type CraftedRecord,
} from './support/crafted.ts';

interface Scanned extends SegmentScan {
  readonly records: readonly (Pick<ScannedRecord, 'type' | 'offset' | 'previousOffset'> & {
    readonly data: Uint8Array;
  })[];
}

interface Start {
  readonly checksum?: number;
  readonly isLast?: boolean;
  /** The record that is refused. */
  readonly stopAt?: number;
}

/** Scans a file with these bytes, and checks that its reads are awaited. */
async function scanned(
  bytes: Uint8Array,
  { checksum = 0, isLast = true, stopAt = Infinity }: Start = {},
): Promise<Scanned> {
  const name = nameOf(0, 0);
  const disk = diskWith([[name, bytes]]);
  const file = await disk.open(pathOf(name), 'read');
  const records: Scanned['records'][number][] = [];
  const strays = watchOrder(disk);
  const scan = await scanSegment({ file, checksum, isLast }, (record) => {
    if (records.length === stopAt) return false;
    const { type, offset, previousOffset, dataStart, dataEnd } = record;
    records.push({ type, offset, previousOffset, data: record.bytes.slice(dataStart, dataEnd) });
    return true;
  });
  expect(strays()).toEqual([]);
  return { ...scan, records };
}

const records: readonly CraftedRecord[] = [
  ...beginning,
  entryRecord(1, 1, new Uint8Array(100).fill(3)),
  snapshotRecord(1, 1, confState),
  stateRecord(1, 1),
];
const made = craft(records);
const last = made.offsets.at(-1) ?? 0;
const whole = {
  validEnd: made.end,
  checksum: made.checksums.at(-1),
  lastOffset: last,
  tornBytes: 0,
};
/** Ends before the last record, which does not count. */
const without = {
  validEnd: last,
  checksum: made.checksums.at(-2),
  lastOffset: made.offsets.at(-2),
  tornBytes: 0,
};

describe('the records of a segment', () => {
  it('are reported in order, each with its offset and that of the record before', async () => {
    const scan = await scanned(made.bytes);
    expect(scan.records).toEqual(
      records.map(({ type, data }, at) => ({
        type,
        offset: made.offsets[at],
        previousOffset: made.offsets[at - 1] ?? startOfSegment,
        data: new Uint8Array(data ?? []),
      })),
    );
    expect(scan).toMatchObject({ ...whole, end: 'end', fileBytes: made.end });
  });

  it('may be none', async () => {
    const { records: none, ...scan } = await scanned(new Uint8Array(0), { checksum: 5 });
    expect(none).toEqual([]);
    const nothing = { validEnd: 0, checksum: 5, lastOffset: startOfSegment, fileBytes: 0 };
    expect(scan).toEqual({ ...nothing, end: 'end', tornBytes: 0 });
  });

  it('end at a length field of zero, also in the last 8 bytes of the file', async () => {
    for (const zeros of [8, 16, 4096]) {
      const bytes = craft(records, { fileBytes: made.end + zeros }).bytes;
      expect(await scanned(bytes)).toMatchObject({ ...whole, end: 'end', fileBytes: bytes.length });
    }
  });

  it('end at a refused one, which does not count', async () => {
    const { records: told, ...scan } = await scanned(made.bytes, { stopAt: records.length - 1 });
    expect(told).toHaveLength(records.length - 1);
    expect(scan).toMatchObject({ ...without, end: 'stopped' });
    expect(await scanned(made.bytes, { stopAt: 0 })).toMatchObject({
      end: 'stopped',
      validEnd: 0,
      checksum: 0,
      lastOffset: startOfSegment,
    });
  });

  it('may be larger than one read', async () => {
    const large = Array.from({ length: 8 }, (_, at) =>
      entryRecord(at + 1, 1, new Uint8Array(300_000).fill(at + 1)),
    );
    const segment = craft([...beginning, ...large, stateRecord(1, 1)]);
    const scan = await scanned(segment.bytes);
    expect(scan.records.map(({ offset }) => offset)).toEqual(segment.offsets);
    expect(scan).toMatchObject({ end: 'end', validEnd: segment.end });
    const stopped = await scanned(segment.bytes, { stopAt: 6 });
    expect(stopped).toMatchObject({ end: 'stopped', validEnd: segment.offsets[6] });
    const hurt = Uint8Array.from(segment.bytes);
    hurt.fill(0, 1_800_192, 1_800_704);
    expect((await scanned(hurt)).end).toBe('torn');
  });
});

describe('a scan that is stopped', () => {
  it('waits for the reads ahead, so that the file can be closed', async () => {
    const large = Array.from({ length: 8 }, (_, at) =>
      entryRecord(at + 1, 1, new Uint8Array(300_000)),
    );
    const { bytes } = craft([...beginning, ...large]);
    let reading = 0;
    const file: Pick<File, 'size' | 'read'> = {
      size: () => Promise.resolve(bytes.length),
      async read(target, position) {
        reading += 1;
        for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
        const rest = bytes.subarray(position, position + target.length);
        target.set(rest);
        reading -= 1;
        return rest.length;
      },
    };
    let wasReading = 0;
    const start = { file: file as File, checksum: 0, isLast: true };
    for (let stopAt = 3; stopAt < 11; stopAt += 1) {
      let count = 0;
      const { end } = await scanSegment(start, () => {
        wasReading += reading;
        count += 1;
        return count < stopAt;
      });
      expect([end, reading]).toEqual(['stopped', 0]);
    }
    expect(wasReading).toBeGreaterThan(0);
  });
});

describe('a segment that ends within a record', () => {
  it('ends before it, wherever it is cut', async () => {
    for (let length = last + 1; length < made.end; length += 1) {
      const scan = await scanned(made.bytes.slice(0, length));
      expect(scan).toMatchObject({ ...without, end: 'unexpected-end', fileBytes: length });
    }
  });

  it('ends before it if fewer than 8 bytes are left', async () => {
    for (let more = 1; more < 8; more += 1) {
      for (const value of [0, 1]) {
        const bytes = Buffer.concat([made.bytes, new Uint8Array(more).fill(value)]);
        expect(await scanned(bytes)).toMatchObject({ ...whole, end: 'unexpected-end' });
      }
    }
    expect(await scanned(new Uint8Array(3))).toMatchObject({ end: 'unexpected-end', validEnd: 0 });
  });

  it('ends before it if the file becomes shorter during the scan', async () => {
    const said = made.bytes.length;
    let reads = 0;
    const file: Pick<File, 'size' | 'read'> = {
      size: () => Promise.resolve(said),
      read: (target, position) => {
        reads += 1;
        if (reads > 10) throw new Error('read again and again');
        const rest = made.bytes.subarray(position, last + 4).subarray(0, target.length);
        target.set(rest);
        return Promise.resolve(rest.length);
      },
    };
    const start = { file: file as File, checksum: 0, isLast: true };
    expect(await scanSegment(start, () => true)).toMatchObject({
      ...without,
      end: 'unexpected-end',
    });
  });

  it('ends before it if a length is far larger than the file', async () => {
    const bytes = Buffer.concat([made.bytes, Uint8Array.of(1, 0, 0, 0, 0, 0, 9, 0)]);
    expect(await scanned(bytes)).toMatchObject({ ...whole, end: 'unexpected-end' });
  });
});

describe('the checksums of a segment', () => {
  const goesOn = craft([crcRecord(77), stateRecord(1, 1)]);

  it('continue those of the segment before, and may start with any value', async () => {
    expect((await scanned(goesOn.bytes)).end).toBe('end');
    expect((await scanned(goesOn.bytes, { checksum: 77 })).end).toBe('end');
    const { end, validEnd } = await scanned(goesOn.bytes, { checksum: 78 });
    expect([end, validEnd]).toEqual(['checksum', 0]);
    expect((await scanned(goesOn.bytes, { checksum: 1 })).end).toBe('checksum');
  });

  it('must be right for each record, or it does not count', async () => {
    const hurt = Uint8Array.from(made.bytes);
    hurt[made.end - 3] = (hurt[made.end - 3] ?? 0) ^ 1;
    const scan = await scanned(hurt);
    expect(scan).toMatchObject({ ...without, end: 'checksum' });
    expect(scan.records).toHaveLength(records.length - 1);
  });

  it('are those of the data before a checksum record that repeats them', async () => {
    const again = craft([...records, crcRecord(made.checksums.at(-1))]);
    expect((await scanned(again.bytes)).end).toBe('end');
    const other = craft([...records, crcRecord(1)]);
    expect(await scanned(other.bytes)).toMatchObject({ ...whole, end: 'checksum' });
    const fromData = craft([{ type: RecordType.Crc, crc: 0, data: Uint8Array.of(1, 2) }]);
    expect(await scanned(fromData.bytes)).toMatchObject({ end: 'end', checksum: 0 });
  });
});

describe('a record that is not a message', () => {
  it('ends the segment before it', async () => {
    const bytes = Buffer.concat([made.bytes, framed(Uint8Array.of(0xff, 0xff, 0xff))]);
    expect(await scanned(bytes)).toMatchObject({ ...whole, end: 'no-message' });
  });
});

describe('a record that lacks a sector', () => {
  const payload = new Uint8Array(2000).fill(7);
  const torn = craft([...records, entryRecord(2, 1, payload)], { fileBytes: 4096 });
  const tornAt = torn.offsets.at(-1) ?? 0;
  torn.bytes.fill(0, 1024, 1536);

  it('is torn in the last segment of a log, and a wrong checksum in any other', async () => {
    const end = { ...whole, validEnd: tornAt };
    expect(await scanned(torn.bytes)).toMatchObject({
      ...end,
      end: 'torn',
      tornBytes: torn.end - tornAt,
    });
    expect(await scanned(torn.bytes, { isLast: false })).toMatchObject({ ...end, end: 'checksum' });
  });

  it('is torn in the last segment, and not a message in any other, if its beginning is missing', async () => {
    // The beginning of the record is at a sector boundary, after the length field.
    const filler = entryRecord(2, 1, new Uint8Array(4600 - made.end - 8 - 20).fill(1));
    const { offsets, bytes, end } = craft([...records, filler, entryRecord(3, 1, payload)]);
    const start = (offsets.at(-1) ?? 0) + 8;
    expect(start % 512).toBe(0);
    bytes.fill(0, start, start + 512);
    expect(await scanned(bytes)).toMatchObject({ end: 'torn', tornBytes: end - start + 8 });
    expect(await scanned(bytes, { isLast: false })).toMatchObject({
      end: 'no-message',
      tornBytes: 0,
    });
  });

  it('is torn even if the sector has only its last byte and the padding', async () => {
    for (let size = 1000; size < 1600; size += 1) {
      const { offsets, bytes, end } = craft([
        ...records,
        entryRecord(2, 1, new Uint8Array(size).fill(7)),
      ]);
      const at = offsets.at(-1) ?? 0;
      if (end % 512 !== 8 || (bytes[at + 7] ?? 0) !== 0x87) continue;
      bytes.fill(0, end - 8);
      expect(await scanned(bytes)).toMatchObject({ end: 'torn', tornBytes: end - at });
      return;
    }
    expect.unreachable('no payload ends so');
  });

  it('is not torn if a byte of each sector is there', async () => {
    const bytes = Uint8Array.from(torn.bytes);
    bytes[1200] = 1;
    expect((await scanned(bytes)).end).toBe('checksum');
  });
});
