/** One file of a snapshot that is written, read and received chunk by chunk. */
import { SimulatedDisk } from '@babuza/testkit';
import type { File, FileSystem } from '@babuza/vfs';
import { beforeEach, describe, expect, it } from 'vitest';
import { ChunkReader } from '../src/files/chunk-reader.ts';
import { ChunkWriter, syncBytes } from '../src/files/chunk-writer.ts';
import { IncomingFile } from '../src/files/incoming-file.ts';
import { chunkSalt, FileChunks } from '../src/format/chunk.ts';
import type { SnapshotCodec } from '../src/format/manifest.ts';
import { MemoryFileSystem } from '../src/memory-file-system.ts';
import { bytesOf, chunkBytes, fails, joined, metadataOf } from './support.ts';

const metadata = metadataOf(10);
/** Random and compressible bytes in turn, which give chunks of many lengths. */
const content = Buffer.concat(
  [3, 4, 5, 6].flatMap((seed) => [bytesOf(400, seed), new Uint8Array(300)]),
);
const codecs = ['none', 'deflate'] as const;

let disk: SimulatedDisk;
beforeEach(() => {
  disk = new SimulatedDisk();
});

interface Written {
  readonly chunks: FileChunks;
  readonly path: string;
}

async function written(
  codec: SnapshotCodec,
  bytes: Uint8Array = content,
  path = '/file',
  headsOnly = false,
): Promise<Written> {
  const file = await disk.open(path, 'create');
  const form = { codec, chunkBytes, salt: chunkSalt(metadata, 'state') };
  const writer = new ChunkWriter(file, form, { level: 6, headsOnly });
  for (let at = 0; at < bytes.length; at += 137) await writer.append(bytes.subarray(at, at + 137));
  const entry = { name: 'state', ...(await writer.end()) };
  await file.close();
  expect(entry.contentBytes).toBe(bytes.length);
  const manifest = { id: '', codec, chunkBytes, files: [entry] };
  return { chunks: new FileChunks(metadata, manifest, entry), path };
}

function reading({ chunks, path }: Written, outside?: string): Promise<ChunkReader> {
  const inside = { fileSystem: disk, path };
  if (outside === undefined) return ChunkReader.open(chunks, inside);
  return ChunkReader.open(chunks, inside, { fileSystem: disk, path: outside });
}

/** The same content with its heads in a folder and its bytes in a file outside. */
async function linked(): Promise<Written> {
  disk.surgery.put('/outside', content);
  return await written('deflate', content, '/heads', true);
}

async function chunksFrom(reader: ChunkReader, from: number): Promise<[number, number][]> {
  const found: [number, number][] = [];
  for await (const { position, bytes } of reader.read(from)) {
    found.push([position, position + bytes.length]);
  }
  return found;
}

