/**
 * How kinds of logs are recognised, on a simulated disk: by names, links and first bytes, and with
 * failing disks.
 */
import { describe, expect, it } from 'vitest';
import { FileError } from '@babuza/vfs';
import { SimulatedDisk } from '@babuza/testkit';
import { findLogKinds, logKinds, refuseOtherKinds } from '../src/index.ts';

const directory = '/node/wal';
const native = '0000000000000001-00c0ffee.wal';
const etcd = '0000000000000000-0000000000000000.wal';
const io = { type: 'error', kind: 'io' } as const;

/** A disk with these files; a name that ends in `/` is a folder. */
async function diskWith(files: Readonly<Record<string, Uint8Array>>): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 });
  await disk.makeDirectory(directory);
  for (const [name, content] of Object.entries(files)) {
    const path = `${directory}/${name}`;
    const folder = path.slice(0, path.lastIndexOf('/'));
    await disk.makeDirectory(folder);
    if (!name.endsWith('/')) disk.surgery.put(path, content);
  }
  return disk;
}

async function kindsOf(...names: string[]): Promise<string[]> {
  const disk = await diskWith(Object.fromEntries(names.map((name) => [name, new Uint8Array(16)])));
  return (await findLogKinds(disk, directory)).map(
    ({ kind, evidence }) => `${kind.walType ?? kind.title}: ${evidence}`,
  );
}

describe('a kind of log', () => {
  it.each([
    [native, 'babuza-wal'],
    ['group-00000000000000ff/0000000000000009-00000000.wal', 'babuza-wal'],
    [etcd, 'etcd-wal'],
    ['group-00000000000000ff/9-FF.wal', 'etcd-wal'],
    ['1-2.wal.wal', 'etcd-wal'],
    ['0000000000000000-00c0ffee.wal', 'etcd-wal'],
    ['db/CURRENT', 'level-wal'],
    ['db/000004.log', 'level-wal'],
    ['db/000005.ldb', 'level-wal'],
    ['db/000005.sst', 'level-wal'],
    ['witness/00000000000000ff', 'level-wal'],
    [`member/wal/${etcd}`, 'the data directory of an etcd server'],
  ])('is recognised by %s: %s', async (name, kind) => {
    expect(await kindsOf(name)).toEqual([`${kind}: ${name}`]);
  });

  it.each([
    ['LOCK', 'LOCK.0123', 'spare-0000000000000001.tmp', 'recycled-0000000000000001.tmp'],
    ['0.tmp', '1.tmp', `${etcd}.broken`, 'notes.wal', 'x.txt'],
    ['db/LOCK', 'db/LOG', 'db/MANIFEST-000001', 'db/000001.dbtmp', 'witness/0000000000000001.tmp'],
    ['group-00000000000000ff/', 'member/wal/', 'member/snap/db', 'CURRENT'],
    [`group-ff/${native}`, `other/${native}`, `db/${native}`, `witness/${etcd}`],
  ])('is not recognised by names such as %s and %s', async (...names) => {
    expect(await kindsOf(...names)).toEqual([]);
  });

  it('is reported for every kind in the directory, in the order of the table', async () => {
    const names = ['witness/0000000000000000', etcd, `group-0000000000000001/${native}`];
    expect(await kindsOf(...names)).toEqual([
      `babuza-wal: group-0000000000000001/${native}`,
      `etcd-wal: ${etcd}`,
      'level-wal: witness/0000000000000000',
    ]);
    expect(new Set(logKinds.map(({ title }) => title)).size).toBe(logKinds.length);
  });

  it('is recognised by the first record of etcd if the name could be that of a native segment', async () => {
    const start = Uint8Array.of(4, 0, 0, 0, 0, 0, 0, 0x84, 8, 4, 16, 0, 0, 0, 0, 0);
    const disk = await diskWith({ [native]: start });
    await expect(refuseOtherKinds(disk, directory, 'etcd-wal')).resolves.toBeUndefined();
    await expect(refuseOtherKinds(disk, directory, 'babuza-wal')).rejects.toMatchObject({
      code: 'WAL_FOREIGN',
      message: expect.stringContaining("a log in etcd's format (walType 'etcd-wal'"),
    });
  });

  it('is recognised with one read of one file, however many segments there are', async () => {
    const names = [1, 2, 3, 4].map((id) => `000000000000000${id}-00c0ffee.wal`);
    const disk = await diskWith(
      Object.fromEntries(names.map((name) => [name, new Uint8Array(16)])),
    );
    const second = disk.inject({ on: 'open', nth: 2, fault: io });
    expect(await findLogKinds(disk, directory)).toHaveLength(1);
    expect([second.matches, second.hits]).toEqual([1, 0]);
  });

  it('is recognised by its name if the segment was removed meanwhile or is a folder', async () => {
    const gone = await diskWith({ [native]: new Uint8Array(16) });
    const kind = 'not-found';
    gone.inject({ on: 'open', sticky: true, fault: { type: 'error', kind } });
    const folder = await diskWith({ [`${native}/`]: new Uint8Array(0) });
    for (const disk of [gone, folder]) {
      await expect(refuseOtherKinds(disk, directory, 'babuza-wal')).resolves.toBeUndefined();
      await expect(refuseOtherKinds(disk, directory, 'etcd-wal')).rejects.toMatchObject({
        code: 'WAL_FOREIGN',
      });
    }
  });

  it.each(['open', 'read', 'close'] as const)('is not guessed if %s fails', async (on) => {
    const disk = await diskWith({ [native]: new Uint8Array(16) });
    disk.inject({ on, fault: io });
    await expect(refuseOtherKinds(disk, directory, 'etcd-wal')).rejects.toBeInstanceOf(FileError);
    await expect(refuseOtherKinds(disk, directory, 'babuza-wal')).resolves.toBeUndefined();
  });
});

describe('a directory', () => {
  it('that does not exist, or is a file, holds no log', async () => {
    const disk = await diskWith({ file: new Uint8Array(1) });
    expect(await findLogKinds(disk, `${directory}/nowhere`)).toEqual([]);
    expect(await findLogKinds(disk, `${directory}/file`)).toEqual([]);
  });

  it('that cannot be listed does not count as empty', async () => {
    const disk = await diskWith({ [native]: new Uint8Array(16) });
    disk.inject({ on: 'list', path: directory, fault: io });
    await expect(refuseOtherKinds(disk, directory, 'level-wal')).rejects.toBeInstanceOf(FileError);
  });
});
