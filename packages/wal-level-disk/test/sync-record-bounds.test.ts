/**
 * Files of the sync record with every length, records with one wrong field, and calls that fail.
 */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '@babuza/testkit';
import { decodeSyncRecord, encodeSyncRecord, SyncRecordFiles } from '../src/sync-record-files.ts';

const directory = '/log/witness';
const file = `${directory}/0000000000000007`;
const recordBytes = 36;
const slotBytes = 512;

interface World {
  readonly disk: SimulatedDisk;
  readonly files: SyncRecordFiles;
}

/** A sync record with 5 in the first slot and 6 in the second one. */
async function world(): Promise<World> {
  const disk = new SimulatedDisk({ seed: 1 });
  const files = new SyncRecordFiles(directory, disk);
  for (const batch of [5, 6]) await files.write(7n, batch, true);
  return { disk, files };
}

describe('a sync record', () => {
  it('has a record at 0 and one at 512, and 1,024 bytes', async () => {
    const { disk } = await world();
    const expected = new Uint8Array(2 * slotBytes);
    expected.set(encodeSyncRecord(7n, 5), 0);
    expected.set(encodeSyncRecord(7n, 6), slotBytes);
    expect(Buffer.compare(disk.surgery.contents(file), expected)).toBe(0);
  });

  const second = slotBytes + recordBytes;
  it.each([
    [0, undefined],
    [1, undefined],
    [recordBytes - 1, undefined],
    [recordBytes, 5],
    [recordBytes + 1, 5],
    [slotBytes - 1, 5],
    [slotBytes, 5],
    [slotBytes + 1, 5],
    [second - 1, 5],
    [second, 6],
    [second + 1, 6],
    [2 * slotBytes - 1, 6],
    [2 * slotBytes + 1, 6],
    [5000, 6],
  ])('with %i bytes says %s, and is written again', async (length, batch) => {
    const { disk, files } = await world();
    const bytes = new Uint8Array(length);
    bytes.set(disk.surgery.contents(file).subarray(0, length));
    disk.surgery.put(file, bytes);
    const expected = batch === undefined ? { kind: 'damaged', file } : { kind: 'batch', batch };
    expect(await files.read(7n)).toEqual(expected);
    for (const next of [7, 8, 9]) {
      await files.write(7n, next, true);
      expect(await files.read(7n)).toEqual({ kind: 'batch', batch: next });
    }
  });

  it('keeps the newer record while the older one is written', async () => {
    const { disk, files } = await world();
    for (const batch of [7, 8, 9]) {
      disk.inject({ on: 'write', fault: { type: 'partial-write', kind: 'io', bytes: 32 } });
      await expect(files.write(7n, batch, true)).rejects.toThrow();
      expect(await files.read(7n)).toEqual({ kind: 'batch', batch: batch - 1 });
      await files.write(7n, batch, true);
      expect(await files.read(7n)).toEqual({ kind: 'batch', batch });
    }
  });

  it('is created although an interrupted creation has left a temporary file', async () => {
    const disk = new SimulatedDisk({ seed: 1 });
    const files = new SyncRecordFiles(directory, disk);
    await disk.makeDirectory(directory);
    disk.surgery.put(`${file}.tmp`, encodeSyncRecord(7n, 3).subarray(0, 20));
    await files.write(7n, 1, false);
    expect(await files.read(7n)).toEqual({ kind: 'batch', batch: 1 });
    expect(disk.surgery.files()).toEqual([file]);
  });

  it.each(['open', 'read', 'write', 'datasync'] as const)(
    'is closed when %s fails, and rejects',
    async (on) => {
      const { disk, files } = await world();
      disk.inject({ on, fault: { type: 'error', kind: 'io' } });
      await expect(files.write(7n, 7, true)).rejects.toThrow();
      expect(disk.openPaths).toEqual([]);
      await files.write(7n, 8, true);
      expect(await files.read(7n)).toEqual({ kind: 'batch', batch: 8 });
      expect(disk.openPaths).toEqual([]);
    },
  );

  it.each(['open', 'write', 'datasync', 'rename', 'sync-directory'] as const)(
    'that is new is closed when %s fails, and the next call creates it',
    async (on) => {
      const disk = new SimulatedDisk({ seed: 1 });
      const files = new SyncRecordFiles(directory, disk);
      await disk.makeDirectory(directory);
      disk.inject({ on, fault: { type: 'error', kind: 'io' } });
      await expect(files.write(7n, 1, true)).rejects.toThrow();
      expect(disk.openPaths).toEqual([]);
      await files.write(7n, 2, true);
      expect(await files.read(7n)).toEqual({ kind: 'batch', batch: 2 });
    },
  );
});

describe('a slot of a sync record', () => {
  /** A slot with one byte changed and a checksum that fits. */
  function changed(at: number, byte: number): Uint8Array {
    const record = encodeSyncRecord(7n, 5);
    record[at] = byte;
    new DataView(record.buffer).setUint32(32, crc32(record.subarray(0, 32)));
    return record;
  }

  it.each([
    ['another magic number', 0, 0],
    ['version 0', 11, 0],
    ['version 2', 11, 2],
    ['a byte that is zero in this version', 15, 1],
    ['another group', 23, 8],
    ['a batch of 2^53 and more', 25, 0x20],
  ])('with %s says nothing, although its checksum fits', (_, at, byte) => {
    expect(decodeSyncRecord(7n, changed(at, byte))).toBe(undefined);
  });

  it('with another batch returns that batch', () => {
    expect(decodeSyncRecord(7n, changed(31, 6))).toBe(6);
    expect(decodeSyncRecord(7n, changed(25, 0x1f))).toBe(0x1f_0000_0000_0005);
  });
});
