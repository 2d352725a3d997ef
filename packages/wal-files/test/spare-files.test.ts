/** Files for the next segment: preparing, taking and recycling them, and failures. */
import { describe, expect, it } from 'vitest';
import {
  SimulatedDisk,
  simulatedEnvironment,
  turnOfEventLoop,
  type SimulatedEnvironment,
} from '@babuza/testkit';
import { SpareFiles, type SpareFile, type SpareNames } from '../src/index.ts';

const directory = '/log';
const pieceBytes = 256 * 1024;
const bytes = 3 * pieceBytes + 1000;
const names: SpareNames = {
  spare: (segmentId) => `${segmentId}.spare`,
  recycled: (segmentId) => `${segmentId}.old`,
};

interface World extends SimulatedEnvironment {
  readonly spares: SpareFiles;
}

async function world(recycledMax = 0): Promise<World> {
  const environment = simulatedEnvironment(1, new SimulatedDisk({ seed: 1 }));
  await environment.fileSystem.makeDirectory(directory);
  return { ...environment, spares: new SpareFiles(environment, directory, names, recycledMax) };
}

/** Checks that the file is closed, all zeros and durable. */
async function expectZeros(
  { fileSystem }: World,
  { file, path }: SpareFile,
  length: number,
): Promise<void> {
  await file.close();
  // Its name need not be durable; the name of the segment will be.
  await fileSystem.syncDirectory(directory);
  const after = fileSystem.crash(1);
  expect(Buffer.compare(after.surgery.contents(path), new Uint8Array(length))).toBe(0);
}

const writes = ({ fileSystem }: World): number =>
  fileSystem.calls.filter(({ operation }) => operation === 'write').length;

describe('spare files', () => {
  it('are created when they are taken, unless they were prepared before', async () => {
    const machine = await world();
    const spare = await machine.spares.take(7, bytes);
    expect(spare.path).toBe(`${directory}/7.spare`);
    expect(machine.clock.pendingCount).toBe(0);
    await expectZeros(machine, spare, bytes);
  });

  it('are prepared in small synced pieces with pauses', async () => {
    const machine = await world();
    machine.spares.prepareAhead(7, bytes);
    await turnOfEventLoop();
    expect(writes(machine)).toBe(1);
    await machine.clock.advance(4);
    expect(writes(machine)).toBe(1);
    await machine.clock.advance(1);
    expect(writes(machine)).toBe(2);
    await machine.clock.advance(100);
    const { calls } = machine.fileSystem;
    const work = calls.filter(({ operation }) => operation === 'write' || operation === 'datasync');
    expect(work.map(({ operation }) => operation)).toEqual(
      Array.from({ length: 8 }, (_, at) => (at % 2 === 0 ? 'write' : 'datasync')),
    );
    const pieces = work.filter(({ operation }) => operation === 'write');
    expect(pieces.map(({ position }) => position)).toEqual(
      [0, 1, 2, 3].map((at) => at * pieceBytes),
    );
    const spare = await machine.spares.take(7, bytes);
    expect(writes(machine)).toBe(4);
    await expectZeros(machine, spare, bytes);
  });

  it('are not taken before they are durable', async () => {
    const machine = await world();
    const kind = 'io';
    machine.fileSystem.inject({ on: 'datasync', nth: 4, fault: { type: 'error', kind } });
    await expect(machine.spares.take(7, bytes)).rejects.toMatchObject({ kind });
    expect(machine.fileSystem.surgery.files()).toEqual([]);
  });

  it('are closed before they are removed, as some systems require', async () => {
    const machine = await world();
    const { fileSystem } = machine;
    const closedAtUnlink: string[] = [];
    fileSystem.stopWhen(({ operation }) => {
      const closing = fileSystem.calls.findLast((call) => call.operation === 'close');
      if (operation === 'unlink') closedAtUnlink.push(closing?.outcome ?? 'not closed');
      return false;
    });
    fileSystem.inject({ on: 'write', fault: { type: 'error', kind: 'io' } });
    await expect(machine.spares.take(7, bytes)).rejects.toMatchObject({ kind: 'io' });
    machine.spares.prepareAhead(8, bytes);
    await turnOfEventLoop();
    await machine.spares.close();
    expect(closedAtUnlink).toEqual(['ok', 'ok']);
  });

  it('are prepared once, however often that is requested', async () => {
    const machine = await world();
    machine.spares.prepareAhead(7, bytes);
    machine.spares.prepareAhead(8, bytes);
    await machine.clock.advance(100);
    expect(machine.fileSystem.surgery.files()).toEqual([`${directory}/7.spare`]);
    await machine.spares.close();
  });

  it('are filled without pauses once they are taken', async () => {
    const machine = await world();
    machine.spares.prepareAhead(7, bytes);
    await turnOfEventLoop();
    expect(machine.clock.pendingCount).toBe(1);
    // The clock does not advance, so a pause that did not end would last for ever.
    const spare = await machine.spares.take(7, bytes);
    expect(machine.clock.pendingCount).toBe(0);
    expect(writes(machine)).toBe(4);
    await expectZeros(machine, spare, bytes);
  });

  it('of another length are removed, and not taken', async () => {
    const machine = await world();
    machine.spares.prepareAhead(7, bytes);
    await turnOfEventLoop();
    const spare = await machine.spares.take(8, pieceBytes);
    expect(spare.path).toBe(`${directory}/8.spare`);
    expect(machine.fileSystem.surgery.files()).toEqual([spare.path]);
    expect(machine.fileSystem.openPaths).toEqual([spare.path]);
    await expectZeros(machine, spare, pieceBytes);
  });

  it('replace a leftover file', async () => {
    const machine = await world();
    machine.fileSystem.surgery.put(`${directory}/7.spare`, new Uint8Array(2 * bytes).fill(0xee));
    await expectZeros(machine, await machine.spares.take(7, bytes), bytes);
  });

  it('that failed in the background are tried again when they are taken', async () => {
    const machine = await world();
    const fault = machine.fileSystem.inject({
      on: 'write',
      nth: 2,
      fault: { type: 'error', kind: 'io' },
    });
    machine.spares.prepareAhead(7, bytes);
    await machine.clock.advance(100);
    expect(fault.hits).toBe(1);
    // The space is free again at once.
    expect(machine.fileSystem.surgery.files()).toEqual([]);
    expect(machine.fileSystem.openPaths).toEqual([]);
    await expectZeros(machine, await machine.spares.take(7, bytes), bytes);
  });

  it('that fail again reject the take, which can be repeated', async () => {
    const machine = await world();
    machine.fileSystem.capacityBytes = pieceBytes;
    machine.spares.prepareAhead(7, bytes);
    await machine.clock.advance(100);
    await expect(machine.spares.take(7, bytes)).rejects.toMatchObject({ kind: 'no-space' });
    expect(machine.fileSystem.surgery.files()).toEqual([]);
    expect(machine.fileSystem.openPaths).toEqual([]);
    machine.fileSystem.capacityBytes = Infinity;
    await expectZeros(machine, await machine.spares.take(7, bytes), bytes);
  });

  it('are abandoned when the log is closed', async () => {
    const machine = await world();
    machine.spares.prepareAhead(7, 1000 * pieceBytes);
    await turnOfEventLoop();
    await machine.spares.close();
    expect(writes(machine)).toBeLessThan(5);
    expect(machine.clock.pendingCount).toBe(0);
    expect(machine.fileSystem.surgery.files()).toEqual([]);
    expect(machine.fileSystem.openPaths).toEqual([]);
    // The same after a preparation that failed. A file that the next owner has created since then
    // stays.
    const path = `${directory}/7.spare`;
    machine.fileSystem.surgery.put(path, new Uint8Array(1));
    await machine.spares.close();
    expect(machine.fileSystem.surgery.files()).toEqual([path]);
    machine.fileSystem.inject({ on: 'open', fault: { type: 'error', kind: 'io' } });
    machine.spares.prepareAhead(7, bytes);
    await machine.spares.close();
  });
});

