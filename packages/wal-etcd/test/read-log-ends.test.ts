/** Reading a log: snapshots that are not valid, damage, and the end of the last segment. */
import { describe, expect, it } from 'vitest';
import type { SimulatedDisk } from '@babuza/testkit';
import { confState } from '@babuza/testkit/ladder';
import {
  beginning,
  craft,
  crcRecord,
  damageFrom,
  diskWith,
  entryRecord,
  metadataRecord,
  nameOf,
  pathOf,
  snapshotRecord,
  stateRecord,
} from './support/crafted.ts';
import { chain, entries, found, range, type Made } from './support/crafted-logs.ts';

describe('a log with a snapshot that is not valid', () => {
  const marker = snapshotRecord(20, 3, confState);

  it('is read a second time without it if records follow it', async () => {
    const segments = chain(0, [
      { firstIndex: 0, records: [...entries(1, 5), stateRecord(1, 4), marker, stateRecord(2, 5)] },
    ]);
    const log = await found(diskWith(segments));
    expect([range(log), log.replayed.state.markers]).toEqual([[1, 5], []]);
    expect(log.replayed.state.hardState).toEqual({ term: 2, vote: 1n, commit: 5 });
    expect([log.scan.validEnd, log.tail.verdict]).toEqual([segments[0]?.[1].length, 'clean']);
  });

  it('is read without it, and ends before it, if it is the last record', async () => {
    // The first segment is longer than the part of the last one before the marker.
    const segments = chain(0, [
      { firstIndex: 0, records: [...entries(1, 15), stateRecord(1, 4)] },
      { firstIndex: 16, records: [stateRecord(1, 4), marker] },
    ]);
    const kept = craft([crcRecord(), metadataRecord(), stateRecord(1, 4)]).end;
    const log = await found(diskWith(segments));
    expect([range(log), log.replayed.state.markers]).toEqual([[1, 15], []]);
    expect([log.scan.validEnd, log.scan.end]).toEqual([kept, 'end']);
    expect(log.tail).toMatchObject({ verdict: 'uncertain', offset: kept, firstIndex: 16 });
    expect(log.segments.map(({ segmentId }) => segmentId)).toEqual([0, 1]);
  });

  it('is read without two of them: one in the middle and one as the last record', async () => {
    const segments = chain(0, [
      {
        firstIndex: 0,
        records: [...entries(1, 5), marker, stateRecord(2, 5), snapshotRecord(30, 4, confState)],
      },
    ]);
    const log = await found(diskWith(segments));
    expect([range(log), log.replayed.state.markers]).toEqual([[1, 5], []]);
    expect(log.tail.verdict).toBe('uncertain');
  });

  it('is read with a valid snapshot, and without an invalid one after it', async () => {
    const segments = chain(0, [
      {
        firstIndex: 0,
        records: [
          ...entries(1, 5),
          marker,
          snapshotRecord(30, 3, confState),
          stateRecord(3, 25),
          ...[21, 22, 23, 24, 25, 26].map((index) => entryRecord(index, 3)),
        ],
      },
    ]);
    const { replayed, ...log } = await found(diskWith(segments));
    expect([range({ replayed, ...log }), replayed.state.hardState.commit]).toEqual([[21, 26], 25]);
    expect(replayed.state.markers.map(({ index }) => index)).toEqual([20]);
  });

  it('is uncertain if a torn write follows the snapshot, and drops both', async () => {
    const made = craft([...beginning, ...entries(1, 5), stateRecord(1, 4), marker]);
    const torn = craft([entryRecord(6, 1, new Uint8Array(2000).fill(7))]);
    const bytes = new Uint8Array(made.end + torn.end);
    bytes.set(made.bytes);
    bytes.set(torn.bytes, made.end);
    bytes.fill(0, 1024, 1536);
    const disk = diskWith([[nameOf(0, 0), bytes]]);
    const { scan, tail } = await found(disk);
    expect([scan.validEnd, scan.end]).toEqual([made.offsets.at(-1), 'torn']);
    expect(tail).toMatchObject({
      verdict: 'uncertain',
      bytesDropped: bytes.length - scan.validEnd - leftZeros(bytes),
    });
  });
});

const leftZeros = (bytes: Uint8Array): number =>
  bytes.length - 1 - bytes.findLastIndex((byte) => byte !== 0);

