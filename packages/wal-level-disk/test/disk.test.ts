/**
 * The properties of a log on LevelDB alone: freed space, opening a hundred thousand entries,
 * unusual content of the directory, a second process, and the durability of closing.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Entry } from '@babuza/raftpb';
import type { OpenedWal, WalManager } from '@babuza/wal-core';
import { walBackend, type DiskWalOptions } from '../src/index.ts';

const identity = { clusterId: 1, nodeId: 1 };
let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(`${tmpdir()}/babuza-level-disk-`);
});

afterEach(() => rm(directory, { recursive: true }));

/** Bytes that do not compress and differ in each entry. */
function entry(index: number, bytes: number, term = 1): Entry {
  let state = index * 7919 + term;
  const data = new Uint8Array(bytes).map(() => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
  return { index, term, type: 0, data };
}

async function filled(
  count: number,
  bytes: number,
  options?: DiskWalOptions,
): Promise<{ manager: WalManager; opened: OpenedWal }> {
  const manager = await walBackend.open(directory, options);
  const opened = await manager.createWal(identity);
  opened.wal.setUnsafeNoFsync();
  for (let first = 1; first <= count; first += 500) {
    const length = Math.min(500, count - first + 1);
    const entries = Array.from({ length }, (_, at) => entry(first + at, bytes));
    await opened.wal.save({ entries });
  }
  await opened.wal.save({ hardState: { term: 1, vote: 1n, commit: count } });
  return { manager, opened };
}

async function diskBytes(): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(join(directory, 'db'))) {
    bytes += (await stat(join(directory, 'db', name))).size;
  }
  return bytes;
}

describe('purging', () => {
  it('frees disk space and reports how much', async () => {
    const { manager, opened } = await filled(6000, 4096);
    const before = await diskBytes();
    const report = await opened.wal.purge(5900);
    const after = await diskBytes();
    console.log(
      `purge of 5,900 of 6,000 entries of 4 KiB: ${before} bytes on disk before, ${after} after; the report says ${report.bytesFreed} freed`,
    );
    expect(before).toBeGreaterThan(6000 * 4096);
    expect(after).toBeLessThan(before / 10);
    // This is not compared with `before`, because LevelDB may have kept a table twice at that
    // moment.
    expect(report.bytesFreed).toBeGreaterThan(5900 * 4096 * 0.95);
    expect([report.firstIndex, report.heldBy]).toEqual([5901, undefined]);
    await manager.close();
    const again = await walBackend.open(directory, { verifyOnOpen: true });
    const { storage } = await again.replayWal();
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([5901, 6000]);
    expect(storage.entries(5901, 5902, Infinity)).toEqual([entry(5901, 4096)]);
    await again.close();
  });

  it('of few entries frees no space, and reports why', async () => {
    const { manager, opened } = await filled(2000, 1024);
    const { wal } = opened;
    const small = await wal.purge(100);
    expect([small.bytesFreed, small.firstIndex]).toEqual([0, 101]);
    expect(small.heldBy).toMatch(/compactPurgedBytes/);
    await manager.close();
  });
});

describe('a hundred thousand entries', () => {
  it('are opened by their keys, and an entry is read and verified on demand', async () => {
    const { manager } = await filled(100_000, 40);
    await manager.close();
    const again = await walBackend.open(directory);
    const { wal, storage } = await again.replayWal();
    expect([storage.firstIndex(), storage.lastIndex()]).toEqual([1, 100_000]);
    // No payload is cached or counted as read.
    expect(wal.stats).toMatchObject({ cacheBytes: 0, cacheHits: 0, cacheMisses: 0 });
    expect(wal.stats.indexBytes).toBeLessThan(1000);
    for (const index of [1, 4711, 50_000, 100_000]) {
      expect(storage.entries(index, index + 1, 0)).toEqual([entry(index, 40)]);
    }
    await again.close();
  });
});

describe('what closing makes durable', () => {
  it('includes saves with syncs turned off, which end up in a synced table', async () => {
    const { manager, opened } = await filled(500, 1024);
    await opened.wal.close();
    const names = await readdir(join(directory, 'db'));
    const tables = names.filter((name) => name.endsWith('.ldb'));
    let bytes = 0;
    for (const name of tables) bytes += (await stat(join(directory, 'db', name))).size;
    expect(bytes).toBeGreaterThan(500 * 1024);
    await manager.close();
  });
});

describe('a directory', () => {
  it('without CURRENT gets no new database, because LevelDB would remove the tables', async () => {
    const { manager } = await filled(10, 100);
    await manager.close();
    await rm(join(directory, 'db', 'CURRENT'));
    const before = await readdir(join(directory, 'db'));
    const again = await walBackend.open(directory);
    await expect(again.replayWal()).rejects.toMatchObject({
      code: 'WAL_CORRUPT',
      verdict: 'missing-current',
    });
    await expect(again.createWal(identity, { groupId: 1n })).rejects.toMatchObject({
      code: 'WAL_CORRUPT',
    });
    expect(await again.hasExistingWal()).toBe(true);
    await again.close();
    expect(await readdir(join(directory, 'db'))).toEqual(before);
  });

  it('without its database is refused because of the sync record', async () => {
    const { manager } = await filled(10, 100);
    await manager.close();
    await rm(join(directory, 'db'), { recursive: true });
    const again = await walBackend.open(directory);
    const refused = { code: 'WAL_CORRUPT', verdict: 'lost-batches' };
    await expect(again.replayWal()).rejects.toMatchObject(refused);
    expect(await again.hasExistingWal()).toBe(true);
    await expect(again.createWal(identity)).rejects.toMatchObject({ code: 'WAL_EXISTS' });
    await expect(again.createWal(identity, { groupId: 5n })).rejects.toMatchObject({
      code: 'WAL_CORRUPT',
      verdict: 'missing-database',
    });
    await again.close();
    // The database stays missing, so that the operator can look for it.
    expect(await readdir(directory)).toEqual(['witness']);
  });

  it('in which LevelDB died while it created the database gets a new one', async () => {
    await mkdir(join(directory, 'db'));
    for (const name of ['LOCK', 'LOG', 'MANIFEST-000001', '000001.dbtmp']) {
      await writeFile(join(directory, 'db', name), 'half');
    }
    const manager = await walBackend.open(directory);
    expect(await manager.hasExistingWal()).toBe(false);
    await manager.createWal(identity);
    await manager.close();
  });

  it('with a file in place of the database is foreign', async () => {
    await writeFile(join(directory, 'db'), 'a file');
    const manager = await walBackend.open(directory);
    await expect(manager.createWal(identity)).rejects.toMatchObject({ code: 'WAL_FOREIGN' });
    await manager.close();
  });

  it('that another process has open is locked, and the existence of a log is known', async () => {
    const { manager } = await filled(10, 100);
    const entryPoint = fileURLToPath(new URL('../dist/index.js', import.meta.url));
    const program = `
      const { walBackend } = await import(${JSON.stringify(entryPoint)});
      const manager = await walBackend.open(${JSON.stringify(directory)});
      const exists = await manager.hasExistingWal();
      const codes = [];
      for (const call of [() => manager.replayWal(), () => manager.findSnapshots()]) {
        codes.push(await call().then(() => 'opened', ({ code }) => code));
      }
      console.log(JSON.stringify({ exists, codes }));
    `;
    const args = ['--input-type=module', '--eval', program];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    expect(JSON.parse(stdout)).toEqual({ exists: true, codes: ['WAL_LOCKED', 'WAL_LOCKED'] });
    await manager.close();
  });
});
