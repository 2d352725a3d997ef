/** Appending records to a segment: what is written, how it is made durable, what can be taken back. */
import { describe, expect, it } from 'vitest';
import type { File } from '@babuza/vfs';
import { NoSpaceError } from '@babuza/wal-core';
import { bytesBetweenSyncsMax, RecordType } from '../src/format/layout.ts';
import { startOfSegment } from '../src/segment/segment.ts';
import { WalWriter } from '../src/writer/wal-writer.ts';
import {
  craft,
  crcRecord,
  entryRecord,
  metadataRecord,
  pathOf,
  stateRecord,
  watchOrder,
} from './support/crafted.ts';
import { entryOf, writerWorld, type WriterWorld } from './support/writers.ts';

const state = stateRecord(1, 1).data;

/** Adds an entry to a writer with which nothing waits, so that so many bytes do. */
function addUpTo(writer: WalWriter, pendingBytes: number): void {
  for (let around = 16; around < 64; around += 1) {
    const mark = writer.mark();
    writer.addEntry(entryOf(1, pendingBytes - around));
    if (writer.pendingBytes === pendingBytes) return;
    writer.rollBack(mark);
  }
  throw new Error(`no entry takes ${pendingBytes} bytes`);
}

const short = (text: string): string => text.replaceAll(/[0-9a-f]{16}-[0-9a-f]{16}\.wal /g, '');

