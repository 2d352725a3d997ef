/** A snapshot that is read: which files it opens, and what is left when it is closed. */
import { simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import type { File, OpenMode } from '@babuza/vfs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DurableSnapshotManager } from '../src/index.ts';
import { MemoryFileSystem } from '../src/memory-file-system.ts';
import { checkedForm } from '../src/options.ts';
import { StoredSnapshotManager } from '../src/stored-snapshot-manager.ts';
import {
  bytesOf,
  chunkBytes,
  failureOf,
  fails,
  filesOf,
  gate,
  indexes,
  joined,
  make,
  metadataOf,
  type Files,
} from './support.ts';
import { groupFolder, nameOf, openedOn } from './disk-manager.ts';

const ten = { index: 10, term: 1 };
const files: Files = { a: bytesOf(1500), b: bytesOf(700, 2), c: bytesOf(30, 3) };
const folderOf = (index: number, ending = ''): string => `${groupFolder}/${nameOf(index)}${ending}`;

let disk: SimulatedDisk;
let manager: DurableSnapshotManager;

beforeEach(async () => {
  disk = simulatedEnvironment(1).fileSystem;
  manager = await openedOn(disk);
  await make(manager, 10, files);
});

describe('reading', () => {
  it('leaves no file open after the last byte, an early return, a failure, or a close', async () => {
    const open = await manager.read(ten);
    await joined(open.readFile('a'));
    expect(disk.openPaths).toEqual([]);
    const early = open.readFile('a')[Symbol.asyncIterator]();
    await early.next();
    expect(disk.openPaths).toHaveLength(1);
    await early.return?.();
    expect(disk.openPaths).toEqual([]);
    disk.inject({ on: 'read', fault: { type: 'error', kind: 'io' } });
    await fails('SNAPSHOT_READ_FAILED', joined(open.readFile('a')));
    expect(disk.openPaths).toEqual([]);
    const two = ['a', 'b'].map((name) => open.readFile(name)[Symbol.asyncIterator]());
    for (const half of two) await half.next();
    expect(disk.openPaths).toHaveLength(2);
    await open.close();
    expect(disk.openPaths).toEqual([]);
    for (const half of two) await fails('SNAPSHOT_CLOSED', half.next());
  });

  it('ignores a file that fails to close, because its bytes were verified', async () => {
    disk.inject({ on: 'close', sticky: true, fault: { type: 'error', kind: 'io' } });
    expect(await filesOf(manager, 10)).toEqual(files);
    const open = await manager.read(ten);
    const half = open.readFile('a')[Symbol.asyncIterator]();
    await half.next();
    await open.close();
  });

  it('refuses a file of another size before it returns any byte, and a missing file', async () => {
    const path = `${folderOf(10)}/file-0001`;
    const bytes = disk.surgery.contents(path).slice();
    disk.surgery.put(path, Buffer.concat([bytes, new Uint8Array(1)]));
    const open = await manager.read(ten);
    const reading = open.readFile('a')[Symbol.asyncIterator]();
    await fails('SNAPSHOT_CORRUPT', reading.next() as Promise<unknown>);
    disk.surgery.remove(path);
    const error = await fails('SNAPSHOT_CORRUPT', joined(open.readFile('a')));
    expect(error.message).toContain('the file is missing');
    expect(await joined(open.readFile('b'))).toEqual(files['b']);
    await open.close();
    expect(disk.openPaths).toEqual([]);
  });

  it('ends with the snapshot, even if that was closed while its file was being opened', async () => {
    const { passed, open: letGo } = gate();
    const closed: string[] = [];
    class SlowFileSystem extends MemoryFileSystem {
      isSlow = false;

      override async open(path: string, mode: OpenMode): Promise<File> {
        if (this.isSlow) await passed;
        const file = await super.open(path, mode);
        const close = file.close.bind(file);
        file.close = async () => {
          closed.push(path.slice(path.lastIndexOf('/') + 1));
          await close();
        };
        return file;
      }
    }
    const fileSystem = new SlowFileSystem();
    const storage = { durable: true, fileSystem, outside: undefined, directory: '/snap' };
    const slow = new StoredSnapshotManager(storage, checkedForm({ chunkBytes }));
    await slow.open(1n);
    for (const index of [10, 20]) await make(slow, index, files);
    const [kept, going] = [await slow.read({ index: 20, term: 1 }), await slow.read(ten)];
    await slow.retain(1);
    fileSystem.isSlow = true;
    const reading = [kept, going].map((one) =>
      failureOf(one.readFile('a')[Symbol.asyncIterator]().next() as Promise<unknown>),
    );
    await Promise.all([kept.close(), going.close()]);
    closed.splice(0);
    letGo();
    // The file of one snapshot exists, and that of the other was removed with its snapshot.
    for (const error of await Promise.all(reading)) {
      expect(error).toMatchObject({ code: 'SNAPSHOT_CLOSED' });
    }
    expect(closed).toEqual(['file-0001']);
    await slow.close();
  });
});

describe('sending from an offset on', () => {
  it('reads no file that ends before it, and yields no empty piece', async () => {
    const whole = await joined(manager.send(ten));
    const a = 1500 + 3 * 8;
    const b = 700 + 2 * 8;
    disk.surgery.flipBit(`${folderOf(10)}/file-0001`, 100);
    for (const [offset, count] of [
      [a, 2],
      [a + 1, 2],
      [a + b - 1, 2],
      [a + b, 1],
      [whole.length - 1, 1],
      [whole.length, 0],
    ] as const) {
      const before = disk.calls.length;
      const sizes: number[] = [];
      const parts: Uint8Array[] = [];
      for await (const part of manager.send(ten, offset)) {
        sizes.push(part.length);
        parts.push(part);
      }
      expect(
        sizes.every((size) => size > 0),
        `from ${offset}`,
      ).toBe(true);
      const sent = Buffer.concat(parts);
      expect(sent.equals(whole.subarray(offset)), `from ${offset}`).toBe(true);
      const openings = disk.calls.slice(before).filter(({ operation }) => operation === 'open');
      expect(openings, `from ${offset}`).toHaveLength(count);
    }
    await fails('SNAPSHOT_CORRUPT', joined(manager.send(ten, 0)));
    expect(disk.openPaths).toEqual([]);
  });
});

describe('verifying', () => {
  it('tells a whole snapshot from a damaged and a missing one', async () => {
    expect(await manager.verify(ten)).toBe(true);
    expect(disk.openPaths).toEqual([]);
    expect(await manager.verify({ index: 11, term: 1 })).toBe(false);
    disk.inject({ on: 'read', fault: { type: 'error', kind: 'io' } });
    await fails('SNAPSHOT_READ_FAILED', manager.verify(ten));
    expect(indexes(manager)).toEqual([10]);
    disk.surgery.flipBit(`${folderOf(10)}/file-0002`, 100);
    expect(await manager.verify(ten)).toBe(false);
    expect(indexes(manager)).toEqual([]);
    expect(await disk.kindOf(folderOf(10))).toBe(undefined);
    expect(await disk.kindOf(folderOf(10, '.damaged'))).toBe('directory');
    expect(await manager.verify(ten)).toBe(false);
  });

  it('sets a damaged snapshot aside, and its readers may go on', async () => {
    const open = await manager.read(ten);
    disk.surgery.flipBit(`${folderOf(10)}/file-0002`, 100);
    expect(await manager.verify(ten)).toBe(false);
    expect(await joined(open.readFile('a'))).toEqual(files['a']);
    await fails('SNAPSHOT_CORRUPT', joined(open.readFile('b')));
    await make(manager, 10, { other: bytesOf(3) });
    expect(await joined(open.readFile('c'))).toEqual(files['c']);
    await open.close();
    expect(await filesOf(manager, 10)).toEqual({ other: bytesOf(3) });
    disk.surgery.flipBit(`${folderOf(10)}/file-0001`, 100);
    expect(await manager.verify(ten)).toBe(false);
    expect(await disk.kindOf(folderOf(10))).toBe(undefined);
  });

  it('of one that is removed meanwhile ends when its folder is removed', async () => {
    await make(manager, 20, files);
    const verifying = manager.verify(ten);
    await manager.retain(1);
    expect(indexes(manager)).toEqual([20]);
    expect(disk.surgery.files().some((path) => path.startsWith(folderOf(10)))).toBe(true);
    expect(await verifying).toBe(true);
    expect(disk.surgery.files().some((path) => path.startsWith(folderOf(10)))).toBe(false);
    await manager.removeAll();
  });

  it('reports a disk on which a damaged snapshot cannot be set aside', async () => {
    disk.surgery.flipBit(`${folderOf(10)}/file-0002`, 100);
    disk.inject({ on: 'rename', fault: { type: 'error', kind: 'io' } });
    await fails('SNAPSHOT_WRITE_FAILED', manager.verify(ten));
  });
});

describe('an existing snapshot', () => {
  const creating = (one: DurableSnapshotManager): Promise<unknown> =>
    one.create(metadataOf(10), () => expect.unreachable('it was made again'));

  it('is not read again if this process has made it', async () => {
    const before = disk.calls.length;
    await creating(manager);
    const [stored] = manager.list();
    expect(await manager.received(stored?.manifest ?? bytesOf(1))).toBe(stored?.bytes);
    expect(disk.calls.slice(before)).toEqual([]);
  });

  it('is read once if an earlier process has made it, and kept if it is whole', async () => {
    await manager.close();
    const again = await openedOn(disk);
    const before = disk.calls.length;
    await creating(again);
    const reads = disk.calls.slice(before).filter(({ operation }) => operation === 'read');
    expect(reads.length).toBeGreaterThan(0);
    const after = disk.calls.length;
    await creating(again);
    expect(disk.calls.slice(after)).toEqual([]);
    expect(await filesOf(again, 10)).toEqual(files);
  });

  it('is made again if an earlier process has made it and it is damaged', async () => {
    await manager.close();
    disk.surgery.flipBit(`${folderOf(10)}/file-0002`, 100);
    const again = await openedOn(disk);
    await make(again, 10, files);
    expect(await filesOf(again, 10)).toEqual(files);
  });
});
