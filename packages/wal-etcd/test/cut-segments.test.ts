/**
 * Ending a segment and starting the next one: the order of the steps, and what is pending after a
 * failure of each.
 */
import { describe, expect, it } from 'vitest';
import type { Fault } from '@babuza/testkit';
import { NoSpaceError, TryAgainError, WriteFailedError } from '@babuza/wal-core';
import { RecordType } from '../src/format/layout.ts';
import {
  craft,
  crcRecord,
  directory,
  metadataRecord,
  nameOf,
  pathOf,
  stateRecord,
  watchOrder,
} from './support/crafted.ts';
import { entryOf, writerWorld } from './support/writers.ts';

const state = stateRecord(1, 1).data;
const tooManyOpen: Fault = { type: 'error', kind: 'too-many-open' };
const next = { firstIndex: 12n, hardState: undefined };
const old = nameOf(4, 9);
const young = nameOf(5, 12);

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (error: unknown) => error,
  );

/** The calls of the disk, without those that fill the file of the next segment. */
const steps = (calls: readonly string[]): string[] =>
  calls.filter((call) => !/\d\.tmp 0 4096|datasync \d\.tmp/.test(call));

describe('a cut', () => {
  it('ends the old segment at its last record, and renames the next one after its first records are durable', async () => {
    const { writer, disk, changes } = await writerWorld();
    const strays = watchOrder(disk);
    writer.add(RecordType.State, state);
    writer.addEntry(entryOf(1, 10));
    const { pendingBytes: end } = writer;
    await writer.cut({ firstIndex: 12n, hardState: state }, true);
    expect(strays()).toEqual([]);
    const head = writer.end;
    expect(steps(changes())).toEqual([
      `write-durable ${old.fileName} 0 ${end}`,
      `truncate ${old.fileName} ${end}`,
      `datasync ${old.fileName}`,
      `write-durable 1.tmp 0 ${head}`,
      `rename 1.tmp`,
      `sync-directory ${directory}`,
    ]);
    expect(disk.surgery.contents(pathOf(old))).toHaveLength(end);
    const { segment } = writer;
    expect(segment).toMatchObject({
      segmentId: 5,
      path: pathOf(young),
      fileName: young.fileName,
      name: young,
    });
    const checksum = segment.startChecksum;
    const made = craft([crcRecord(checksum), metadataRecord(), stateRecord(1, 1)], {
      checksum,
      fileBytes: 4096,
    });
    expect(head).toBe(made.end);
    expect(Buffer.compare(disk.surgery.contents(pathOf(young)), made.bytes)).toBe(0);
    expect(checksum).not.toBe(0);
  });

  it('continues in the next segment, with offsets from 0', async () => {
    const { writer, changes } = await writerWorld();
    writer.add(RecordType.State, state);
    let place: number | undefined;
    const addRecords = async (): Promise<void> => {
      // The entry follows the two records at the beginning.
      place = writer.add(RecordType.State, state);
      await Promise.resolve();
    };
    await writer.cut({ ...next, addRecords }, true);
    const { offsets } = craft([crcRecord(1e9), metadataRecord()]);
    expect(place).toBe(offsets[1]);
    changes();
    expect(writer.add(RecordType.State, state)).toBeGreaterThan(place ?? 0);
    const { end, pendingBytes } = writer;
    await writer.flush(true);
    // The simulated disk still reports the name under which the file was opened.
    expect(changes()).toEqual([`write-durable 1.tmp ${end} ${pendingBytes}`]);
  });

  it('creates the next segment with the configured size, at which it is full', async () => {
    const probe = await writerWorld();
    await probe.writer.cut(next, true);
    const { end } = probe.writer;
    for (const [segmentBytes, isFull] of [
      [end, true],
      [end + 1, false],
    ] as const) {
      const { writer, disk } = await writerWorld({ segmentBytes, fileBytes: 4096 });
      // The bytes of the segment before do not count.
      writer.addEntry(entryOf(1, 100));
      await writer.cut(next, true);
      expect([writer.end, writer.isFull]).toEqual([end, isFull]);
      expect(disk.surgery.contents(pathOf(young))).toHaveLength(segmentBytes);
    }
  });

  it('creates a file of that size, whatever the length of the one before', async () => {
    for (const fileBytes of [2048, 8192]) {
      const { writer, changes } = await writerWorld({ fileBytes, segmentBytes: 4096 });
      await writer.cut(next, true);
      changes();
      writer.addEntry(entryOf(1, 3000));
      expect(writer.fitsOneWrite).toBe(true);
      await writer.flush(true);
      writer.addEntry(entryOf(2, 3000));
      expect(writer.fitsOneWrite).toBe(false);
      await writer.flush(true);
      expect(changes().map((call) => call.split(' ')[0])).toEqual([
        'write-durable',
        'write',
        'datasync',
      ]);
    }
  });

  it('alternates the temporary names of the segments', async () => {
    const first = await writerWorld({ name: nameOf(0, 0) });
    await first.writer.cut(next, true);
    expect(first.changes()).toContain('rename 1.tmp');
    await first.writer.cut(next, true);
    expect(first.changes()).toContain('rename 0.tmp');
    expect(first.writer.segment.fileName).toBe(nameOf(2, 12).fileName);
  });

  it('syncs the old segment and nothing else when syncs are turned off', async () => {
    const { writer, changes } = await writerWorld();
    writer.add(RecordType.State, state);
    const { pendingBytes: end } = writer;
    await writer.cut(next, false);
    expect(steps(changes())).toEqual([
      `write ${old.fileName} 0 ${end}`,
      `truncate ${old.fileName} ${end}`,
      `datasync ${old.fileName}`,
      `write 1.tmp 0 ${writer.end}`,
      `rename 1.tmp`,
      `sync-directory ${directory}`,
    ]);
    expect(writer.hasUnsynced).toBe(true);
  });
});

