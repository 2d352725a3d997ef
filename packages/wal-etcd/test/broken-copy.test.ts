/** The copy of a damaged segment, with lengths around the size of a piece. */
import { expect, it } from 'vitest';
import { SimulatedDisk } from '@babuza/testkit';
import { keepBrokenCopy } from '../src/recovery/repair.ts';

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
])('of %i bytes is complete and durable, and replaces an older one', async (bytes) => {
  const disk = new SimulatedDisk({ seed: 1 });
  await disk.makeDirectory(directory);
  const content = new Uint8Array(bytes).map((_, at) => (at * 7 + (at >> 8)) & 0xff);
  disk.surgery.put(`${directory}/a.wal`, content);
  disk.surgery.put(`${directory}/a.wal.broken`, new Uint8Array(3 * copiedAtATime));
  const file = await disk.open(`${directory}/a.wal`, 'write');
  await keepBrokenCopy(disk, directory, file, `${directory}/a.wal.broken`);
  await file.close();
  const after = disk.crash(1);
  const copy = after.surgery.contents(`${directory}/a.wal.broken`);
  expect(Buffer.compare(copy, content)).toBe(0);
  expect(disk.openPaths).toEqual([]);
});
