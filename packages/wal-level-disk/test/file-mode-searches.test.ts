/** When the search for new files of LevelDB runs, on a simulated clock and directory. */
import fs from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SimulatedClock, SimulatedDisk, turnOfEventLoop } from '@babuza/testkit';
import type { DirectoryEntry } from '@babuza/vfs';
import { FileModes } from '../src/file-modes.ts';

let modes: FileModes | undefined;
beforeEach(() => {
  // The change of each mode fails at once, so that no real disk decides how long it takes.
  vi.spyOn(fs.promises, 'lstat').mockRejectedValue(new Error('there is no real file'));
});
afterEach(async () => {
  await modes?.close();
  vi.restoreAllMocks();
});

function world() {
  const clock = new SimulatedClock();
  const names: string[] = [];
  let searches = 0;
  const disk = new SimulatedDisk({ seed: 1 });
  disk.list = async (): Promise<DirectoryEntry[]> => {
    searches += 1;
    return names.map((name) => ({ name, kind: 'file' }));
  };
  const made = new FileModes(disk, clock, '/log/db');
  modes = made;
  const pass = async (milliseconds: number): Promise<number> => {
    await clock.advance(milliseconds);
    await turnOfEventLoop();
    return searches;
  };
  return { clock, names, modes: made, pass };
}

it('a search begins a second after the first of several writes', async () => {
  const { clock, modes: made, pass } = world();
  made.noticeWrite();
  expect(await pass(500)).toBe(0);
  made.noticeWrite();
  expect(clock.pendingCount).toBe(1);
  expect(await pass(499)).toBe(0);
  expect(await pass(1)).toBe(1);
  expect(clock.pendingCount).toBe(0);
});

it('a search that finds a file is repeated until one finds no file, and then runs after the next write', async () => {
  const { clock, names, modes: made, pass } = world();
  names.push('000001.log');
  made.noticeWrite();
  await pass(1000);
  names.push('000002.ldb');
  expect(clock.pendingCount).toBe(1);
  await pass(1000);
  expect(clock.pendingCount).toBe(1);
  expect(await pass(1000)).toBe(3);
  expect(clock.pendingCount).toBe(0);
  made.noticeWrite();
  expect(await pass(1000)).toBe(4);
});

it('closing cancels a pending search, and a later write starts no other one', async () => {
  const { clock, modes: made, pass } = world();
  made.noticeWrite();
  await made.close();
  expect(clock.pendingCount).toBe(0);
  made.noticeWrite();
  expect(clock.pendingCount).toBe(0);
  // This is the search of `close` itself.
  expect(await pass(5000)).toBe(1);
});

it('a search that runs while the object is closed starts no other one', async () => {
  const { clock, names, modes: made, pass } = world();
  names.push('000001.log');
  made.noticeWrite();
  const passing = pass(1000);
  await made.close();
  await passing;
  expect(clock.pendingCount).toBe(0);
});
