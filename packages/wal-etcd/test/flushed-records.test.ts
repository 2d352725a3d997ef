/**
 * Writing of the encoded records: how they become durable, in which pieces they are written, and
 * what happens on a full disk.
 */
import { describe, expect, it } from 'vitest';
import type { File } from '@babuza/vfs';
import { NoSpaceError } from '@babuza/wal-core';
import { bytesBetweenSyncsMax } from '../src/format/layout.ts';
import { startOfSegment } from '../src/segment/segment.ts';
import { WalWriter } from '../src/writer/wal-writer.ts';
import { craft, entryRecord, pathOf, watchOrder } from './support/crafted.ts';
import { addUpTo, entryOf, short, writerWorld, type WriterWorld } from './support/writers.ts';

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

  it('is a single durable write if possible', async () => {
    const world = await writerWorld();
    expect(await run(world, true)).toEqual({
      calls: ['write-durable 0 96'],
      unsynced: false,
      end: 96,
    });
    // The second write ends at the end of the file.
    const rest = { calls: ['write-durable 96 4000'], unsynced: false, end: 4096 };
    expect(await run(world, true, 4000)).toEqual(rest);
  });

  it('is a write and a sync if the file becomes longer', async () => {
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

  it('is only a write if it need not be durable, and the next one syncs everything', async () => {
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

  it('syncs earlier writes, even without encoded records', async () => {
    const world = await writerWorld();
    await run(world, false);
    expect(await run(world, false, 0)).toEqual({ calls: [], unsynced: true, end: 96 });
    expect(await run(world, true, 0)).toEqual({ calls: [sync], unsynced: false, end: 96 });
    expect(await run(world, true, 0)).toEqual({ calls: [], unsynced: false, end: 96 });
  });

  const large = async (durable: boolean, more: number): Promise<unknown[]> => {
    const world = await writerWorld({ segmentBytes: 2 * bytesBetweenSyncsMax });
    return (await run(world, durable, bytesBetweenSyncsMax + more)).calls;
  };

  it('is one write up to the limit between two syncs', async () => {
    expect(await large(true, 0)).toEqual([`write-durable 0 ${bytesBetweenSyncsMax}`]);
  });

  it('is split into pieces with syncs above that limit', async () => {
    const half = bytesBetweenSyncsMax / 2;
    const writes = [`write 0 ${half}`, `write ${half} ${half}`, `write ${2 * half} 8`];
    expect(await large(true, 8)).toEqual([writes[0], sync, writes[1], sync, writes[2], sync]);
    expect(await large(false, 8)).toEqual(writes);
    expect(await large(false, 0)).toEqual(writes.slice(0, 2));
  });

  it('writes pieces that end at page boundaries of the file', async () => {
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

  it('does not copy a single part that is written without a sync', async () => {
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
      // A copy has exactly the size of its content; the buffer of the encoder is larger.
      const [first] = written;
      expect(first?.buffer.byteLength === first?.length).toBe(isCopied);
    }
  });
});

/** The data of a record whose frame has this many bytes. */
const fittingBytes = (frame: number): number => frame - 8 - 16;

function recordChecksum({ disk, segment }: WriterWorld, at: number): number {
  const bytes = Buffer.from(disk.surgery.contents(segment.path));
  // The record begins with `08 type 10 checksum`, after the length field.
  let value = 0;
  let place = at + 8 + 3;
  for (let factor = 1; ; factor *= 0x80) {
    const byte = bytes[place++] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
  }
}

describe('the pages that etcd would write', () => {
  it('are written without a sync, with all encoded records, from 128 KiB on', async () => {
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

  it('is the only refusal: after any other failure the state of the file is unknown', async () => {
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

  it('is not a refusal if the old length of the file cannot be restored', async () => {
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