describe('the chunks of a file that is read', () => {
  it.each(codecs)('start with the one that holds the requested byte (%s)', async (codec) => {
    const made = await written(codec);
    const reader = await reading(made);
    const all = await chunksFrom(reader, 0);
    expect(all[0]?.[0]).toBe(0);
    expect(all.at(-1)?.[1]).toBe(made.chunks.file.storedBytes);
    expect(all).toHaveLength(made.chunks.count);
    for (const from of all.flatMap(([start, end]) => [start, start + 8, start + 9, end - 1])) {
      const expected = all.filter(([, end]) => end > from);
      expect(await chunksFrom(reader, from), `from ${from}`).toEqual(expected);
    }
    await reader.close();
    expect(disk.openPaths).toEqual([]);
  });

  it.each(codecs)('return the content (%s)', async (codec) => {
    for (const length of [0, 1, 511, 512, 513, 1024, content.length]) {
      const bytes = content.subarray(0, length);
      const reader = await reading(await written(codec, bytes, `/file-${length}`));
      await reader.checkSizes();
      expect(Buffer.compare(await joined(reader.content()), bytes), `${length}`).toBe(0);
      await reader.close();
    }
  });

  it('return the content of a file outside', async () => {
    const reader = await reading(await linked(), '/outside');
    await reader.checkSizes();
    expect(Buffer.compare(await joined(reader.content()), content)).toBe(0);
    await reader.close();
    expect(disk.openPaths).toEqual([]);
  });

  it.each(codecs)('are refused if the file has another size (%s)', async (codec) => {
    const made = await written(codec);
    const bytes = disk.surgery.contents(made.path);
    for (const size of [bytes.length - 1, bytes.length + 1]) {
      const changed = new Uint8Array(size);
      changed.set(bytes.subarray(0, size));
      disk.surgery.put(made.path, changed);
      const reader = await reading(made);
      const error = await fails('SNAPSHOT_CORRUPT', reader.checkSizes());
      expect(error.details).toEqual({
        file: made.path,
        offset: 0,
        expected: bytes.length,
        got: size,
      });
      await reader.close();
    }
  });

  it('are refused if the heads or the content outside have another size', async () => {
    const made = await linked();
    for (const path of ['/heads', '/outside']) {
      const bytes = disk.surgery.contents(path).slice();
      disk.surgery.put(path, Buffer.concat([bytes, new Uint8Array(1)]));
      const reader = await reading(made, '/outside');
      expect((await fails('SNAPSHOT_CORRUPT', reader.checkSizes())).details?.file).toBe(path);
      await reader.close();
      disk.surgery.put(path, bytes);
    }
  });

  it.each(['none', 'deflate', 'outside'] as const)(
    'are refused if any bit of a head is wrong (%s)',
    async (where) => {
      const made = where === 'outside' ? await linked() : await written(where);
      const outside = where === 'outside' ? '/outside' : undefined;
      const reader = await reading(made, outside);
      const starts =
        where === 'outside'
          ? Array.from({ length: made.chunks.count }, (_, number) => 8 * number)
          : (await chunksFrom(reader, 0)).map(([start]) => start);
      for (const start of starts) {
        for (let bit = 8 * start; bit < 8 * (start + 8); bit += 1) {
          disk.surgery.flipBit(made.path, bit);
          await fails('SNAPSHOT_CORRUPT', chunksFrom(reader, 0));
          disk.surgery.flipBit(made.path, bit);
        }
      }
      await chunksFrom(reader, 0);
      await reader.close();
    },
  );

  it('are refused if the hash of the content differs although its chunks are valid', async () => {
    const made = await written('none');
    const other = { ...made.chunks.file, sha256: bytesOf(32) };
    const manifest = { id: '', codec: 'none', chunkBytes, files: [other] } as const;
    const chunks = new FileChunks(metadata, manifest, other);
    const reader = await reading({ chunks, path: made.path });
    const error = await fails('SNAPSHOT_CORRUPT', joined(reader.content()));
    expect(error.message).toContain('the hash of the content differs');
    expect(error.details).toMatchObject({ file: made.path, offset: 0 });
    await reader.close();
  });

  it('leave no file open if the one outside is missing', async () => {
    const made = await linked();
    await expect(reading(made, '/none')).rejects.toMatchObject({ kind: 'not-found' });
    expect(disk.openPaths).toEqual([]);
  });
});

/** A file system that counts the syncs of its files. */
class CountedFileSystem extends MemoryFileSystem {
  syncs = 0;
  /** The error of the next sync. */
  failure: Error | undefined;

  override async open(...args: Parameters<FileSystem['open']>): Promise<File> {
    const file = await super.open(...args);
    const datasync = file.datasync.bind(file);
    file.datasync = async () => {
      await datasync();
      this.syncs += 1;
      if (this.failure !== undefined) throw this.failure;
    };
    return file;
  }
}

describe('a large file', () => {
  /** Eight chunks with their heads are the size after which a file is synced. */
  const large = syncBytes / 8 - 8;
  const form = { codec: 'none', chunkBytes: large, salt: chunkSalt(metadata, 'state') } as const;
  const piece = new Uint8Array(large).fill(5);

  async function writtenLarge(
    fileSystem: CountedFileSystem,
    chunkCount: number,
    syncs: number[] = [],
  ): Promise<FileChunks> {
    const file = await fileSystem.open('/large', 'create');
    const writer = new ChunkWriter(file, form, { level: 1, headsOnly: false });
    for (let number = 0; number < chunkCount; number += 1) {
      await writer.append(piece);
      syncs.push(fileSystem.syncs);
    }
    const entry = { name: 'state', ...(await writer.end()) };
    await file.close();
    return new FileChunks(metadata, { id: '', ...form, files: [entry] }, entry);
  }

  it('is synced after each 4 MiB and at its end', async () => {
    const fileSystem = new CountedFileSystem();
    const syncs: number[] = [];
    await writtenLarge(fileSystem, 9, syncs);
    expect(syncs).toEqual([...Array(7).fill(0), 1, 1]);
    expect(fileSystem.syncs).toBe(2);
  });

  it('that arrives is synced after each 4 MiB and at its end', async () => {
    const fileSystem = new CountedFileSystem();
    const chunks = await writtenLarge(fileSystem, 9);
    const stored = new Uint8Array(chunks.file.storedBytes);
    await (await fileSystem.open('/large', 'read')).read(stored, 0);
    const part = await IncomingFile.create(fileSystem, '/part', chunks);
    fileSystem.syncs = 0;
    const syncs: number[] = [];
    for (let at = 0; at < stored.length; at += syncBytes / 8) {
      await part.take(stored.subarray(at, at + syncBytes / 8));
      syncs.push(fileSystem.syncs);
    }
    expect(syncs).toEqual([...Array(7).fill(0), 1, 1]);
    await part.finish();
    expect(fileSystem.syncs).toBe(2);
  });

  it('that arrives is refused when such a sync fails', async () => {
    const fileSystem = new CountedFileSystem();
    const chunks = await writtenLarge(fileSystem, 8);
    const stored = new Uint8Array(chunks.file.storedBytes);
    await (await fileSystem.open('/large', 'read')).read(stored, 0);
    fileSystem.failure = new Error('the disk failed');
    const part = await IncomingFile.create(fileSystem, '/part', chunks);
    await part.take(stored.subarray(0, -1));
    await expect(part.take(stored.subarray(-1))).rejects.toBe(fileSystem.failure);
  });
});

