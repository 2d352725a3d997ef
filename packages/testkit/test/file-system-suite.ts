/**
 * The rules that every file system keeps. The suite also runs on the real one, so that the
 * simulated ones are neither kinder nor stricter than a disk.
 */
import type { File, FileErrorKind, FileSystem } from '@babuza/vfs';
import { FileError } from '@babuza/vfs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

export interface FileSystemUnderTest {
  readonly fileSystem: FileSystem;
  /** The path of an empty, existing directory. */
  readonly directory: string;
  cleanUp(): Promise<void>;
}

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

async function failureOf(work: Promise<unknown>): Promise<FileError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FileError);
  return error as FileError;
}

async function contentsOf(file: File): Promise<number[]> {
  const target = new Uint8Array((await file.size()) + 3);
  const got = await file.read(target, 0);
  expect(got).toBe(await file.size());
  return [...target.subarray(0, got)];
}

async function fails(kind: FileErrorKind, work: Promise<unknown>): Promise<FileError> {
  const error = await failureOf(work);
  expect(error.kind).toBe(kind);
  return error;
}

export function describeFileSystem(name: string, make: () => Promise<FileSystemUnderTest>): void {
  describe(name, () => {
    let under: FileSystemUnderTest;
    let fileSystem: FileSystem;
    let path: (name: string) => string;

    beforeEach(async () => {
      under = await make();
      fileSystem = under.fileSystem;
      path = (name) => `${under.directory}/${name}`;
    });
    afterEach(() => under.cleanUp());

    describe('open', () => {
      it('creates only what is missing, and opens only what is there', async () => {
        await fails('not-found', fileSystem.open(path('a'), 'read'));
        await fails('not-found', fileSystem.open(path('a'), 'write'));
        const file = await fileSystem.open(path('a'), 'create');
        expect(file.path).toBe(path('a'));
        expect(await file.size()).toBe(0);
        const error = await fails('exists', fileSystem.open(path('a'), 'create'));
        expect(error).toMatchObject({ operation: 'open', path: path('a'), errno: 'EEXIST' });
        await file.close();
        await (await fileSystem.open(path('a'), 'write')).close();
      });

      it('refuses directories, and paths through files or missing directories', async () => {
        await fails('is-a-directory', fileSystem.open(under.directory, 'read'));
        await fails('is-a-directory', fileSystem.open(under.directory, 'write'));
        await fails('not-found', fileSystem.open(path('none/a'), 'create'));
        await (await fileSystem.open(path('a'), 'create')).close();
        await fails('not-a-directory', fileSystem.open(path('a/b'), 'create'));
      });

      it('refuses writes to a file that was opened for reading', async () => {
        await (await fileSystem.open(path('a'), 'create')).close();
        const file = await fileSystem.open(path('a'), 'read');
        await fails('permission', file.write(bytes(1), 0));
        await fails('permission', file.writeDurable([bytes(1)], 0));
        await fails('permission', file.truncate(0));
        expect(() => file.writeSync(bytes(1), 0)).toThrow(FileError);
        expect(() => file.writeDurableSync([bytes(1)], 0)).toThrow(FileError);
        expect(await file.size()).toBe(0);
        await file.close();
      });
    });

    describe('reading and writing', () => {
      it('appends, overwrites, and leaves zeros in a gap', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        await file.write(bytes(1, 2, 3), 0);
        await file.write(bytes(4, 5), 3);
        await file.write(bytes(9, 255), 1);
        await file.write(bytes(7), 8);
        expect(await contentsOf(file)).toEqual([1, 9, 255, 4, 5, 0, 0, 0, 7]);
        await file.close();
      });

      it('does the same synchronously', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        file.writeSync(bytes(1, 2, 3), 0);
        file.writeDurableSync([bytes(4), bytes(), bytes(5, 6)], 2);
        file.datasyncSync();
        const target = new Uint8Array(4);
        expect(file.readSync(target, 1)).toBe(4);
        expect([...target]).toEqual([2, 4, 5, 6]);
        expect(file.readSync(target, 3)).toBe(2);
        expect(file.readSync(target, 99)).toBe(0);
        await file.close();
      });

      it('reads fewer bytes only at the end of the file, and none behind it', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        await file.write(bytes(1, 2, 3, 4, 5), 0);
        const target = new Uint8Array(4).fill(77);
        expect(await file.read(target, 3)).toBe(2);
        expect([...target]).toEqual([4, 5, 77, 77]);
        expect(await file.read(target, 5)).toBe(0);
        expect(await file.read(target, 5000)).toBe(0);
        expect(await file.read(new Uint8Array(0), 0)).toBe(0);
        await file.close();
      });

      it('moves more than a page, and across page borders', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        const data = Uint8Array.from({ length: 10_000 }, (_, index) => index * 7);
        await file.write(data, 4000);
        const target = new Uint8Array(10_000);
        expect(await file.read(target, 4000)).toBe(10_000);
        expect(target).toEqual(data);
        expect(await file.read(target, 0)).toBe(10_000);
        expect(target.subarray(0, 4000)).toEqual(new Uint8Array(4000));
        await file.close();
      });

      it('writes any number of parts one after the other', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        const parts = Array.from({ length: 2100 }, (_, index) => bytes(index));
        parts.splice(700, 0, bytes(), bytes(1, 2, 3));
        await file.writeDurable(parts, 5);
        expect(await contentsOf(file)).toEqual([0, 0, 0, 0, 0, ...parts.flatMap((p) => [...p])]);
        await file.writeDurable([], 0);
        await file.writeDurable([bytes()], 0);
        await file.close();
      });

      it('shows one handle what another has written', async () => {
        const one = await fileSystem.open(path('a'), 'create');
        const two = await fileSystem.open(path('a'), 'read');
        await one.write(bytes(1, 2), 0);
        expect(await contentsOf(two)).toEqual([1, 2]);
        await one.writeDurable([bytes(3)], 2);
        expect(await contentsOf(two)).toEqual([1, 2, 3]);
        await one.close();
        await two.close();
      });

      it('allows calls on different bytes at the same time', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        await file.truncate(40);
        await Promise.all(
          Array.from({ length: 40 }, (_, index) => file.write(bytes(index), index)),
        );
        expect(await contentsOf(file)).toEqual(Array.from({ length: 40 }, (_, index) => index));
        await file.close();
      });

      it('refuses an invalid offset', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        for (const offset of [-1, 0.5, Number.NaN]) {
          await expect(file.write(bytes(1), offset)).rejects.toThrow(RangeError);
          await expect(file.read(new Uint8Array(1), offset)).rejects.toThrow(RangeError);
        }
        await file.close();
      });

      it('truncates and extends by zeros', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        await file.write(bytes(1, 2, 3, 4), 0);
        await file.truncate(2);
        expect(await contentsOf(file)).toEqual([1, 2]);
        await file.truncate(5);
        expect(await contentsOf(file)).toEqual([1, 2, 0, 0, 0]);
        await file.truncate(0);
        expect(await file.size()).toBe(0);
        await file.close();
      });

      it('syncs files and directories', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        await file.datasync();
        await file.write(bytes(1), 0);
        await file.datasync();
        await file.close();
        await fileSystem.syncDirectory(under.directory);
      });
    });

    describe('close', () => {
      it('makes every later call fail except a second close', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        await file.close();
        await file.close();
        const calls = [
          file.read(new Uint8Array(1), 0),
          file.write(bytes(1), 0),
          file.writeDurable([bytes(1)], 0),
          file.datasync(),
          file.truncate(0),
          file.size(),
        ];
        for (const call of calls) await fails('closed', call);
        expect(() => file.readSync(new Uint8Array(1), 0)).toThrow('closed');
        expect(() => file.writeSync(bytes(1), 0)).toThrow('closed');
        expect(() => file.datasyncSync()).toThrow('closed');
        expect(() => file.writeDurableSync([bytes(1)], 0)).toThrow('closed');
      });

      it('lets a call in flight finish', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        const writing = file.write(new Uint8Array(5000).fill(1), 0);
        const closing = file.close();
        await writing;
        await closing;
        const again = await fileSystem.open(path('a'), 'read');
        expect(await again.size()).toBe(5000);
        await again.close();
      });
    });

    describe('names', () => {
      it('are listed in order with their kinds', async () => {
        for (const name of ['b', '\uff5e', 'a', 'é', 'Z', '😀', '10', '9']) {
          await (await fileSystem.open(path(name), 'create')).close();
        }
        await fileSystem.makeDirectory(path('d'));
        const entries = await fileSystem.list(under.directory);
        expect(entries.map((entry) => entry.name)).toEqual([
          '10',
          '9',
          'Z',
          'a',
          'b',
          'd',
          'é',
          // The order is by code units: there a surrogate precedes U+FF5E, in bytes or code points
          // it does not.
          '😀',
          '\uff5e',
        ]);
        expect(entries.find((entry) => entry.name === 'd')?.kind).toBe('directory');
        expect(entries.find((entry) => entry.name === 'a')?.kind).toBe('file');
        expect(await fileSystem.list(path('d'))).toEqual([]);
        await fails('not-found', fileSystem.list(path('none')));
        await fails('not-a-directory', fileSystem.list(path('a')));
      });

      it('have a kind', async () => {
        await (await fileSystem.open(path('a'), 'create')).close();
        expect(await fileSystem.kindOf(path('a'))).toBe('file');
        expect(await fileSystem.kindOf(under.directory)).toBe('directory');
        expect(await fileSystem.kindOf(path('none'))).toBeUndefined();
        expect(await fileSystem.kindOf(path('none/below'))).toBeUndefined();
        await fails('not-a-directory', fileSystem.kindOf(path('a/below')));
      });

      it('are replaced by a rename, while handles stay with their file', async () => {
        const old = await fileSystem.open(path('a'), 'create');
        await old.write(bytes(1), 0);
        const fresh = await fileSystem.open(path('b'), 'create');
        await fresh.write(bytes(2, 2), 0);
        await fileSystem.rename(path('b'), path('a'));
        expect((await fileSystem.list(under.directory)).map((entry) => entry.name)).toEqual(['a']);
        expect(await contentsOf(old)).toEqual([1]);
        await fresh.writeDurable([bytes(3)], 2);
        const again = await fileSystem.open(path('a'), 'read');
        expect(await contentsOf(again)).toEqual([2, 2, 3]);
        await fails('not-found', fileSystem.rename(path('b'), path('c')));
        await fileSystem.rename(path('a'), path('a'));
        expect(await fileSystem.kindOf(path('a'))).toBe('file');
        await Promise.all([old.close(), fresh.close(), again.close()]);
      });

      it('are renamed within one directory only', async () => {
        await fileSystem.makeDirectory(path('d'));
        await (await fileSystem.open(path('a'), 'create')).close();
        await expect(fileSystem.rename(path('a'), path('d/a'))).rejects.toThrow(RangeError);
      });

      it('can be removed while their file is open', async () => {
        const file = await fileSystem.open(path('a'), 'create');
        await file.write(bytes(1), 0);
        await fileSystem.unlink(path('a'));
        expect(await fileSystem.kindOf(path('a'))).toBeUndefined();
        await file.write(bytes(2), 1);
        expect(await contentsOf(file)).toEqual([1, 2]);
        const other = await fileSystem.open(path('a'), 'create');
        expect(await other.size()).toBe(0);
        await Promise.all([file.close(), other.close()]);
        await fails('not-found', fileSystem.unlink(path('none')));
        await fileSystem.makeDirectory(path('d'));
        // Linux and macOS report different reasons.
        const error = await failureOf(fileSystem.unlink(path('d')));
        expect(['is-a-directory', 'permission']).toContain(error.kind);
      });

      it('of directories can be renamed, and removed when they are empty', async () => {
        await fileSystem.makeDirectory(path('x/y'));
        await (await fileSystem.open(path('x/f'), 'create')).close();
        await fileSystem.rename(path('x'), path('z'));
        expect(await fileSystem.kindOf(path('x'))).toBeUndefined();
        expect((await fileSystem.list(path('z'))).map(({ name }) => name)).toEqual(['f', 'y']);
        await fails('not-empty', fileSystem.removeDirectory(path('z')));
        await fails('not-a-directory', fileSystem.removeDirectory(path('z/f')));
        await fails('not-found', fileSystem.removeDirectory(path('none')));
        await fileSystem.unlink(path('z/f'));
        await fileSystem.removeDirectory(path('z/y'));
        await fileSystem.removeDirectory(path('z'));
        expect(await fileSystem.kindOf(path('z'))).toBeUndefined();
      });

      it('of directories are created together with missing ancestors', async () => {
        await fileSystem.makeDirectory(path('x/y/z'));
        await fileSystem.makeDirectory(path('x/y/z'));
        expect(await fileSystem.kindOf(path('x/y/z'))).toBe('directory');
        await (await fileSystem.open(path('x/f'), 'create')).close();
        await fails('not-a-directory', fileSystem.makeDirectory(path('x/f')));
        await fails('not-a-directory', fileSystem.makeDirectory(path('x/f/g')));
        await fails('not-found', fileSystem.syncDirectory(path('none')));
        await fails('not-a-directory', fileSystem.syncDirectory(path('x/f')));
      });
    });

    describe('lock', () => {
      it('excludes a second owner until it is released', async () => {
        const lock = await fileSystem.lock(under.directory);
        const error = await fails('locked', fileSystem.lock(under.directory));
        expect(error.message).toContain('held by');
        expect((await fileSystem.list(under.directory)).map((entry) => entry.name)).toEqual([
          'LOCK',
        ]);
        await lock.release();
        await lock.release();
        const again = await fileSystem.lock(under.directory);
        await again.release();
        expect(await fileSystem.list(under.directory)).toEqual([]);
        await fails('not-found', fileSystem.lock(path('none')));
      });

      it('holds for one directory only', async () => {
        await fileSystem.makeDirectory(path('a'));
        await fileSystem.makeDirectory(path('b'));
        const locks = [await fileSystem.lock(path('a')), await fileSystem.lock(path('b'))];
        await Promise.all(locks.map((lock) => lock.release()));
      });
    });
  });
}
