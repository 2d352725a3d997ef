/** A snapshot that arrives: which bytes it accepts and refuses, and where a transfer continues. */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { simulatedEnvironment, type SimulatedDisk } from '@babuza/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { chunkSalt, writeHead } from '../src/format/chunk.ts';
import { decodeManifest, encodeManifest, type SnapshotManifest } from '../src/format/manifest.ts';
import type { SnapshotContents } from '../src/format/metadata-file.ts';
import { snapshotIdOf } from '../src/format/snapshot-id.ts';
import { type DurableSnapshotManager, VolatileSnapshotManager } from '../src/index.ts';
import { IncomingSnapshot } from '../src/incoming-snapshot.ts';
import { SnapshotFolder } from '../src/snapshot-folder.ts';
import {
  asStream,
  bytesOf,
  chunkBytes,
  failureOf,
  fails,
  filesOf,
  joined,
  make,
  metadataOf,
  type Files,
} from './support.ts';
import { openedOn } from './disk-manager.ts';

/** Sorted by name. `a` has two chunks, `b` has none, `c` and `d` have one each. */
const files: Files = { a: bytesOf(600), b: new Uint8Array(0), c: bytesOf(20, 2), d: bytesOf(9, 3) };
const storedBytes = [616, 0, 28, 17];
const whole = 661;

let disk: SimulatedDisk;
let folder: SnapshotFolder;
let contents: SnapshotContents;
let stream: Uint8Array;

beforeEach(async () => {
  const source = new VolatileSnapshotManager({ chunkBytes });
  await source.open(1n);
  const stored = await make(source, 10, files);
  stream = await joined(source.send(stored.metadata));
  expect(stream).toHaveLength(whole);
  const manifest = decodeManifest(stored.manifest);
  expect(manifest.files.map((file) => file.storedBytes)).toEqual(storedBytes);
  contents = {
    groupId: 1n,
    metadata: stored.metadata,
    manifest,
    manifestBytes: stored.manifest,
    locations: manifest.files.map((_, at) => ({ number: at + 1 })),
  };
  disk = simulatedEnvironment(1).fileSystem;
  folder = new SnapshotFolder(disk, disk, '/snap', 1n);
  await folder.prepare();
});

async function begun(bytes: Uint8Array, of = contents): Promise<IncomingSnapshot> {
  const part = new IncomingSnapshot(folder, of);
  await part.prepare();
  await part.take(bytes);
  return part;
}

const pathOf = (number: number): string =>
  `/snap/group-0000000000000001/${contents.manifest.id}.part/file-000${number}`;

/** The contents with another hash of the first file, whose chunks stay valid. */
function withWrongHash(): SnapshotContents {
  const [first, ...rest] = contents.manifest.files;
  if (first === undefined) throw new Error('there is a file');
  const changed = [{ ...first, sha256: bytesOf(32) }, ...rest];
  const manifest: SnapshotManifest = {
    ...contents.manifest,
    id: snapshotIdOf(1n, contents.metadata, changed),
    files: changed,
  };
  return { ...contents, manifest, manifestBytes: encodeManifest(manifest) };
}

