/**
 * Creation of the first segment of a log: the order of the steps, and the state after a failure of
 * each.
 */
import { describe, expect, it } from 'vitest';
import type { Fault, SimulatedDisk } from '@babuza/testkit';
import { NoSpaceError, TryAgainError } from '@babuza/wal-core';
import { RecordType } from '../src/format/layout.ts';
import { createLog } from '../src/writer/create-log.ts';
import {
  beginning,
  craft,
  directory,
  diskWith,
  nameOf,
  pathOf,
  stateRecord,
  watchOrder,
} from './support/crafted.ts';
import { partsOn, watchChanges } from './support/writers.ts';

const state = stateRecord(1, 1).data;
const tooManyOpen: Fault = { type: 'error', kind: 'too-many-open' };

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'done',
    (error: unknown) => error,
  );

/** The calls of the disk, without those that fill the file of the next segment. */
const steps = (calls: readonly string[]): string[] =>
  calls.filter((call) => !/\d\.tmp 0 4096|datasync \d\.tmp/.test(call));

describe('a log that is created', () => {
  const first = nameOf(0, 0);
  const create = (disk: SimulatedDisk) => createLog(partsOn(disk, 4096));

  it('has durable first records before it gets its name', async () => {
    const disk = diskWith([]);
    const strays = watchOrder(disk);
    const changes = watchChanges(disk);
    const writer = await create(disk);
    expect(strays()).toEqual([]);
    const made = craft(beginning, { fileBytes: 4096 });
    expect(steps(changes())).toEqual([
      `write-durable 0.tmp 0 ${made.end}`,
      'rename 0.tmp',
      `sync-directory ${directory}`,
    ]);
    expect(Buffer.compare(disk.surgery.contents(pathOf(first)), made.bytes)).toBe(0);
    expect(writer.segment).toMatchObject({
      segmentId: 0,
      path: pathOf(first),
      name: first,
      startChecksum: 0,
    });
    expect(writer.end).toBe(made.end);
    // The next record follows them.
    expect(writer.add(RecordType.State, state)).toBe(made.offsets[2]);
    await writer.flush(true);
    expect(changes()).toEqual([`write-durable 0.tmp ${made.end} 24`]);
    const more = craft([...beginning, stateRecord(1, 1)], { fileBytes: 4096 });
    expect(Buffer.compare(disk.surgery.contents(pathOf(first)), more.bytes)).toBe(0);
  });

  it('is refused and leaves nothing behind on a full disk', async () => {
    const disk = diskWith([]);
    disk.inject({ on: 'write', fault: { type: 'error', kind: 'no-space' } });
    expect(await failure(create(disk))).toBeInstanceOf(NoSpaceError);
    expect([disk.surgery.files(), disk.openPaths]).toEqual([[], []]);
  });

  for (const on of ['rename', 'open-directory'] as const) {
    it(`is refused and leaves nothing behind when the system lacks a resource: ${on}`, async () => {
      const disk = diskWith([]);
      disk.inject({ on, fault: tooManyOpen });
      const strays = watchOrder(disk);
      expect(await failure(create(disk))).toBeInstanceOf(TryAgainError);
      expect([disk.surgery.files(), disk.openPaths, strays()]).toEqual([[], [], []]);
    });
  }

  it('is refused with the same error when its files cannot be removed', async () => {
    const disk = diskWith([]);
    disk.inject({ on: 'rename', fault: tooManyOpen });
    disk.inject({ on: 'unlink', sticky: true, fault: { type: 'error', kind: 'io' } });
    expect(await failure(create(disk))).toBeInstanceOf(TryAgainError);
  });

  it('leaves its files, closed, when the disk fails', async () => {
    const disk = diskWith([]);
    disk.inject({ on: 'sync-directory', fault: { type: 'sync-error', pending: 'kept' } });
    const strays = watchOrder(disk);
    expect(await failure(create(disk))).toMatchObject({ code: expect.any(String) as unknown });
    expect([disk.surgery.files(), disk.openPaths, strays()]).toEqual([[pathOf(first)], [], []]);
  });
});