describe('records that wait', () => {
  it('have the places of the records before them, which begin at none', async () => {
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

  it('are written as the format says, and chained', async () => {
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

  it('are dropped by going back to a mark', async () => {
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

  it('cannot be dropped when they are written', async () => {
    const { writer } = await writerWorld();
    const mark = writer.mark();
    writer.add(RecordType.State, state);
    await writer.flush(false);
    expect(writer.hasWrittenSince(mark)).toBe(true);
    const afterwards = writer.mark();
    expect(writer.hasWrittenSince(afterwards)).toBe(false);
    await writer.cut({ firstIndex: 3n, hardState: undefined }, true);
    expect(writer.hasWrittenSince(afterwards)).toBe(true);
    // The end alone tells nothing when the next segment ends at the same place.
    const { segment } = writer;
    expect(writer.hasWrittenSince({ ...writer.mark(), segment: { ...segment } })).toBe(true);
  });
});

describe('a segment that is full', () => {
  it('is so when the file of etcd would have reached its size', async () => {
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

  it('may be so by what waits, of which etcd holds back 128 KiB', async () => {
    const { writer } = await writerWorld({ segmentBytes: 256 * 1024 });
    writer.addEntry(entryOf(1, 300 * 1024));
    expect(writer.isFull).toBe(true);
    const { writer: other } = await writerWorld({ segmentBytes: 4096 });
    other.addEntry(entryOf(1, 100 * 1024));
    expect(other.isFull).toBe(false);
  });
});

describe('one write', () => {
  it('is enough where records wait that fit into the file', async () => {
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

  it('is enough up to what may wait for a sync', async () => {
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
    // What etcd would have written counts all of it.
    writer.add(RecordType.State, state);
    await writer.flushPages();
    expect(changes()).toEqual([]);
  });
});

describe('a flush', () => {
  const run = async (
    world: WriterWorld,
    durable: boolean,
    pendingBytes = 96,
  ): Promise<{ calls: string[]; unsynced: boolean; end: number }> => {
    const strays = watchOrder(world.disk);
    if (pendingBytes > 0) addUpTo(world.writer, pendingBytes);
    await world.writer.flush(durable);
    expect(strays()).toEqual([]);
    const { hasUnsynced: unsynced, end } = world.writer;
    return { calls: world.changes().map(short), unsynced, end };
  };
  const sync = expect.stringMatching(/^datasync/) as unknown;

  it('is one durable write where it can be', async () => {
    const world = await writerWorld();
    expect(await run(world, true)).toEqual({
      calls: ['write-durable 0 96'],
      unsynced: false,
      end: 96,
    });
    // Up to the end of the file.
    const rest = { calls: ['write-durable 96 4000'], unsynced: false, end: 4096 };
    expect(await run(world, true, 4000)).toEqual(rest);
  });

  it('is a write and a sync where the file becomes longer', async () => {
    const world = await writerWorld();
    await run(world, true);
    expect(await run(world, true, 4008)).toEqual({
      calls: ['write 96 4008', sync],
      unsynced: false,
      end: 4104,
    });
    expect(await run(world, true)).toEqual({
      calls: ['write 4104 96', sync],
      unsynced: false,
      end: 4200,
    });
  });

  it('is a write alone where it need not be durable, and the next one syncs all', async () => {
    const world = await writerWorld();
    expect(await run(world, false)).toEqual({ calls: ['write 0 96'], unsynced: true, end: 96 });
    expect(await run(world, false)).toEqual({ calls: ['write 96 96'], unsynced: true, end: 192 });
    expect(await run(world, true)).toEqual({
      calls: ['write 192 96', sync],
      unsynced: false,
      end: 288,
    });
    expect(await run(world, true)).toEqual({
      calls: ['write-durable 288 96'],
      unsynced: false,
      end: 384,
    });
  });

  it('syncs what was written before, also where nothing waits', async () => {
    const world = await writerWorld();
    await run(world, false);
    expect(await run(world, false, 0)).toEqual({ calls: [], unsynced: true, end: 96 });
    expect(await run(world, true, 0)).toEqual({ calls: [sync], unsynced: false, end: 96 });
    expect(await run(world, true, 0)).toEqual({ calls: [], unsynced: false, end: 96 });
  });

  it('is one write up to what may wait for a sync, and pieces with syncs above', async () => {
    const half = bytesBetweenSyncsMax / 2;
    const segmentBytes = 4 * bytesBetweenSyncsMax;
    const large = async (durable: boolean, more: number): Promise<unknown[]> => {
      const world = await writerWorld({ segmentBytes });
      return (await run(world, durable, bytesBetweenSyncsMax + more)).calls;
    };
    expect(await large(true, 0)).toEqual([`write-durable 0 ${bytesBetweenSyncsMax}`]);
    const writes = [`write 0 ${half}`, `write ${half} ${half}`, `write ${2 * half} 8`];
    expect(await large(true, 8)).toEqual([writes[0], sync, writes[1], sync, writes[2], sync]);
    expect(await large(false, 8)).toEqual(writes);
    expect(await large(false, 0)).toEqual(writes.slice(0, 2));
  });

  it('writes pieces that end with a page of the file, whatever lies before and is in one part', async () => {
    const world = await writerWorld({ segmentBytes: 4 * bytesBetweenSyncsMax });
    await run(world, true);
    for (let index = 1; index < 50; index += 1) {
      world.writer.addEntry(entryOf(index, 100_000 + index));
    }
    const { pendingBytes } = world.writer;
    const { calls } = await run(world, true, 0);
    const writes = calls
      .filter((call) => call.startsWith('write'))
      .map((call) => call.split(' ').map(Number));
    expect(writes.length).toBe(Math.ceil(pendingBytes / (bytesBetweenSyncsMax / 2)));
    let next = 96;
    for (const [at, [, position = 0, bytes = 0]] of writes.entries()) {
      expect(position).toBe(next);
      next = position + bytes;
      if (at < writes.length - 1) expect(next % 4096).toBe(0);
    }
    expect(next).toBe(96 + pendingBytes);
    const records = Array.from({ length: 49 }, (_, at) =>
      entryRecord(at + 1, 1, new Uint8Array(100_001 + at).fill(at + 1)),
    );
    const content = world.disk.surgery.contents(world.segment.path).subarray(96, next);
    const checksum = recordChecksum(world, 0);
    expect(Buffer.compare(content, craft(records, { checksum }).bytes)).toBe(0);
  });

  it('copies nothing of a single part that is written without a sync', async () => {
    for (const [pendingBytes, isCopied] of [
      [8000, false],
      [bytesBetweenSyncsMax / 2, false],
      [bytesBetweenSyncsMax / 2 + 8, true],
    ] as const) {
      const { parts, segment, disk } = await writerWorld({
        segmentBytes: 3 * bytesBetweenSyncsMax,
      });
      const written: Uint8Array[] = [];
      const watched: Partial<File> = {
        write: (data) => {
          written.push(data);
          return Promise.resolve();
        },
      };
      const file = Object.assign(Object.create(segment.file) as File, watched);
      const point = {
        segment: { ...segment, file },
        end: 0,
        fileBytes: disk.surgery.contents(pathOf(segment.name)).length,
      };
      const writer = new WalWriter(parts, { ...point, checksum: 0, lastOffset: startOfSegment });
      const data = new Uint8Array(pendingBytes - 8 - 14);
      writer.add(9, data.subarray(0, fittingBytes(pendingBytes)));
      expect(writer.pendingBytes).toBe(pendingBytes);
      await writer.flush(false);
      const total = written.reduce((sum, { length }) => sum + length, 0);
      expect([written.length > 1, total]).toEqual([isCopied, pendingBytes]);
      // A copy is as large as what it holds; the memory of the encoder is larger.
      const [first] = written;
      expect(first?.buffer.byteLength === first?.length).toBe(isCopied);
    }
  });
});

/** The data of a record that takes so many bytes in the file. */
const fittingBytes = (frame: number): number => frame - 8 - 16;

function recordChecksum({ disk, segment }: WriterWorld, at: number): number {
  const bytes = Buffer.from(disk.surgery.contents(segment.path));
  // `08 type 10 checksum`, behind the length field.
  let value = 0;
  let place = at + 8 + 3;
  for (let factor = 1; ; factor *= 0x80) {
    const byte = bytes[place++] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
  }
}

describe('the pages that etcd would not hold back', () => {
  it('are written with all that waits, without a sync, from 128 KiB on', async () => {
    const world = await writerWorld({ segmentBytes: 1024 * 1024 });
    const strays = watchOrder(world.disk);
    addUpTo(world.writer, 96);
    await world.writer.flushPages();
    expect(world.changes()).toEqual([]);
    const { writer } = world;
    writer.addEntry(entryOf(2, 200_000));
    const { pendingBytes } = writer;
    await writer.flushPages();
    expect([writer.pendingBytes, writer.hasUnsynced, writer.end]).toEqual([0, true, pendingBytes]);
    expect(world.changes().every((call) => call.startsWith('write '))).toBe(true);
    await writer.flushPages();
    expect([world.changes(), strays()]).toEqual([[], []]);
  });
});

describe('a write beyond the end of the file that finds no space', () => {
  for (const fileBytes of [96, 4096]) {
    it(`leaves a file of ${fileBytes} bytes as it was, durably`, async () => {
      const world = await writerWorld({ fileBytes, segmentBytes: 8192 });
      const { writer, disk, segment } = world;
      addUpTo(writer, 96);
      await writer.flush(true);
      world.changes();
      const before = Buffer.from(disk.surgery.contents(segment.path));
      disk.inject({ on: 'write', fault: { type: 'partial-write', kind: 'no-space', bytes: 4050 } });
      addUpTo(writer, 5000);
      const strays = watchOrder(disk);
      await expect(writer.flush(true)).rejects.toThrow(NoSpaceError);
      expect(strays()).toEqual([]);
      const longer = fileBytes > 96 ? [`truncate ${fileBytes}`] : [];
      expect(world.changes().map((call) => short(call).replace(/^datasync.*/, 'datasync'))).toEqual(
        ['write 96 5000', 'truncate 96', ...longer, 'datasync'],
      );
      expect(Buffer.compare(disk.surgery.contents(segment.path), before)).toBe(0);
    });
  }

  it('is refused only for that reason: every other failure leaves the file as it may be', async () => {
    for (const [kind, pendingBytes] of [
      ['io', 5000],
      ['no-space', 200],
    ] as const) {
      const world = await writerWorld();
      const { writer, disk } = world;
      disk.inject({ on: 'write', fault: { type: 'error', kind } });
      addUpTo(writer, pendingBytes);
      const error: unknown = await writer.flush(false).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ kind });
      expect(world.changes()).toHaveLength(1);
    }
  });

  it('is no refusal where the file cannot be made as it was', async () => {
    for (const on of ['truncate', 'datasync'] as const) {
      const { writer, disk } = await writerWorld();
      disk.inject({ on: 'write', fault: { type: 'error', kind: 'no-space' } });
      disk.inject({ on, fault: { type: 'error', kind: 'io' } });
      addUpTo(writer, 5000);
      const error: unknown = await writer.flush(false).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ kind: 'io', operation: on });
    }
  });
});
