/** The copy of a damaged segment: lengths around the piece in which it is copied. */
import { expect, it } from 'vitest';
import { SimulatedDisk } from '@babuza/testkit';
import { keepBroken } from '../src/recovery/repair.ts';

const directory = '/log';
const copiedAtATime = 1024 * 1024;

it.each([
  0,
  1,
  copiedAtATime - 1,
  copiedAtATime,
  copiedAtATime + 1,
  2 * copiedAtATime,
  2 * copiedAtATime + 1,
])('of %i bytes is whole and durable, and takes the place of an older one', async (bytes) => {
  const disk = new SimulatedDisk({ seed: 1 });
  await disk.makeDirectory(directory);
  const content = new Uint8Array(bytes).map((_, at) => (at * 7 + (at >> 8)) & 0xff);
  disk.surgery.put(`${directory}/a.wal`, content);
  disk.surgery.put(`${directory}/a.wal.broken`, new Uint8Array(3 * copiedAtATime));
  const file = await disk.open(`${directory}/a.wal`, 'write');
  await keepBroken(disk, directory, file, `${directory}/a.wal.broken`);
  await file.close();
  const after = disk.crash(1);
  const copy = after.surgery.contents(`${directory}/a.wal.broken`);
  expect(Buffer.compare(copy, content)).toBe(0);
  expect(disk.openPaths).toEqual([]);
});
