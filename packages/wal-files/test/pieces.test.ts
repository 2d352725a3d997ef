/** Files that are copied or filled in pieces, with lengths around multiples of a piece. */
import { describe, expect, it } from 'vitest';
import { SimulatedDisk, simulatedEnvironment } from '@babuza/testkit';
import { detachSegments } from '../src/detach-segments.ts';
import { SpareFiles } from '../src/index.ts';

const directory = '/log';
const copiedAtATime = 1024 * 1024;
const filledAtATime = 256 * 1024;
const around = (bytes: number): number[] => [bytes - 1, bytes, bytes + 1];

const counted = (bytes: number): Uint8Array =>
  new Uint8Array(bytes).map((_, at) => (at * 7 + (at >> 8)) & 0xff);

async function newDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 });
  await disk.makeDirectory(directory);
  return disk;
}

describe('a segment that is replaced by a copy of itself', () => {
  it.each([0, 1, ...around(copiedAtATime), ...around(2 * copiedAtATime)])(
    'of %i bytes has the same bytes, durably',
    async (bytes) => {
      const disk = await newDisk();
      const content = counted(bytes);
      for (const name of ['a', 'b']) disk.surgery.put(`${directory}/${name}`, content);
      await detachSegments(disk, directory, { fileNames: ['a', 'b'], temporaryName: 'copy' });
      const after = disk.crash(1);
      expect(after.surgery.files()).toEqual([`${directory}/a`, `${directory}/b`]);
      for (const path of after.surgery.files()) {
        expect(Buffer.compare(after.surgery.contents(path), content), path).toBe(0);
      }
      expect(disk.openPaths).toEqual([]);
    },
  );

  it('stays unchanged if there is no space for the copy', async () => {
    const disk = await newDisk();
    const content = counted(copiedAtATime + 1);
    disk.surgery.put(`${directory}/a`, content);
    disk.capacityBytes = 2 * copiedAtATime;
    await detachSegments(disk, directory, { fileNames: ['a'], temporaryName: 'copy' });
    expect(disk.surgery.files()).toEqual([`${directory}/a`]);
    expect(Buffer.compare(disk.surgery.contents(`${directory}/a`), content)).toBe(0);
    expect(disk.openPaths).toEqual([]);
  });
});

describe('a spare file', () => {
  it.each([1, ...around(filledAtATime), ...around(2 * filledAtATime)])(
    'of %i bytes has the requested length, and is filled with one sync for each piece',
    async (bytes) => {
      const disk = await newDisk();
      const environment = simulatedEnvironment(1, disk);
      const names = { spare: () => 'spare', recycled: () => 'recycled' };
      const spares = new SpareFiles(environment, directory, names, 0);
      const { file, path } = await spares.take(1, bytes);
      await file.close();
      expect(disk.surgery.contents(path).length).toBe(bytes);
      const calls = disk.calls.map(({ operation }) => operation);
      const pieces = Math.ceil(bytes / filledAtATime);
      expect(calls.filter((operation) => operation === 'write')).toHaveLength(pieces);
      expect(calls.filter((operation) => operation === 'datasync')).toHaveLength(pieces);
    },
  );
});
