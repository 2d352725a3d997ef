/** Witness files of every length, records that are not quite right, and calls that fail. */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { SimulatedDisk } from '@babuza/testkit';
import { decodeWitness, encodeWitness, WitnessFiles } from '../src/witness-files.ts';

const directory = '/log/witness';
const file = `${directory}/0000000000000007`;
const recordBytes = 36;
const placeBytes = 512;

interface World {
  readonly disk: SimulatedDisk;
  readonly files: WitnessFiles;
}

/** A witness that says 5 at the first place and 6 at the second one. */
async function world(): Promise<World> {
  const disk = new SimulatedDisk({ seed: 1 });
  const files = new WitnessFiles(directory, disk);
  for (const batch of [5, 6]) await files.remember(7n, batch, true);
  return { disk, files };
}

describe('a witness file', () => {
  it('has a record at 0 and one at 512, and 1,024 bytes', async () => {
    const { disk } = await world();
    const expected = new Uint8Array(2 * placeBytes);
    expected.set(encodeWitness(7n, 5), 0);
    expected.set(encodeWitness(7n, 6), placeBytes);
    expect(Buffer.compare(disk.surgery.contents(file), expected)).toBe(0);
  });

  const second = placeBytes + recordBytes;
  it.each([
    [0, undefined],
    [1, undefined],
    [recordBytes - 1, undefined],
    [recordBytes, 5],
    [recordBytes + 1, 5],
    [placeBytes - 1, 5],
    [placeBytes, 5],
    [placeBytes + 1, 5],
    [second - 1, 5],
    [second, 6],
    [second + 1, 6],
    [2 * placeBytes - 1, 6],
    [2 * placeBytes + 1, 6],
    [5000, 6],
  ])('with %i bytes says %s, and is written again', async (length, batch) => {
    const { disk, files } = await world();
    const bytes = new Uint8Array(length);
    bytes.set(disk.surgery.contents(file).subarray(0, length));
    disk.surgery.put(file, bytes);
    const expected = batch === undefined ? { kind: 'damaged', file } : { kind: 'batch', batch };
    expect(await files.recall(7n)).toEqual(expected);
    for (const next of [7, 8, 9]) {
      await files.remember(7n, next, true);
      expect(await files.recall(7n)).toEqual({ kind: 'batch', batch: next });
    }
  });

  it('keeps the newer record while the older one is written', async () => {
    const { disk, files } = await world();
    for (const batch of [7, 8, 9]) {
      disk.inject({ on: 'write', fault: { type: 'partial-write', kind: 'io', bytes: 32 } });
      await expect(files.remember(7n, batch, true)).rejects.toThrow();
      expect(await files.recall(7n)).toEqual({ kind: 'batch', batch: batch - 1 });
      await files.remember(7n, batch, true);
      expect(await files.recall(7n)).toEqual({ kind: 'batch', batch });
    }
  });

  it('is made although an interrupted making of it has left its file', async () => {
    const disk = new SimulatedDisk({ seed: 1 });
    const files = new WitnessFiles(directory, disk);
    await disk.makeDirectory(directory);
    disk.surgery.put(`${file}.tmp`, encodeWitness(7n, 3).subarray(0, 20));
    await files.remember(7n, 1, false);
    expect(await files.recall(7n)).toEqual({ kind: 'batch', batch: 1 });
    expect(disk.surgery.files()).toEqual([file]);
  });

  it.each(['open', 'read', 'write', 'datasync'] as const)(
    'is closed where %s fails, and rejects',
    async (on) => {
      const { disk, files } = await world();
      disk.inject({ on, fault: { type: 'error', kind: 'io' } });
      await expect(files.remember(7n, 7, true)).rejects.toThrow();
      expect(disk.openPaths).toEqual([]);
      await files.remember(7n, 8, true);
      expect(await files.recall(7n)).toEqual({ kind: 'batch', batch: 8 });
      expect(disk.openPaths).toEqual([]);
    },
  );

  it.each(['open', 'write', 'datasync', 'rename', 'sync-directory'] as const)(
    'that is new is closed where %s fails, and is made by the next call',
    async (on) => {
      const disk = new SimulatedDisk({ seed: 1 });
      const files = new WitnessFiles(directory, disk);
      await disk.makeDirectory(directory);
      disk.inject({ on, fault: { type: 'error', kind: 'io' } });
      await expect(files.remember(7n, 1, true)).rejects.toThrow();
      expect(disk.openPaths).toEqual([]);
      await files.remember(7n, 2, true);
      expect(await files.recall(7n)).toEqual({ kind: 'batch', batch: 2 });
    },
  );
});

describe('the record of a witness', () => {
  /** A record in which bytes were changed, with the checksum of what it has now. */
  function changed(at: number, byte: number): Uint8Array {
    const record = encodeWitness(7n, 5);
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
    expect(decodeWitness(7n, changed(at, byte))).toBe(undefined);
  });

  it('with another batch says that one', () => {
    expect(decodeWitness(7n, changed(31, 6))).toBe(6);
    expect(decodeWitness(7n, changed(25, 0x1f))).toBe(0x1f_0000_0000_0005);
  });
});
