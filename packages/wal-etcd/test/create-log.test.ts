/** Making the first segment of a log: the steps, and what is left when one of them fails. */
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

/** Without what fills the file of the next segment. */
const steps = (calls: readonly string[]): string[] =>
  calls.filter((call) => !/\d\.tmp 0 4096|datasync \d\.tmp/.test(call));

describe('a log that is created', () => {
  const first = nameOf(0, 0);
  const create = (disk: SimulatedDisk) => createLog(partsOn(disk, 4096));

  it('has its first records durably before its name', async () => {
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
    // And goes on behind them.
    expect(writer.add(RecordType.State, state)).toBe(made.offsets[2]);
    await writer.flush(true);
    expect(changes()).toEqual([`write-durable 0.tmp ${made.end} 24`]);
    const more = craft([...beginning, stateRecord(1, 1)], { fileBytes: 4096 });
    expect(Buffer.compare(disk.surgery.contents(pathOf(first)), more.bytes)).toBe(0);
  });

  it('is refused with nothing left where there is no space', async () => {
    const disk = diskWith([]);
    disk.inject({ on: 'write', fault: { type: 'error', kind: 'no-space' } });
    expect(await failure(create(disk))).toBeInstanceOf(NoSpaceError);
    expect([disk.surgery.files(), disk.openPaths]).toEqual([[], []]);
  });

  for (const on of ['rename', 'open-directory'] as const) {
    it(`is refused with nothing left where the system was short of something: ${on}`, async () => {
      const disk = diskWith([]);
      disk.inject({ on, fault: tooManyOpen });
      const strays = watchOrder(disk);
      expect(await failure(create(disk))).toBeInstanceOf(TryAgainError);
      expect([disk.surgery.files(), disk.openPaths, strays()]).toEqual([[], [], []]);
    });
  }

  it('is refused for that reason also where what is left cannot be removed', async () => {
    const disk = diskWith([]);
    disk.inject({ on: 'rename', fault: tooManyOpen });
    disk.inject({ on: 'unlink', sticky: true, fault: { type: 'error', kind: 'io' } });
    expect(await failure(create(disk))).toBeInstanceOf(TryAgainError);
  });

  it('leaves what is there, closed, where the disk fails', async () => {
    const disk = diskWith([]);
    disk.inject({ on: 'sync-directory', fault: { type: 'sync-error', pending: 'kept' } });
    const strays = watchOrder(disk);
    expect(await failure(create(disk))).toMatchObject({ code: expect.any(String) as unknown });
    expect([disk.surgery.files(), disk.openPaths, strays()]).toEqual([[pathOf(first)], [], []]);
  });
});
