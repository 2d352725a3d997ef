/** The folder of a group: what opening does with it, and each durable step that changes it. */
import { crashStates, simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import type { File, OpenMode } from '@babuza/vfs';
import { beforeEach, describe, expect, it } from 'vitest';
import { metadataFileBytesMax } from '../src/format/metadata-file.ts';
import { DurableSnapshotManager, VolatileSnapshotManager } from '../src/index.ts';
import { MemoryFileSystem } from '../src/memory-file-system.ts';
import { SnapshotFolder } from '../src/snapshot-folder.ts';
import {
  asStream,
  bytesOf,
  chunkBytes,
  fails,
  filesOf,
  gate,
  indexes,
  joined,
  make,
  metadataOf,
  writing,
  type Files,
} from './support.ts';
import { groupFolder, nameOf, openedOn } from './disk-manager.ts';

const ten = { index: 10, term: 1 };
const files: Files = { a: bytesOf(700), b: bytesOf(3) };

let disk: SimulatedDisk;
let manager: DurableSnapshotManager;

beforeEach(async () => {
  disk = simulatedEnvironment(1).fileSystem;
  manager = await openedOn(disk);
});

async function names(): Promise<string[]> {
  return (await disk.list(groupFolder)).map(({ name }) => name).filter((name) => name !== 'LOCK');
}

/** Starts a transfer that ends early, and returns the name of its folder. */
async function interrupted(index: number, term = 1): Promise<string> {
  const source = new VolatileSnapshotManager({ chunkBytes });
  await source.open(1n);
  const stored = await source.create(metadataOf(index, term), writing(files));
  const stream = (await joined(source.send(stored.metadata))).subarray(0, 600);
  const receiving = manager.receive(stored.metadata, stored.manifest, asStream([stream]));
  await fails('SNAPSHOT_CORRUPT', receiving);
  return `${stored.id}.part`;
}

/** Creates an interrupted transfer of another index, as an earlier process leaves it. */
async function leavePart(index: number): Promise<void> {
  const other = simulatedEnvironment(2).fileSystem;
  const one = new DurableSnapshotManager('/snap', { chunkBytes }, { fileSystem: other });
  await one.open(1n);
  const stored = await make(one, index, files);
  await disk.makeDirectory(`${groupFolder}/${stored.id}.part`);
  const bytes = other.surgery.contents(`${groupFolder}/${nameOf(index)}/snapshot`);
  disk.surgery.put(`${groupFolder}/${stored.id}.part/snapshot`, bytes);
}

describe('opening and an interrupted transfer', () => {
  it('keeps it only if it is newer than every snapshot', async () => {
    for (const [index, term, isKept] of [
      [21, 1, true],
      [20, 2, false],
      [19, 1, false],
    ] as const) {
      await make(manager, 20, files);
      const part = await interrupted(index, term);
      await manager.close();
      manager = await openedOn(disk);
      expect(await names(), `${index}`).toEqual(isKept ? [nameOf(20), part].sort() : [nameOf(20)]);
    }
  });

  it('removes one without metadata, and the older one of two', async () => {
    const newer = await interrupted(30);
    await leavePart(20);
    await disk.makeDirectory(`${groupFolder}/${'a'.repeat(64)}.part`);
    await manager.close();
    manager = await openedOn(disk);
    expect(await names()).toEqual([newer]);
    await manager.close();
    disk.surgery.flipBit(`${groupFolder}/${newer}/snapshot`, 100);
    manager = await openedOn(disk);
    expect(await names()).toEqual([]);
  });

  it('is refused, and keeps it, when the disk fails to read it for a moment', async () => {
    const part = await interrupted(30);
    await manager.close();
    for (const [kind, code] of [
      ['too-many-open', 'SNAPSHOT_TRY_AGAIN'],
      ['io', 'SNAPSHOT_READ_FAILED'],
    ] as const) {
      disk.inject({ on: 'open', path: /\.part\/snapshot$/, fault: { type: 'error', kind } });
      await fails(code, openedOn(disk));
      expect(await names()).toEqual([part]);
    }
    manager = await openedOn(disk);
    expect(await names()).toEqual([part]);
  });

  it('releases the lock when it fails', async () => {
    await make(manager, 10, files);
    await manager.close();
    disk.inject({ on: 'list', fault: { type: 'error', kind: 'io' } });
    await fails('SNAPSHOT_READ_FAILED', openedOn(disk));
    manager = await openedOn(disk);
    expect(indexes(manager)).toEqual([10]);
  });
});

describe('a metadata file', () => {
  it('is not read if it is too long', async () => {
    let size = 2 ** 40;
    class LargeFileSystem extends MemoryFileSystem {
      override async open(path: string, mode: OpenMode): Promise<File> {
        const file = await super.open(path, mode);
        file.size = async () => size;
        return file;
      }
    }
    const fileSystem = new LargeFileSystem();
    const folder = new SnapshotFolder(fileSystem, undefined, '/snap', 1n);
    await (await fileSystem.open(`${folder.pathOf('one')}/snapshot`, 'create')).close();
    expect((await fails('SNAPSHOT_CORRUPT', folder.readContents('one'))).message).toBe(
      `${folder.pathOf('one')}/snapshot at byte 0: the file has ${2 ** 40} bytes, at most ${metadataFileBytesMax} are allowed`,
    );
    size = metadataFileBytesMax;
    const error = await fails('SNAPSHOT_CORRUPT', folder.readContents('one'));
    expect(error.message).toContain('too early');
  });
});

describe('publishing', () => {
  it('replaces a folder with the name that was not acknowledged', async () => {
    disk.inject({
      on: 'sync-directory',
      path: groupFolder,
      fault: { type: 'sync-error', pending: 'kept' },
    });
    disk.inject({ on: 'rename', nth: 2, path: /-/, fault: { type: 'error', kind: 'io' } });
    await fails('SNAPSHOT_WRITE_FAILED', make(manager, 10, { a: bytesOf(9) }));
    expect(await names()).toEqual([nameOf(10)]);
    expect(indexes(manager)).toEqual([]);
    await make(manager, 10, files);
    expect(await filesOf(manager, 10)).toEqual(files);
    expect(await names()).toEqual([nameOf(10)]);
  });

  it('is not acknowledged when the lock was lost in its last step', async () => {
    const syncDirectory = disk.syncDirectory.bind(disk);
    disk.syncDirectory = async (path) => {
      await syncDirectory(path);
      if (path === groupFolder) disk.takeLockAway(groupFolder);
    };
    await fails('SNAPSHOT_LOCK_LOST', make(manager, 10, files));
    expect(indexes(manager)).toEqual([]);
    manager.onLost(() => undefined);
    await fails('SNAPSHOT_LOCK_LOST', manager.close());
  });

  it('keeps the one that was published first, and its readers', async () => {
    const { passed, open: letGo } = gate();
    const creating = manager.create(metadataOf(10), async (writer) => {
      await passed;
      await writing({ a: bytesOf(700, 5) })(writer);
    });
    const source = new VolatileSnapshotManager({ chunkBytes });
    await source.open(1n);
    const { metadata, manifest } = await make(source, 10, files);
    const received = await manager.receive(metadata, manifest, source.send(metadata));
    const open = await manager.read(ten);
    letGo();
    expect(await creating).toBe(received);
    expect(await joined(open.readFile('a'))).toEqual(files['a']);
    await open.close();
    expect(await names()).toEqual([nameOf(10)]);
  });
});

describe('a failed removal', () => {
  it('does not remove a snapshot of the same name that was made since', async () => {
    for (const index of [10, 20]) await make(manager, index, files);
    disk.inject({ on: 'rename', fault: { type: 'error', kind: 'io' } });
    await fails('SNAPSHOT_WRITE_FAILED', manager.remove(ten));
    await make(manager, 10, { a: bytesOf(9) });
    await manager.retain(5);
    expect(await filesOf(manager, 10)).toEqual({ a: bytesOf(9) });
  });

  it('is reported by the next retention again only if it may succeed later', async () => {
    for (const index of [10, 20]) await make(manager, index, files);
    const broken = disk.inject({
      on: 'rename',
      sticky: true,
      fault: { type: 'error', kind: 'io' },
    });
    await fails('SNAPSHOT_WRITE_FAILED', manager.remove(ten));
    await manager.retain(1);
    broken.remove();
    disk.inject({ on: 'list', fault: { type: 'error', kind: 'too-many-open' } });
    await fails('SNAPSHOT_TRY_AGAIN', manager.retain(1));
    await manager.retain(1);
    expect(await names()).toEqual([nameOf(20)]);
  });

  it('is finished by the same call if only its files were left', async () => {
    for (const index of [10, 20]) await make(manager, index, files);
    for (const on of ['unlink', 'rmdir'] as const) {
      disk.inject({ on, fault: { type: 'error', kind: 'io' } });
      await fails('SNAPSHOT_WRITE_FAILED', manager.remove(ten));
      expect(await names()).toEqual([`${nameOf(10)}.gone`, nameOf(20)]);
    }
    await manager.remove(ten);
    expect(await names()).toEqual([nameOf(20)]);
    await manager.remove(ten);
  });

  it('does not hinder a new snapshot of the same name, although its files cannot be removed', async () => {
    for (const index of [10, 20]) await make(manager, index, files);
    const broken = disk.inject({
      on: 'unlink',
      sticky: true,
      fault: { type: 'error', kind: 'io' },
    });
    await fails('SNAPSHOT_WRITE_FAILED', manager.remove(ten));
    await make(manager, 10, { a: bytesOf(9) });
    expect(await filesOf(manager, 10)).toEqual({ a: bytesOf(9) });
    broken.remove();
    await manager.remove(ten);
    expect(await names()).toEqual([nameOf(20)]);
  });

  it('touches no file before its new name is durable, whatever has failed since', async () => {
    for (const index of [10, 20]) await make(manager, index, files);
    const fault = { type: 'sync-error', pending: 'kept' } as const;
    disk.inject({ on: 'sync-directory', path: groupFolder, fault });
    await fails('SNAPSHOT_WRITE_FAILED', manager.remove(ten));
    const before = disk.calls.length;
    disk.inject({ on: 'sync-directory', path: groupFolder, fault });
    await fails('SNAPSHOT_WRITE_FAILED', make(manager, 10, files));
    const calls = disk.calls.slice(before);
    const unlinked = calls.findIndex(
      ({ operation, path }) => operation === 'unlink' && path.includes(`${nameOf(10)}.gone`),
    );
    expect(unlinked).toBeGreaterThan(0);
    const synced = calls
      .slice(0, unlinked)
      .filter(({ operation, outcome }) => operation === 'sync-directory' && outcome === 'ok')
      .filter(({ path }) => path === groupFolder);
    expect(synced).toHaveLength(1);
  });
});

describe('a snapshot that is set aside', () => {
  it('is not a snapshot after a power cut', async () => {
    for (const index of [10, 20]) await make(manager, index, files);
    // The opening checks only sizes and would list this one again.
    disk.surgery.flipBit(`${groupFolder}/${nameOf(10)}/file-0001`, 100);
    expect(await manager.verify(ten)).toBe(false);
    const states = [...crashStates(disk, { exhaustiveMax: 8, samples: 8, seed: 1 })];
    for (const { disk: left, lost } of states) {
      const one = new DurableSnapshotManager('/snap', { chunkBytes }, { fileSystem: left });
      await one.open(1n);
      expect(indexes(one), `lost: ${lost}`).toEqual([20]);
      await one.close();
    }
  });

  it('replaces one of the same name that was set aside before', async () => {
    for (let round = 0; round < 2; round += 1) {
      await make(manager, 10, { a: bytesOf(600, round) });
      disk.surgery.flipBit(`${groupFolder}/${nameOf(10)}/file-0001`, 100);
      expect(await manager.verify(ten)).toBe(false);
      expect(await names()).toEqual([`${nameOf(10)}.damaged`]);
    }
  });
});

describe('a manager', () => {
  it('is closed at the end of the block that uses it', async () => {
    await manager.close();
    {
      await using one = await openedOn(disk);
      await make(one, 10, files);
    }
    manager = await openedOn(disk);
    expect(indexes(manager)).toEqual([10]);
  });

  it('has ended all calls when it is closed', async () => {
    const made = make(manager, 10, files).catch(() => undefined);
    const received = interrupted(20).catch(() => undefined);
    while (disk.mutationCount < 8) await Promise.resolve();
    await manager.close();
    const calls = disk.calls.length;
    expect(disk.openPaths).toEqual([]);
    await Promise.all([made, received]);
    expect(disk.calls).toHaveLength(calls);
    manager.onLost(() => undefined);
    expect(await names()).not.toContain(`${nameOf(10)}.tmp`);
  });

  it('lists nothing before it is open', async () => {
    const one = new DurableSnapshotManager('/other', {}, { fileSystem: disk });
    one.onLost(() => expect.unreachable());
    expect(one.list()).toEqual([]);
    await fails('SNAPSHOT_CLOSED', make(one, 10));
    await fails('SNAPSHOT_CLOSED', one.received(bytesOf(3)));
    await one.close();
  });

  it('accepts group ids of 64 bits only', async () => {
    for (const groupId of [-1n, 2n ** 64n, JSON.parse('1')]) {
      const one = new VolatileSnapshotManager();
      const error = await fails('SNAPSHOT_INVALID', one.open(groupId));
      expect(error.message).toContain(`a bigint of 64 bits, got ${groupId}`);
    }
    for (const groupId of [0n, 2n ** 64n - 1n]) await new VolatileSnapshotManager().open(groupId);
  });

  it('names the value that it got in place of an identity record', async () => {
    const text = await fails('SNAPSHOT_INVALID', manager.writeIdentity(JSON.parse('"text"')));
    expect(text.message).toBe('an identity record has at most 65536 bytes, got text');
    const long = await fails('SNAPSHOT_INVALID', manager.writeIdentity(new Uint8Array(65_537)));
    expect(long.message).toContain('got 65537 bytes');
  });
});