describe('an incoming snapshot', () => {
  it('knows how much it has at every offset where a transfer can end', async () => {
    for (const [end, here] of [
      [0, 0],
      [519, 0],
      [520, 520],
      [615, 520],
      [616, 616],
      [617, 616],
      [643, 616],
      [644, 644],
      [660, 644],
      [661, 661],
    ] as const) {
      const part = await begun(stream.subarray(0, end));
      expect([part.takenBytes, part.missingBytes]).toEqual([end, whole - end]);
      await part.close();
      expect(await new IncomingSnapshot(folder, contents).measure(), `of ${end}`).toBe(here);
      expect(disk.openPaths).toEqual([]);
      const next = new IncomingSnapshot(folder, contents);
      await next.prepare();
      expect([next.takenBytes, next.missingBytes]).toEqual([here, whole - here]);
      await next.take(stream.subarray(here));
      await next.finish();
      expect(disk.openPaths).toEqual([]);
      expect(await new IncomingSnapshot(folder, contents).measure()).toBe(whole);
      await folder.removeTree(part.name);
    }
  });

  it('that is complete needs no more bytes to be finished', async () => {
    await (await begun(stream)).close();
    const part = new IncomingSnapshot(folder, contents);
    await part.prepare();
    expect(part.missingBytes).toBe(0);
    await part.finish();
    expect(disk.openPaths).toEqual([]);
  });

  it('cannot be continued if its chunks are valid and a file is not', async () => {
    const changed = withWrongHash();
    const part = new IncomingSnapshot(folder, changed);
    await part.prepare();
    const error = await fails('SNAPSHOT_CORRUPT', part.take(stream));
    expect(error.message).toContain('the hash of file a differs');
    await part.close();
    expect(await new IncomingSnapshot(folder, changed).measure()).toBe(0);
    await fails('SNAPSHOT_CORRUPT', new IncomingSnapshot(folder, changed).prepare());
  });

  it('is refused at its end if the last file has another hash', async () => {
    const [last] = contents.manifest.files.slice(-1);
    if (last === undefined) throw new Error('there is a file');
    const changed = [...contents.manifest.files.slice(0, -1), { ...last, sha256: bytesOf(32) }];
    const id = snapshotIdOf(1n, contents.metadata, changed);
    const manifest = { ...contents.manifest, id, files: changed };
    const part = await begun(stream, {
      ...contents,
      manifest,
      manifestBytes: encodeManifest(manifest),
    });
    const error = await fails('SNAPSHOT_CORRUPT', part.finish());
    expect(error.message).toContain('the hash of file d differs');
    expect(error.details).toMatchObject({ file: 'the stream', offset: whole });
    await part.close();
  });

  it('refuses bytes after its end, and says where the end is', async () => {
    const part = new IncomingSnapshot(folder, contents);
    await part.prepare();
    const longer = Buffer.concat([stream, bytesOf(3)]);
    const error = await fails('SNAPSHOT_CORRUPT', part.take(longer));
    expect(error.message).toContain('the stream is longer than the snapshot');
    await part.close();
  });

  it('uses no file after a damaged one, and reports one that cannot be removed', async () => {
    await (await begun(stream)).close();
    disk.surgery.flipBit(pathOf(1), 8 * 600);
    const part = new IncomingSnapshot(folder, contents);
    await part.prepare();
    expect(part.takenBytes).toBe(520);
    const here = disk.surgery.files().filter((path) => path.includes('/file-'));
    expect(here).toEqual([pathOf(1)]);
    await part.take(stream.subarray(520));
    await part.close();
    disk.surgery.flipBit(pathOf(1), 8 * 600);
    disk.inject({ on: 'unlink', fault: { type: 'error', kind: 'io' } });
    const next = new IncomingSnapshot(folder, contents);
    await expect(next.prepare()).rejects.toMatchObject({ kind: 'io', operation: 'unlink' });
    await next.close();
    expect(disk.openPaths).toEqual([]);
  });

  it('writes and syncs again what an earlier process has left', async () => {
    await (await begun(stream.subarray(0, 600))).close();
    const before = disk.calls.length;
    const part = new IncomingSnapshot(folder, contents);
    await part.prepare();
    const calls = disk.calls.slice(before).map(({ operation, path }) => {
      return `${operation} ${path.slice(path.lastIndexOf('/') + 1)}`;
    });
    expect(calls).toContain('write snapshot');
    expect(calls).toContain('datasync snapshot');
    expect(calls).toContain('write file-0001');
    await part.close();
  });

  it('is kept when its metadata cannot be read for a moment', async () => {
    await (await begun(stream.subarray(0, 600))).close();
    for (const kind of ['io', 'too-many-open'] as const) {
      disk.inject({ on: 'open', path: /\/snapshot$/, fault: { type: 'error', kind } });
      const next = new IncomingSnapshot(folder, contents);
      await expect(next.prepare()).rejects.toMatchObject({ kind });
    }
    expect(await new IncomingSnapshot(folder, contents).measure()).toBe(520);
  });
});

