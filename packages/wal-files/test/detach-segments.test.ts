/** The segments that a former owner may still have open are replaced by copies. */
import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '@babuza/testkit';
import { detachSegments } from '../src/detach-segments.ts';

const directory = '/log';
const pieceBytes = 1024 * 1024;
const names = { fileNames: ['1.wal', '2.wal'], temporaryName: 'copy.tmp' };
const older = `${directory}/1.wal`;
const last = `${directory}/2.wal`;
const copy = `${directory}/copy.tmp`;
const contentOfOlder = new Uint8Array(5000).fill(1);
const contentOfLast = new Uint8Array(6000).fill(2);

async function diskWithLog(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 });
  await disk.makeDirectory(directory);
  disk.surgery.put(older, contentOfOlder);
  disk.surgery.put(last, contentOfLast);
  return disk;
}

function expectBothWhole(disk: SimulatedDisk): void {
  expect(Buffer.compare(disk.surgery.contents(older), contentOfOlder)).toBe(0);
  expect(Buffer.compare(disk.surgery.contents(last), contentOfLast)).toBe(0);
}

describe('detached segments', () => {
  it.each([0, 1, pieceBytes - 1, pieceBytes, pieceBytes + 1])(
    'have the same content with %i bytes',
    async (bytes) => {
      const disk = await diskWithLog();
      const content = new Uint8Array(bytes);
      for (let at = 0; at < bytes; at += 1000) content[at] = at % 251;
      disk.surgery.put(last, content);
      const calls = disk.calls.length;
      await detachSegments(disk, directory, { ...names, fileNames: ['2.wal'] });
      expect(Buffer.compare(disk.surgery.contents(last), content)).toBe(0);
      // The copy needs one read for each piece of 1 MiB, and makes no empty write.
      const made = disk.calls.slice(calls).map(({ operation }) => operation);
      const reads = Math.floor(bytes / pieceBytes) + 1;
      expect(made.filter((each) => each === 'read')).toHaveLength(reads);
      expect(made.filter((each) => each === 'write')).toHaveLength(Math.ceil(bytes / pieceBytes));
    },
  );

  it('are not changed by a late write through an old file handle', async () => {
    const disk = await diskWithLog();
    const late = [await disk.open(older, 'write'), await disk.open(last, 'write')];
    await detachSegments(disk, directory, names);
    for (const file of late) await file.write(new Uint8Array(100).fill(0xee), 0);
    expectBothWhole(disk);
    for (const file of late) await file.close();
    expect(disk.openPaths).toEqual([]);
    expect(disk.surgery.files()).toEqual([older, last]);
  });

  it('are still the copies after a power cut', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const disk = await diskWithLog();
      const late = await disk.open(last, 'write');
      await detachSegments(disk, directory, names);
      await late.writeDurable([new Uint8Array(100).fill(0xee)], 0);
      expectBothWhole(disk.crash(seed));
    }
  });

  it('are whole after a power cut at each step', async () => {
    const counted = await diskWithLog();
    const before = counted.calls.length;
    await detachSegments(counted, directory, names);
    const steps = counted.calls.length - before;
    for (let step = 1; step <= steps; step += 1) {
      const disk = await diskWithLog();
      disk.stopAtCall(before + step);
      void detachSegments(disk, directory, names);
      await disk.whenStopped;
      expectBothWhole(disk.crash(step));
    }
  });

  it('replace a copy that an interrupted opening left', async () => {
    const disk = await diskWithLog();
    disk.surgery.put(copy, new Uint8Array(9000).fill(0xee));
    await detachSegments(disk, directory, names);
    expectBothWhole(disk);
    expect(disk.surgery.files()).toEqual([older, last]);
  });
});

describe('segments that cannot be detached', () => {
  it.each(['open', 'write', 'datasync', 'close', 'rename'] as const)(
    'stay unchanged if %s finds no space',
    async (on) => {
      const disk = await diskWithLog();
      const path = copy;
      const fault = disk.inject({ on, path, fault: { type: 'error', kind: 'no-space' } });
      await detachSegments(disk, directory, names);
      expect(fault.hits).toBe(1);
      expectBothWhole(disk);
      expect(disk.surgery.files()).toEqual([older, last]);
      expect(disk.openPaths).toEqual([]);
    },
  );

  it('keep a copy durably that was made before the space ran out', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const disk = await diskWithLog();
      const late = await disk.open(older, 'write');
      const full = disk.inject({
        on: 'write',
        path: copy,
        nth: 2,
        fault: { type: 'partial-write', kind: 'no-space', bytes: 100 },
      });
      await detachSegments(disk, directory, names);
      expect(full.hits).toBe(1);
      await late.writeDurable([new Uint8Array(100).fill(0xee)], 0);
      expectBothWhole(disk.crash(seed));
    }
  });

  it.each([
    ['open', older],
    ['read', older],
    ['open', copy],
    ['write', copy],
    ['datasync', copy],
    ['close', copy],
    ['close', older],
    ['rename', copy],
    ['open-directory', directory],
    ['sync-directory', directory],
  ] as const)('are reported if %s of %s fails, and stay intact', async (on, path) => {
    const disk = await diskWithLog();
    const fault = disk.inject({ on, path, fault: { type: 'error', kind: 'io' } });
    await expect(detachSegments(disk, directory, names)).rejects.toMatchObject({
      kind: 'io',
      path,
    });
    expect(fault.hits).toBe(1);
    expect(disk.openPaths).toEqual([]);
    expectBothWhole(disk);
  });

  it('are reported if a leftover copy cannot be removed', async () => {
    const disk = await diskWithLog();
    disk.surgery.put(copy, new Uint8Array(1));
    disk.inject({ on: 'unlink', path: copy, fault: { type: 'error', kind: 'io' } });
    await expect(detachSegments(disk, directory, names)).rejects.toMatchObject({ kind: 'io' });
  });
});