describe('a cut that fails', () => {
  it('has written nothing when there is no space for the next segment', async () => {
    const { writer, disk, changes } = await writerWorld();
    writer.add(RecordType.State, state);
    const mark = { ...writer.mark(), end: 0 };
    disk.inject({ on: 'write', path: /tmp/, fault: { type: 'error', kind: 'no-space' } });
    const strays = watchOrder(disk);
    expect(await failure(writer.cut(next, true))).toBeInstanceOf(NoSpaceError);
    expect([writer.hasWrittenSince(mark), strays(), disk.openPaths]).toEqual([
      false,
      [],
      [pathOf(old)],
    ]);
    expect(changes().filter((call) => call.includes('.wal'))).toEqual([]);
    expect(writer.pendingBytes).toBeGreaterThan(0);
  });

  it('closes the file of the next segment', async () => {
    for (const on of ['truncate', 'datasync'] as const) {
      const { writer, disk } = await writerWorld();
      disk.inject({ on, path: /wal$/, fault: { type: 'error', kind: 'io' } });
      const strays = watchOrder(disk);
      const error = await failure(writer.cut(next, true));
      expect(error).toMatchObject({ kind: 'io' });
      expect([disk.openPaths, strays()]).toEqual([[pathOf(old)], []]);
    }
  });

  for (const on of ['rename', 'open-directory'] as const) {
    it(`leaves the rename of the next segment pending when the system lacks a resource: ${on}`, async () => {
      const { writer, disk, changes } = await writerWorld();
      const shortage = disk.inject({ on, sticky: true, fault: tooManyOpen });
      writer.add(RecordType.State, state);
      await writer.cut(next, true);
      expect(writer.segment.fileName).toBe(young.fileName);
      expect(writer.fitsOneWrite).toBe(false);
      writer.add(RecordType.State, state);
      expect(writer.fitsOneWrite).toBe(false);
      changes();
      // Nothing is written before the segment has its name, and no other segment is started.
      expect(await failure(writer.flush(true))).toBeInstanceOf(TryAgainError);
      expect(await failure(writer.cut({ ...next, firstIndex: 20n }, true))).toBeInstanceOf(
        TryAgainError,
      );
      const written = changes().filter((call) => /write|sync|truncate/.test(call));
      expect([written, writer.segment.fileName]).toEqual([[], young.fileName]);
      shortage.remove();
      const strays = watchOrder(disk);
      const { end, pendingBytes } = writer;
      await writer.flush(true);
      const renames = on === 'rename' ? ['rename 1.tmp'] : [];
      expect(changes()).toEqual([
        ...renames,
        `sync-directory ${directory}`,
        `write-durable 1.tmp ${end} ${pendingBytes}`,
      ]);
      writer.add(RecordType.State, state);
      expect([writer.fitsOneWrite, strays()]).toEqual([true, []]);
      await writer.flush(true);
      expect(changes().filter((call) => /rename|sync-directory/.test(call))).toEqual([]);
    });
  }

  it('does not repeat the rename for an empty flush', async () => {
    const { writer, disk, changes } = await writerWorld();
    disk.inject({ on: 'rename', fault: tooManyOpen, sticky: true });
    await writer.cut(next, true);
    changes();
    await writer.flush(true);
    expect(changes()).toEqual([]);
  });

  it('repeats the rename before it prepares another segment', async () => {
    const { writer, disk, changes } = await writerWorld();
    const shortage = disk.inject({ on: 'rename', fault: tooManyOpen, sticky: true });
    await writer.cut(next, true);
    shortage.remove();
    changes();
    const strays = watchOrder(disk);
    await writer.cut({ ...next, firstIndex: 20n }, true);
    const [first, second, third] = changes();
    expect([first, second, third]).toEqual([
      'rename 1.tmp',
      `sync-directory ${directory}`,
      'write 0.tmp 0 4096',
    ]);
    expect([strays(), writer.segment.fileName]).toEqual([[], nameOf(6, 20).fileName]);
  });

  it('fails at once when the new segment is needed, and after any other failure', async () => {
    const addRecords = (): Promise<void> => Promise.resolve();
    for (const [fault, parts, expected] of [
      [tooManyOpen, { ...next, addRecords }, TryAgainError],
      [{ type: 'error', kind: 'io' }, next, WriteFailedError],
      [{ type: 'error', kind: 'io' }, { ...next, addRecords }, WriteFailedError],
    ] as const) {
      const { writer, disk } = await writerWorld();
      disk.inject({ on: 'rename', fault });
      expect(await failure(writer.cut(parts, true))).toBeInstanceOf(expected);
      expect(disk.openPaths).toEqual([pathOf(old)]);
    }
  });

  it('waits for the additional records, and fails with them', async () => {
    const { writer, disk, changes } = await writerWorld();
    const strays = watchOrder(disk);
    const addRecords = async (): Promise<void> => {
      await disk.kindOf(directory);
      throw new Error('no records');
    };
    const error = await failure(writer.cut({ ...next, addRecords }, true));
    expect(error).toMatchObject({ message: 'no records' });
    expect(changes().filter((call) => call.startsWith('rename'))).toEqual([]);
    expect([disk.openPaths, strays()]).toEqual([[pathOf(old)], []]);
  });
});