describe('a file that arrives', () => {
  it.each(codecs)(
    'accepts its own bytes and no more, in pieces of any size (%s)',
    async (codec) => {
      const made = await written(codec);
      const stored = disk.surgery.contents(made.path);
      for (const size of [1, 7, 8, 9, 519, 520, 521, stored.length + 5]) {
        const part = await IncomingFile.create(disk, `/part-${size}`, made.chunks);
        const stream = Buffer.concat([stored, bytesOf(5)]);
        let taken = 0;
        while (!part.isWhole) taken += await part.take(stream.subarray(taken, taken + size));
        expect(taken).toBe(stored.length);
        expect(await part.take(stream.subarray(taken))).toBe(0);
        expect(part.hasRightHash()).toBe(true);
        await part.finish();
        await part.close();
        expect(disk.openPaths).toEqual([]);
        const arrived = disk.surgery.contents(`/part-${size}`);
        expect(Buffer.compare(arrived, stored), `${size}`).toBe(0);
      }
    },
  );

  it.each(codecs)(
    'continues after its complete chunks, wherever it was cut (%s)',
    async (codec) => {
      const made = await written(codec);
      const stored = disk.surgery.contents(made.path);
      const reader = await reading(made);
      const ends = [0, ...(await chunksFrom(reader, 0)).map(([, end]) => end)];
      await reader.close();
      const lengths = new Set(ends.flatMap((end) => [end - 1, end, end + 8]));
      for (const length of [...lengths].filter((each) => each >= 0 && each <= stored.length)) {
        disk.surgery.put('/cut', stored.slice(0, length));
        const here = ends.findLast((end) => end <= length) ?? 0;
        const seen = await IncomingFile.open(disk, '/cut', made.chunks, 'read');
        expect(await seen.resume(false), `cut at ${length}`).toBe(here);
        expect(seen.isWhole).toBe(length === stored.length);
        await seen.close();
        expect(disk.surgery.contents('/cut')).toHaveLength(length);
        const part = await IncomingFile.open(disk, '/cut', made.chunks, 'write');
        expect(await part.resume(true), `cut at ${length}`).toBe(here);
        expect(disk.surgery.contents('/cut')).toHaveLength(here);
        expect(await part.take(stored.subarray(here))).toBe(stored.length - here);
        expect([part.isWhole, part.hasRightHash()]).toEqual([true, true]);
        await part.close();
        expect(Buffer.compare(disk.surgery.contents('/cut'), stored)).toBe(0);
      }
    },
  );

  it('ignores the chunks after an invalid one', async () => {
    const made = await written('none');
    const stored = disk.surgery.contents(made.path).slice();
    for (const bit of [8 * 3, 8 * 7, 8 * 100]) {
      disk.surgery.put('/damaged', stored);
      disk.surgery.flipBit('/damaged', 8 * 520 + bit);
      const part = await IncomingFile.open(disk, '/damaged', made.chunks, 'read');
      expect(await part.resume(false)).toBe(520);
      await part.close();
    }
  });

  it('reports a disk that fails to read or to close', async () => {
    const made = await written('none');
    disk.inject({ on: 'read', nth: 2, fault: { type: 'error', kind: 'io' } });
    const part = await IncomingFile.open(disk, made.path, made.chunks, 'read');
    await expect(part.resume(false)).rejects.toMatchObject({ kind: 'io' });
    disk.inject({ on: 'close', fault: { type: 'error', kind: 'io' } });
    await expect(part.close()).rejects.toMatchObject({ kind: 'io' });
  });
});
