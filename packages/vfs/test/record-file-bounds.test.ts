/**
 * Records at the bounds of their length, records of other versions, and the state after failed
 * calls, on the simulated disk.
 */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '../../testkit/src/simulated-disk.ts';
import {
  decodeRecord,
  encodeRecord,
  readRecord,
  recordBytesMax,
  recordVersion,
  removeRecord,
  writeRecord,
} from '../src/index.ts';

const directory = '/records';
const headBytes = 20;
const fileBytesMax = 1024 * 1024;

async function newDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 });
  await disk.makeDirectory(directory);
  return disk;
}

/** The bytes of a file with a valid checksum. */
function fileOf(version: number, contentBytes: number, namedLength = contentBytes): Uint8Array {
  const file = new Uint8Array(headBytes + contentBytes);
  const view = new DataView(file.buffer);
  file.set(new TextEncoder().encode('BABUZARC'));
  view.setUint32(8, version, true);
  view.setUint32(12, namedLength, true);
  file.fill(7, headBytes);
  view.setUint32(16, crc32(file.subarray(headBytes), crc32(file.subarray(0, 16))), true);
  return file;
}

describe('a record of version 1', () => {
  it.each([
    [recordBytesMax - 1, 'whole'],
    [recordBytesMax, 'whole'],
    [recordBytesMax + 1, 'damaged'],
  ])('with %i bytes of content is %s', (contentBytes, kind) => {
    const file = fileOf(recordVersion, contentBytes);
    expect(decodeRecord(file).kind).toBe(kind);
    const encode = (): Uint8Array => encodeRecord(file.subarray(headBytes));
    if (kind === 'whole') expect(Buffer.compare(encode(), file)).toBe(0);
    else expect(encode).toThrow('at most 65536 bytes');
  });

  it.each([-1, 1])('with a length field that is wrong by %i is damaged', (step) => {
    expect(decodeRecord(fileOf(recordVersion, 40, 40 + step)).kind).toBe('damaged');
  });
});

describe('a record of another version', () => {
  it.each([0, recordVersion + 1, 2 ** 32 - 1])(
    'is not reported as damaged, and is never read as version 1: %i',
    (version) => {
      expect(decodeRecord(fileOf(version, 40))).toEqual({ kind: 'newer', version });
      // A future release may use the length field for something else.
      expect(decodeRecord(fileOf(version, 40, 9))).toEqual({ kind: 'newer', version });
    },
  );

  it.each([
    [fileBytesMax - 1, 'newer'],
    [fileBytesMax, 'newer'],
    [fileBytesMax + 1, 'damaged'],
  ])('in a file of %i bytes is %s', async (fileBytes, kind) => {
    const disk = await newDisk();
    const file = fileOf(recordVersion + 1, fileBytes - headBytes);
    disk.surgery.put(`${directory}/R`, file);
    expect((await readRecord(disk, directory, 'R')).kind).toBe(kind);
    expect(decodeRecord(file).kind).toBe(kind);
  });

  it('in a file that is too long is damaged, although the first bytes fit', async () => {
    const disk = await newDisk();
    const file = new Uint8Array(fileBytesMax + 1);
    file.set(fileOf(recordVersion + 1, fileBytesMax - headBytes));
    disk.surgery.put(`${directory}/R`, file);
    expect((await readRecord(disk, directory, 'R')).kind).toBe('damaged');
  });
});

describe('a call for a record', () => {
  const fault = { type: 'error', kind: 'io' } as const;

  it.each(['open', 'read', 'size'] as const)(
    'that reads rejects if %s fails, does not report an absent record, and closes the file',
    async (on) => {
      const disk = await newDisk();
      await writeRecord(disk, directory, 'R', Uint8Array.of(1));
      disk.inject({ on, fault });
      await expect(readRecord(disk, directory, 'R')).rejects.toMatchObject({ kind: 'io' });
      expect(disk.openPaths).toEqual([]);
      expect((await readRecord(disk, directory, 'R')).kind).toBe('whole');
      expect(disk.openPaths).toEqual([]);
    },
  );

  it.each(['write', 'datasync', 'rename', 'sync-directory'] as const)(
    'that writes rejects if %s fails, leaves no temporary file, and closes the file',
    async (on) => {
      const disk = await newDisk();
      await writeRecord(disk, directory, 'R', Uint8Array.of(1));
      disk.inject({ on, fault });
      const writing = writeRecord(disk, directory, 'R', Uint8Array.of(2));
      await expect(writing).rejects.toMatchObject({ kind: 'io' });
      expect([disk.openPaths, disk.surgery.files()]).toEqual([[], [`${directory}/R`]]);
    },
  );

  it('that removes a record also removes the file of an interrupted write', async () => {
    const disk = await newDisk();
    await writeRecord(disk, directory, 'R', Uint8Array.of(1));
    disk.surgery.put(`${directory}/R.tmp`, Uint8Array.of(2));
    await removeRecord(disk, directory, 'R');
    expect(disk.surgery.files()).toEqual([]);
  });

  it('that removes a record rejects if the file cannot be removed', async () => {
    const disk = await newDisk();
    await writeRecord(disk, directory, 'R', Uint8Array.of(1));
    disk.inject({ on: 'unlink', path: `${directory}/R`, fault });
    await expect(removeRecord(disk, directory, 'R')).rejects.toMatchObject({ kind: 'io' });
    expect((await readRecord(disk, directory, 'R')).kind).toBe('whole');
  });

  it('that removes a missing record makes an earlier removal durable', async () => {
    const disk = await newDisk();
    await writeRecord(disk, directory, 'R', Uint8Array.of(1));
    disk.inject({ on: 'sync-directory', fault });
    await expect(removeRecord(disk, directory, 'R')).rejects.toMatchObject({ kind: 'io' });
    await removeRecord(disk, directory, 'R');
    for (let seed = 1; seed <= 8; seed += 1) {
      const after = disk.crash(seed);
      expect((await readRecord(after, directory, 'R')).kind).toBe('absent');
    }
  });
});