describe('a transfer', () => {
  async function opened(): Promise<DurableSnapshotManager> {
    await folder.release();
    return openedOn(disk);
  }

  it('that ends too early says by how much', async () => {
    const manager = await opened();
    const { metadata, manifestBytes } = contents;
    const early = asStream([stream.subarray(0, 600)]);
    const error = await fails('SNAPSHOT_CORRUPT', manager.receive(metadata, manifestBytes, early));
    expect(error.message).toBe('the stream at byte 600: the stream ends 61 bytes too early');
    expect(error.details).toEqual({ file: 'the stream', offset: 600 });
    await manager.close();
  });

  it('continues when its files could not be read for a moment', async () => {
    const manager = await opened();
    const { metadata, manifestBytes } = contents;
    const early = asStream([stream.subarray(0, 600)]);
    await fails('SNAPSHOT_CORRUPT', manager.receive(metadata, manifestBytes, early));
    const codes = { io: 'SNAPSHOT_READ_FAILED', 'too-many-open': 'SNAPSHOT_TRY_AGAIN' } as const;
    for (const kind of ['io', 'too-many-open'] as const) {
      for (const path of [/\.part\/snapshot$/, /\.part\/file-0001$/]) {
        disk.inject({ on: 'open', path, fault: { type: 'error', kind } });
        await fails(codes[kind], manager.received(manifestBytes));
      }
    }
    disk.inject({ on: 'open', path: /\.part\//, fault: { type: 'error', kind: 'try-again' } });
    const again = asStream([stream.subarray(520)]);
    await fails('SNAPSHOT_TRY_AGAIN', manager.receive(metadata, manifestBytes, again));
    expect(await manager.received(manifestBytes)).toBe(520);
    await manager.receive(metadata, manifestBytes, asStream([stream.subarray(520)]));
    expect(await filesOf(manager, 10)).toEqual(files);
    expect(await manager.received(manifestBytes)).toBe(whole);
    await manager.close();
    expect(disk.openPaths).toEqual([]);
  });

  it('of chunks that do not fill their file does not become a snapshot', async () => {
    const manager = await opened();
    const content = new Uint8Array(300);
    const packed = new Uint8Array(deflateRawSync(content));
    const metadata = metadataOf(30);
    const sha256 = new Uint8Array(createHash('sha256').update(content).digest());
    const entry = {
      name: 'state',
      contentBytes: content.length,
      storedBytes: 8 + packed.length + 3,
      sha256,
    };
    const id = snapshotIdOf(1n, metadata, [entry]);
    const form = { codec: 'deflate', chunkBytes, salt: chunkSalt(metadata, 'state') } as const;
    const forged = new Uint8Array(entry.storedBytes);
    forged.set(packed, 8);
    writeHead(forged, 0, form, 0, content.length, packed);
    const manifest = encodeManifest({ ...form, id, files: [entry] });
    const error = await fails(
      'SNAPSHOT_CORRUPT',
      manager.receive(metadata, manifest, asStream([forged])),
    );
    expect(error.message).toContain('the chunks do not fill the files');
    expect(manager.list()).toEqual([]);
    await manager.close();
  });

  it('is removed for a newer one, unless it is still under way', async () => {
    const manager = await opened();
    const { metadata, manifestBytes } = contents;
    const reason = new Error('the connection is gone');
    const failing = (async function* () {
      yield stream.subarray(0, 530);
      throw reason;
    })();
    expect(await failureOf(manager.receive(metadata, manifestBytes, failing))).toBe(reason);
    expect(await manager.received(manifestBytes)).toBe(520);
    const source = new VolatileSnapshotManager({ chunkBytes });
    await source.open(1n);
    const other = await make(source, 20, files);
    await manager.receive(other.metadata, other.manifest, source.send(other.metadata));
    expect(await manager.received(manifestBytes)).toBe(0);
    await manager.close();
  });
});
