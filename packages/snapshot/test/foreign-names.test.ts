/**
 * Foreign entries in the folder: nested folders, and files and links under the names of snapshots.
 * They never keep a node from starting, and nothing outside the folder is touched.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DurableSnapshotManager } from '../src/index.ts';
import { filesOf, indexes, make, metadataOf, sampleFiles } from './support.ts';
import { nameOf } from './disk-manager.ts';

let directory = '';
let folder = '';
let manager: DurableSnapshotManager | undefined;

async function open(): Promise<DurableSnapshotManager> {
  await manager?.close();
  manager = new DurableSnapshotManager(directory);
  await manager.open(1n);
  return manager;
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'babuza-foreign-'));
  folder = join(directory, 'group-0000000000000001');
  const first = await open();
  for (const index of [10, 20]) await make(first, index);
  await first.close();
});

afterEach(async () => {
  await manager?.close();
  manager = undefined;
  await rm(directory, { recursive: true });
});

describe('a folder in', () => {
  const ours = [`${nameOf(30)}.tmp`, `${nameOf(10)}.gone`, `${'a'.repeat(64)}.part`];
  it.each(ours)('%s is removed with it', async (name) => {
    await mkdir(join(folder, name, 'notes'), { recursive: true });
    await writeFile(join(folder, name, 'notes', 'a'), 'x');
    expect(indexes(await open())).toEqual([10, 20]);
    expect(existsSync(join(folder, name))).toBe(false);
  });

  it('a snapshot is removed with it, and the next opening finds the others', async () => {
    await mkdir(join(folder, nameOf(10), 'notes'));
    await (await open()).retain(1);
    expect(indexes(await open())).toEqual([20]);
    expect((await readdir(folder)).filter((name) => name.startsWith(nameOf(10)))).toEqual([]);
  });

  it('a snapshot that was set aside is removed with it', async () => {
    for (const index of [1, 2, 3])
      await mkdir(join(folder, `${nameOf(index)}.damaged`, 'notes'), { recursive: true });
    await rm(join(folder, nameOf(20), 'snapshot'));
    expect(indexes(await open())).toEqual([10]);
  });
});

describe('a file named as', () => {
  it.each(['', '.tmp', '.gone'])('a snapshot%s does not hinder it', async (ending) => {
    await writeFile(join(folder, nameOf(30) + ending), 'x');
    const opened = await open();
    await make(opened, 30);
    expect(indexes(opened)).toEqual([10, 20, 30]);
    await opened.retain(1);
    expect((await readdir(folder)).filter((name) => name.includes('-'))).toEqual([nameOf(30)]);
  });
});

describe('a link to a folder elsewhere', () => {
  it.each(['', '.tmp', '.gone'])(
    'named as a snapshot%s is removed without its target',
    async (ending) => {
      const elsewhere = join(directory, 'elsewhere');
      await mkdir(elsewhere);
      await writeFile(join(elsewhere, 'precious'), 'x');
      await symlink(elsewhere, join(folder, nameOf(30) + ending));
      const opened = await open();
      await make(opened, 30);
      expect(await filesOf(opened, 30)).toEqual(sampleFiles(30));
      expect(await readdir(elsewhere)).toEqual(['precious']);
    },
  );

  it('is not a snapshot, even if one was moved there, and that one stays whole', async () => {
    const elsewhere = join(directory, 'elsewhere');
    await rename(join(folder, nameOf(20)), elsewhere);
    await symlink(elsewhere, join(folder, nameOf(20)));
    const files = await readdir(elsewhere);
    const opened = await open();
    expect(indexes(opened)).toEqual([10]);
    await make(opened, 20);
    await opened.retain(1);
    expect(await opened.verify(metadataOf(20))).toBe(true);
    expect(await readdir(elsewhere)).toEqual(files);
  });

  it('that does not exist any more hinders nothing', async () => {
    await symlink(join(directory, 'nowhere'), join(folder, nameOf(30)));
    const opened = await open();
    await make(opened, 30);
    expect(indexes(opened)).toEqual([10, 20, 30]);
  });
});
