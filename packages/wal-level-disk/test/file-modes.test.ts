/**
 * The modes of the files that LevelDB creates while the log is open, on a real LevelDB with a
 * simulated clock.
 */
import { chmod, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock } from '@babuza/testkit';
import { nodeEnvironment } from '@babuza/vfs';
import { FileModes } from '../src/file-modes.ts';
import { walBackend } from '../src/index.ts';

let root = '';

beforeEach(async () => {
  root = await mkdtemp(`${tmpdir()}/babuza-level-modes-`);
});

afterEach(() => rm(root, { recursive: true }));

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o777).toString(8);
}

/** The mode of a file, or `gone`, because a thread of LevelDB removes files. */
async function modeIfThere(path: string): Promise<string> {
  try {
    return await modeOf(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'gone';
    throw error;
  }
}

/** The files that other users may read or write. */
async function openToOthers(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  const modes = await Promise.all(names.map((name) => modeIfThere(join(directory, name))));
  return names.filter((_, at) => modes[at] !== '600' && modes[at] !== 'gone');
}

/** A search starts on the simulated clock and then waits for the real file system. */
async function untilNoTimerWaits(clock: SimulatedClock): Promise<void> {
  for (let turns = 0; turns < 1000; turns += 1) {
    await clock.advance(1000);
    await readdir(root);
    if (clock.pendingCount === 0) return;
  }
  throw new Error('the search for new files does not end');
}

describe.skipIf(process.platform === 'win32')('files of LevelDB', () => {
  it('that it created while the log was written are found within a second', async () => {
    const clock = new SimulatedClock();
    const directory = join(root, 'wal');
    const manager = await walBackend.open(directory, {
      writeBufferBytes: 64 * 1024,
      environment: { ...nodeEnvironment(), clock },
    });
    const { wal } = await manager.createWal({ clusterId: 1, nodeId: 1 });
    const before = await readdir(join(directory, 'db'));
    for (let index = 1; index <= 100; index += 1) {
      const data = new Uint8Array(4096).map((_, at) => (at * 7919 + index * 104_729) % 251);
      await wal.save({ entries: [{ index, term: 1, type: 0, data }] });
    }
    const made = (await readdir(join(directory, 'db'))).filter((name) => !before.includes(name));
    expect(made).not.toEqual([]);
    await untilNoTimerWaits(clock);
    // A thread of LevelDB may still compact. A search after the next write finds what it creates
    // late.
    let index = 101;
    while ((await openToOthers(join(directory, 'db'))).length > 0 && index < 200) {
      await wal.save({ entries: [{ index, term: 1, type: 0 }] });
      index += 1;
      await untilNoTimerWaits(clock);
    }
    expect(await openToOthers(join(directory, 'db'))).toEqual([]);
    await manager.close();
    expect(await openToOthers(join(directory, 'db'))).toEqual([]);
  });

  it('that an older release created are changed at the next opening', async () => {
    const directory = join(root, 'wal');
    const manager = await walBackend.open(directory);
    await manager.createWal({ clusterId: 1, nodeId: 1 });
    await manager.close();
    const names = await readdir(join(directory, 'db'));
    for (const name of names) await chmod(join(directory, 'db', name), 0o644);
    const again = await walBackend.open(directory);
    await again.replayWal();
    expect(await openToOthers(join(directory, 'db'))).toEqual([]);
    await again.close();
  });

  it('behind a link stay as they are, and a missing directory ends the search', async () => {
    const elsewhere = join(root, 'elsewhere');
    const location = join(root, 'db');
    await writeFile(elsewhere, 'other', { mode: 0o644 });
    const { fileSystem } = nodeEnvironment();
    await fileSystem.makeDirectory(location);
    await symlink(elsewhere, join(location, '000005.ldb'));
    const clock = new SimulatedClock();
    const modes = new FileModes(fileSystem, clock, location);
    await modes.restrict();
    expect(await modeOf(elsewhere)).toBe('644');
    await rm(location, { recursive: true });
    modes.noticeWrite();
    modes.noticeWrite();
    expect(clock.pendingCount).toBe(1);
    await untilNoTimerWaits(clock);
    await modes.close();
    modes.noticeWrite();
    expect(clock.pendingCount).toBe(0);
  });
});
