/** Encoded records before they are written: their positions, rolling back, and a full segment. */
import { describe, expect, it } from 'vitest';
import { bytesBetweenSyncsMax, RecordType } from '../src/format/layout.ts';
import { startOfSegment } from '../src/segment/segment.ts';
import { craft, crcRecord, entryRecord, metadataRecord, stateRecord } from './support/crafted.ts';
import { addUpTo, entryOf, short, writerWorld } from './support/writers.ts';

const state = stateRecord(1, 1).data;

describe('encoded records', () => {
  it('have the positions of the records before them; the first one has no record before it', async () => {
    const { writer } = await writerWorld();
    const first = writer.add(RecordType.State, state);
    const second = writer.addEntry(entryOf(1, 10));
    const third = writer.addEntry(entryOf(2, 10));
    const { offsets } = craft([stateRecord(1, 1), entryRecord(1, 1, new Uint8Array(10))]);
    expect([first, second, third]).toEqual([startOfSegment, offsets[0], offsets[1]]);
    const { pendingBytes } = writer;
    await writer.flush(true);
    expect(writer.end).toBe(pendingBytes);
    const fourth = writer.add(RecordType.State, state);
    const fifth = writer.addEntry(entryOf(3, 10));
    const sixth = writer.addEntry(entryOf(4, 10));
    expect(fourth).toBeGreaterThan(third);
    expect([fifth, sixth]).toEqual([pendingBytes, pendingBytes + 8 + 24 - 8]);
  });

  it('are written in the format, with chained checksums', async () => {
    const { writer, disk, segment } = await writerWorld({ checksum: 50 });
    writer.addHead(undefined);
    writer.addEntry(entryOf(1, 10));
    await writer.flush(true);
    writer.addHead(state);
    const head = [crcRecord(50), metadataRecord()];
    const entry = entryRecord(1, 1, new Uint8Array(10).fill(1));
    const before = craft([...head, entry], { checksum: 50 });
    await writer.flush(true);
    const again = [crcRecord(before.checksums.at(-1)), metadataRecord(), stateRecord(1, 1)];
    const made = craft([...head, entry, ...again], { checksum: 50, fileBytes: 4096 });
    expect(Buffer.compare(disk.surgery.contents(segment.path), made.bytes)).toBe(0);
    expect([writer.end, writer.segment]).toEqual([made.end, segment]);
  });

  it('are dropped by rolling back to a mark', async () => {
    const { writer, changes } = await writerWorld();
    writer.add(RecordType.State, state);
    await writer.flush(true);
    changes();
    const mark = writer.mark();
    const before = writer.add(RecordType.State, state);
    writer.addEntry(entryOf(1, 10));
    expect(writer.hasWrittenSince(mark)).toBe(false);
    writer.rollBack(mark);
    expect(writer.pendingBytes).toBe(0);
    await writer.flush(true);
    expect(changes()).toEqual([]);
    expect(writer.add(RecordType.State, state)).toBe(before);
  });

  it('cannot be dropped after they are written', async () => {
    const { writer } = await writerWorld();
    const mark = writer.mark();
    writer.add(RecordType.State, state);
    await writer.flush(false);
    expect(writer.hasWrittenSince(mark)).toBe(true);
    const afterwards = writer.mark();
    expect(writer.hasWrittenSince(afterwards)).toBe(false);
    await writer.cut({ firstIndex: 3n, hardState: undefined }, true);
    expect(writer.hasWrittenSince(afterwards)).toBe(true);
    // The end alone is not enough: the next segment may end at the same offset.
    const { segment } = writer;
    expect(writer.hasWrittenSince({ ...writer.mark(), segment: { ...segment } })).toBe(true);
  });
});

describe('a segment that is full', () => {
  it('is full when the file of etcd would have reached its size', async () => {
    const { end } = craft([crcRecord(), metadataRecord()]);
    for (const [segmentBytes, isFull] of [
      [end - 1, true],
      [end, true],
      [end + 1, false],
    ] as const) {
      const { writer } = await writerWorld({ segmentBytes });
      writer.addHead(undefined);
      expect(writer.isFull).toBe(false);
      await writer.flush(true);
      expect([writer.isFull, writer.fitsOneWrite]).toEqual([isFull, false]);
      writer.add(RecordType.State, state);
      expect(writer.fitsOneWrite).toBe(false);
    }
  });

  it('may be full with unwritten records, of which etcd buffers 128 KiB', async () => {
    const { writer } = await writerWorld({ segmentBytes: 256 * 1024 });
    writer.addEntry(entryOf(1, 300 * 1024));
    expect(writer.isFull).toBe(true);
    const { writer: other } = await writerWorld({ segmentBytes: 4096 });
    other.addEntry(entryOf(1, 100 * 1024));
    expect(other.isFull).toBe(false);
  });
});

describe('one write', () => {
  it('is enough for records that fit into the file', async () => {
    for (const [more, fits] of [
      [-8, true],
      [0, true],
      [8, false],
    ] as const) {
      const { writer } = await writerWorld({ segmentBytes: 8192, fileBytes: 4096 });
      expect(writer.fitsOneWrite).toBe(false);
      writer.addHead(undefined);
      await writer.flush(true);
      expect(writer.fitsOneWrite).toBe(false);
      addUpTo(writer, 4096 - writer.end + more);
      expect(writer.fitsOneWrite).toBe(fits);
    }
  });

  it('is enough up to the limit between two syncs', async () => {
    for (const [more, fits] of [
      [-8, true],
      [0, true],
      [8, false],
    ] as const) {
      const { writer } = await writerWorld({ segmentBytes: 3 * bytesBetweenSyncsMax });
      addUpTo(writer, bytesBetweenSyncsMax + more);
      expect(writer.fitsOneWrite).toBe(fits);
    }
  });

  it('is made on the calling thread, durably or not', async () => {
    const { writer, changes, disk, segment } = await writerWorld({ segmentBytes: 64 * 1024 });
    writer.add(RecordType.State, state);
    writer.flushSync(true);
    const first = writer.end;
    expect([changes().map(short), writer.hasUnsynced]).toEqual([
      [`write-durable 0 ${first}`],
      false,
    ]);
    writer.addEntry(entryOf(1, 5000));
    writer.addEntry(entryOf(2, 10));
    const { pendingBytes } = writer;
    const mark = writer.mark();
    writer.flushSync(false);
    const written = changes().map((each) => short(each).split(' '));
    expect(written.map(([operation]) => operation)).toEqual(['write', 'write', 'write']);
    const places = written.map(([, position, bytes]) => [Number(position), Number(bytes)] as const);
    for (const [at, [position, bytes]] of places.entries()) {
      expect(position + bytes).toBe(places[at + 1]?.[0] ?? first + pendingBytes);
    }
    expect([places[0]?.[0], writer.end]).toEqual([first, first + pendingBytes]);
    expect([writer.hasUnsynced, writer.hasWrittenSince(mark), writer.pendingBytes]).toEqual([
      true,
      true,
      0,
    ]);
    const made = craft([
      stateRecord(1, 1),
      entryRecord(1, 1, new Uint8Array(5000).fill(1)),
      entryRecord(2, 1, new Uint8Array(10).fill(2)),
    ]);
    expect(
      Buffer.compare(disk.surgery.contents(segment.path).subarray(0, made.end), made.bytes),
    ).toBe(0);
    // The count of etcd's writer includes all of it.
    writer.add(RecordType.State, state);
    await writer.flushPages();
    expect(changes()).toEqual([]);
  });
});
