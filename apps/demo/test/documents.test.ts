import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findDocuments, isPackageDocument, piecesOf } from '../src/common/documents.ts';

const unlimited = { bytesMax: Infinity, filesMax: Infinity };
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'babuza-documents-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(path: string, content: string): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true });
  await writeFile(join(folder, path), content);
}

describe('finding documents', () => {
  it('takes each file once, in a tree laid out as pnpm does it', async () => {
    await put('.pnpm/a@1/node_modules/a/package.json', '{}');
    await put('.pnpm/a@1/node_modules/a/index.js', 'export {}');
    await put('.pnpm/b@1/node_modules/b/package.json', '{"b":1}');
    await symlink('.pnpm/a@1/node_modules/a', join(folder, 'a'), 'junction');
    await symlink('../../a@1/node_modules/a', join(folder, '.pnpm/b@1/node_modules/a'), 'junction');
    // A loop, a link out of the folder, and one to nowhere.
    await symlink(folder, join(folder, '.pnpm/b@1/node_modules/b/self'), 'junction');
    await symlink(tmpdir(), join(folder, 'out'), 'junction');
    await symlink('nowhere', join(folder, 'broken.js'), 'junction');
    const found = await findDocuments(folder, () => true, unlimited);
    expect(found.documents).toEqual([
      { path: '.pnpm/a@1/node_modules/a/index.js', bytes: 9 },
      { path: '.pnpm/a@1/node_modules/a/package.json', bytes: 2 },
      { path: '.pnpm/b@1/node_modules/b/package.json', bytes: 7 },
    ]);
    expect(found.linksNotFollowed).toBe(5);
    expect(found.bytes).toBe(18);
    expect(found.overLimit).toEqual({ files: 0, bytes: 0 });
    expect(found.unreadable).toBe(0);
  });

  it('follows a link that is given as the folder', async () => {
    await put('real/x.md', 'x');
    await symlink('real', join(folder, 'link'), 'junction');
    const found = await findDocuments(join(folder, 'link'), () => true, unlimited);
    expect(found.documents).toEqual([{ path: 'x.md', bytes: 1 }]);
  });

  it('takes empty files', async () => {
    await put('empty.md', '');
    const found = await findDocuments(folder, () => true, unlimited);
    expect(found.documents).toEqual([{ path: 'empty.md', bytes: 0 }]);
    expect(piecesOf(found.documents)).toEqual([
      { path: 'empty.md', chunk: 0, chunks: 1, offset: 0, bytes: 0 },
    ]);
  });

  it('counts what its limits leave out, and goes on with smaller ones', async () => {
    await put('1', 'four');
    await put('2', 'more than ten bytes');
    await put('3', 'five5');
    await put('4', '');
    const byBytes = await findDocuments(folder, () => true, { bytesMax: 10, filesMax: 10 });
    expect(byBytes.documents.map(({ path }) => path)).toEqual(['1', '3', '4']);
    expect(byBytes.overLimit).toEqual({ files: 1, bytes: 19 });
    const byFiles = await findDocuments(folder, () => true, { bytesMax: 100, filesMax: 1 });
    expect(byFiles.documents.map(({ path }) => path)).toEqual(['1']);
    expect(byFiles.overLimit).toEqual({ files: 3, bytes: 24 });
  });

  it('knows the documents of a package', () => {
    for (const name of ['package.json', 'README.md', 'index.d.ts', 'index.js', '.md']) {
      expect(isPackageDocument(name), name).toBe(true);
    }
    for (const name of ['other.json', 'xpackage.json', 'index.ts', 'index.js.map', 'md', 'a.mjs']) {
      expect(isPackageDocument(name), name).toBe(false);
    }
  });
});

describe('pieces', () => {
  it('cut a document without gaps', () => {
    const sizes = [0, 1, 9, 10, 11, 20, 25];
    for (const bytes of sizes) {
      const pieces = piecesOf([{ path: 'p', bytes }], 10);
      expect(pieces.length).toBe(Math.max(1, Math.ceil(bytes / 10)));
      let offset = 0;
      for (const [at, piece] of pieces.entries()) {
        expect(piece).toMatchObject({ chunk: at, chunks: pieces.length, offset });
        offset += piece.bytes;
      }
      expect(offset).toBe(bytes);
    }
  });
});