describe('damage to a log', () => {
  it('reports the next entry and the group', async () => {
    const made = craft([...beginning, ...entries(1, 3), { ...entryRecord(4), crc: 1 }]);
    const error = await damageFrom(found(diskWith([[nameOf(0, 0), made.bytes]]), 8n));
    expect(error).toMatchObject({
      verdict: 'ErrCRCMismatch',
      firstIndex: 4,
      groupId: 8n,
      offset: made.offsets.at(-1),
    });
  });

  it('is an incomplete record in any segment but the last', async () => {
    const segments = chain(0, [
      { firstIndex: 0, records: [...entries(1, 3)] },
      { firstIndex: 4, records: entries(4, 5) },
    ]);
    const cut = (at: number): Made[] =>
      segments.map(([name, bytes], each) => [name, each === at ? bytes.slice(0, -4) : bytes]);
    const error = await damageFrom(found(diskWith(cut(0))));
    expect(error).toMatchObject({ verdict: 'ErrUnexpectedEOF', firstIndex: 3 });
    const log = await found(diskWith(cut(1)));
    expect([range(log), log.scan.end, log.tail.verdict]).toEqual([
      [1, 4],
      'unexpected-end',
      'uncertain',
    ]);
    expect(log.tail).toMatchObject({ firstIndex: 5, file: pathOf(nameOf(1, 4)) });
  });

  it('is an entry that leaves a gap, and its position is reported', async () => {
    const made = craft([...beginning, entryRecord(1), entryRecord(3)]);
    const error = await damageFrom(found(diskWith([[nameOf(0, 0), made.bytes]]), 2n));
    expect(error).toMatchObject({
      verdict: 'ErrSliceOutOfRange',
      firstIndex: 2,
      offset: made.offsets.at(-1),
      groupId: 2n,
    });
  });

  it('is a record that ends between two multiples of 8, wherever the next ones end', async () => {
    const made = craft([...beginning, entryRecord(1, 1, new Uint8Array(3))]);
    // The length field has no padding.
    const place = made.offsets.at(-1) ?? 0;
    const odd = Uint8Array.from(made.bytes);
    odd[place + 7] = 0;
    const oddEnd = place + 8 + (odd[place] ?? 0);
    expect(oddEnd % 8).not.toBe(0);
    const next = craft([entryRecord(2)], { checksum: made.checksums.at(-1) ?? 0 }).bytes;
    for (let padding = 0; padding < 8; padding += 1) {
      const follower = Uint8Array.from([
        ...next.slice(0, 8 + (next[0] ?? 0)),
        ...new Uint8Array(padding),
      ]);
      follower[7] = 0x80 | padding;
      for (const bytes of [odd.slice(0, oddEnd), Buffer.concat([odd.slice(0, oddEnd), follower])]) {
        const error = await damageFrom(found(diskWith([[nameOf(0, 0), bytes]]), 6n));
        expect(error).toMatchObject({
          verdict: 'not-aligned',
          offset: place,
          firstIndex: 2,
          groupId: 6n,
        });
      }
    }
  });
});

describe('the end of a log', () => {
  const records = [...beginning, ...entries(1, 3)];
  const large = entryRecord(4, 1, new Uint8Array(2000).fill(7));

  /** A log whose last record lacks the sector at 1,024, followed by other bytes. */
  function torn(behind: number): { disk: SimulatedDisk; end: number } {
    const made = craft([...records, large], { fileBytes: 8192 });
    made.bytes.fill(0, 1024, 1536);
    if (behind >= 0) made.bytes[made.end + behind] = 1;
    return { disk: diskWith([[nameOf(0, 0), made.bytes]]), end: made.offsets.at(-1) ?? 0 };
  }

  it('is clean if zeros follow the last record', async () => {
    const made = craft(records, { fileBytes: 4096 });
    const { tail, scan } = await found(diskWith([[nameOf(0, 0), made.bytes]]));
    expect([tail, scan.validEnd]).toEqual([{ verdict: 'clean', bytesDropped: 0 }, made.end]);
  });

  it('is uncertain if anything else follows, one byte at least', async () => {
    const made = craft(records, { fileBytes: 4096 });
    // A length field of zero ends the log.
    made.bytes[made.end + 8] = 1;
    const { tail } = await found(diskWith([[nameOf(0, 0), made.bytes]]));
    expect(tail).toEqual({
      verdict: 'uncertain',
      bytesDropped: 9,
      file: pathOf(nameOf(0, 0)),
      offset: made.end,
      firstIndex: 4,
    });
  });

  it('is torn if the last record lacks a sector, and nothing follows', async () => {
    const { disk, end } = torn(-1);
    expect((await found(disk)).tail).toMatchObject({ verdict: 'torn', offset: end, firstIndex: 4 });
  });

  it('is uncertain if something follows the record that lacks a sector', async () => {
    expect((await found(torn(0).disk)).tail.verdict).toBe('uncertain');
    expect((await found(torn(900).disk)).tail.verdict).toBe('uncertain');
  });

  it('is torn even if the last byte of that record is not padding', async () => {
    for (let payload = 2000; payload < 2008; payload += 1) {
      const made = craft([...records, entryRecord(4, 1, new Uint8Array(payload).fill(7))]);
      made.bytes.fill(0, 1024, 1536);
      expect((await found(diskWith([[nameOf(0, 0), made.bytes]]))).tail.verdict).toBe('torn');
    }
  });
});