describe('purged segments', () => {
  it('are reused unchanged before new files are created', async () => {
    const machine = await world(2);
    expect(machine.spares.wanted).toBe(2);
    const path = machine.spares.recycledPath(3);
    expect(path).toBe(`${directory}/3.old`);
    machine.fileSystem.surgery.put(path, new Uint8Array(bytes).fill(0xee));
    machine.spares.addRecycled(path, bytes);
    expect(machine.spares.wanted).toBe(1);
    machine.spares.prepareAhead(7, bytes);
    await machine.clock.advance(100);
    expect(writes(machine)).toBe(0);
    const spare = await machine.spares.take(7, bytes);
    expect(spare.path).toBe(path);
    expect(writes(machine)).toBe(0);
    expect(machine.spares.wanted).toBe(2);
    await spare.file.close();
    expect((await machine.spares.take(8, bytes)).path).toBe(`${directory}/8.spare`);
  });

  it('of another length are kept', async () => {
    const machine = await world(2);
    machine.spares.addRecycled(machine.spares.recycledPath(3), bytes);
    const spare = await machine.spares.take(7, pieceBytes);
    expect(spare.path).toBe(`${directory}/7.spare`);
    expect(machine.spares.wanted).toBe(1);
    await spare.file.close();
  });

  it('that cannot be opened are not forgotten', async () => {
    const machine = await world(1);
    const path = machine.spares.recycledPath(3);
    machine.fileSystem.surgery.put(path, new Uint8Array(bytes));
    machine.spares.addRecycled(path, bytes);
    machine.fileSystem.inject({ on: 'open', fault: { type: 'error', kind: 'too-many-open' } });
    await expect(machine.spares.take(7, bytes)).rejects.toMatchObject({ kind: 'too-many-open' });
    expect((await machine.spares.take(7, bytes)).path).toBe(path);
  });
});
