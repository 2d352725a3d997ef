/** The file system in memory keeps the contract of a file system as far as snapshots rely on it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryFileSystem } from '../src/memory-file-system.ts';
import { bytesOf } from './support.ts';

let fileSystem: MemoryFileSystem;
beforeEach(() => {
  fileSystem = new MemoryFileSystem();
});

async function put(path: string, bytes: Uint8Array): Promise<void> {
  const file = await fileSystem.open(path, 'create');
  await file.write(bytes, 0);
  await file.close();
}

async function contentOf(path: string): Promise<Uint8Array> {
  const file = await fileSystem.open(path, 'read');
  const content = new Uint8Array(await file.size()).fill(7);
  expect(await file.read(content, 0)).toBe(content.length);
  return content;
}

describe('names in memory', () => {
  it('are created once, and a missing one is not found', async () => {
    await put('/a', bytesOf(3));
    await expect(fileSystem.open('/a', 'create')).rejects.toMatchObject({ kind: 'exists' });
    expect(await contentOf('/a')).toEqual(bytesOf(3));
    const missing = { kind: 'not-found' };
    for (const mode of ['read', 'write'] as const) {
      await expect(fileSystem.open('/b', mode)).rejects.toMatchObject(missing);
    }
    await expect(fileSystem.unlink('/b')).rejects.toMatchObject(missing);
    await expect(fileSystem.rename('/b', '/c')).rejects.toMatchObject(missing);
    expect(await fileSystem.kindOf('/b')).toBe(undefined);
    expect(await fileSystem.kindOf('/c')).toBe(undefined);
  });

  it('are listed in ascending order, files and directories of this directory only', async () => {
    for (const path of ['/d', '/d/y', '/d/y/z', '/e']) await fileSystem.makeDirectory(path);
    for (const path of ['/d/x', '/d/a', '/d/z', '/d/y/a', '/f']) await put(path, bytesOf(1));
    expect(await fileSystem.list('/d')).toEqual([
      { name: 'a', kind: 'file' },
      { name: 'x', kind: 'file' },
      { name: 'y', kind: 'directory' },
      { name: 'z', kind: 'file' },
    ]);
  });

  it('are gone when they are removed', async () => {
    await fileSystem.makeDirectory('/d');
    await put('/d/a', bytesOf(1));
    expect(await fileSystem.kindOf('/d/a')).toBe('file');
    await fileSystem.unlink('/d/a');
    expect(await fileSystem.kindOf('/d/a')).toBe(undefined);
    expect(await fileSystem.kindOf('/d')).toBe('directory');
    await fileSystem.removeDirectory('/d');
    expect(await fileSystem.kindOf('/d')).toBe(undefined);
    await put('/d/a', bytesOf(2));
    expect(await contentOf('/d/a')).toEqual(bytesOf(2));
  });

  it('move with all that is below them, and with nothing else', async () => {
    await fileSystem.makeDirectory('/d');
    await fileSystem.makeDirectory('/d/below');
    await fileSystem.makeDirectory('/dd');
    for (const path of ['/d/a', '/d/below/b', '/dd/a']) await put(path, Buffer.from(path));
    await fileSystem.rename('/d', '/e');
    expect(await fileSystem.kindOf('/d')).toBe(undefined);
    expect(await fileSystem.list('/d')).toEqual([]);
    expect(await fileSystem.list('/e')).toHaveLength(2);
    expect(Buffer.from(await contentOf('/e/a')).toString()).toBe('/d/a');
    expect(Buffer.from(await contentOf('/e/below/b')).toString()).toBe('/d/below/b');
    expect(Buffer.from(await contentOf('/dd/a')).toString()).toBe('/dd/a');
    await fileSystem.rename('/dd/a', '/dd/b');
    expect(await fileSystem.list('/dd')).toEqual([{ name: 'b', kind: 'file' }]);
  });

  it('are never locked by another owner', async () => {
    expect(await fileSystem.foreignLock()).toBe(undefined);
    const lock = await fileSystem.lock();
    expect([lock.isFresh(), lock.tookFromSilentOwner]).toEqual([true, false]);
    lock.onLost(() => expect.unreachable());
    await lock.confirm();
    await lock.release();
  });
});

describe('a file in memory', () => {
  it('returns the bytes that were written at each offset, and none after its end', async () => {
    const file = await fileSystem.open('/a', 'create');
    await file.write(bytesOf(100), 0);
    await file.write(bytesOf(50, 2), 80);
    const expected = Buffer.concat([bytesOf(100).subarray(0, 80), bytesOf(50, 2)]);
    expect(await file.size()).toBe(130);
    for (const [position, count] of [
      [0, 40],
      [79, 40],
      [129, 1],
      [120, 10],
      [130, 0],
      [131, 0],
    ] as const) {
      const target = new Uint8Array(40).fill(7);
      expect(await file.read(target, position)).toBe(count);
      const read = Buffer.from(target.subarray(0, count));
      expect(read.equals(expected.subarray(position, position + count))).toBe(true);
      expect(target.subarray(count).every((byte) => byte === 7)).toBe(true);
    }
  });

  it('has zeros where nothing was written, even after it was cut and lengthened', async () => {
    const file = await fileSystem.open('/a', 'create');
    await file.write(bytesOf(10), 0);
    await file.truncate(4);
    expect(await file.size()).toBe(4);
    await file.truncate(20);
    expect(await file.size()).toBe(20);
    const cut = new Uint8Array(20);
    cut.set(bytesOf(10).subarray(0, 4));
    expect(await contentOf('/a')).toEqual(cut);
    await file.write(bytesOf(2), 30);
    const expected = new Uint8Array(32);
    expected.set(bytesOf(10).subarray(0, 4));
    expected.set(bytesOf(2), 30);
    expect(await contentOf('/a')).toEqual(expected);
  });

  it('writes the parts of a durable write one after the other', async () => {
    const file = await fileSystem.open('/a', 'create');
    await file.writeDurable([bytesOf(3, 1), bytesOf(0), bytesOf(5, 2), bytesOf(4, 3)], 2);
    await file.datasync();
    const expected = Buffer.concat([
      new Uint8Array(2),
      bytesOf(3, 1),
      bytesOf(5, 2),
      bytesOf(4, 3),
    ]);
    expect(Buffer.from(await contentOf('/a')).equals(expected)).toBe(true);
  });

  it('refuses every call once it is closed', async () => {
    const file = await fileSystem.open('/a', 'create');
    await file.close();
    await file.close();
    const closed = { kind: 'closed', path: '/a' };
    const calls: [string, () => Promise<unknown>][] = [
      ['read', () => file.read(new Uint8Array(1), 0)],
      ['write', () => file.write(bytesOf(1), 0)],
      ['write', () => file.writeDurable([bytesOf(1)], 0)],
      ['datasync', () => file.datasync()],
      ['truncate', () => file.truncate(3)],
      ['size', () => file.size()],
    ];
    for (const [operation, call] of calls) {
      await expect(call()).rejects.toMatchObject({ ...closed, operation });
    }
    expect(await contentOf('/a')).toEqual(new Uint8Array(0));
  });
});
